/** Internationalized domain names. */
export { toASCII, toUnicode } from "tr46";
