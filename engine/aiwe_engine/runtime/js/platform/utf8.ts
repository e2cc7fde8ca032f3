/** UTF-8, both ways. */
import { utf8fromStringLoose, utf8toStringLoose } from "@exodus/bytes/utf8.js";

export const encode = (text: string): Uint8Array => utf8fromStringLoose(text);
/** Every character is kept; what is malformed becomes U+FFFD. */
export const decodeAll = (bytes: Uint8Array): string => utf8toStringLoose(bytes);
/** The same without a byte order mark. */
export function decode(bytes: Uint8Array): string {
  const marked = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return utf8toStringLoose(marked ? bytes.subarray(3) : bytes);
}
