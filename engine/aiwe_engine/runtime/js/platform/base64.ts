/** `atob` and `btoa`: strings whose characters are bytes. */
import { DOMException } from "./exception";
import { apply, charCodeAt, fromCharCode, uncurry } from "./primordials";
import { need } from "./webidl";

type Base64 = { fromBase64(text: string): Uint8Array };
const { fromBase64 } = Uint8Array as unknown as Base64;
const toBase64 = uncurry((Uint8Array.prototype as unknown as { toBase64(): string }).toBase64);
const subarray = uncurry(Uint8Array.prototype.subarray);
const Bytes = Uint8Array;
/** How many arguments one call may take without a deep stack. */
const CHUNK = 8192;

/** The bytes of base64 text, spaces and missing padding allowed. Throws where it is none. */
export const decodeBase64 = (text: string): Uint8Array => apply(fromBase64, Bytes, [text]) as Uint8Array;

export function atob(data: string): string {
  need(arguments.length, 1, "atob");
  const text = `${data}`;
  let bytes: Uint8Array;
  try {
    bytes = decodeBase64(text);
  } catch {
    throw new DOMException("The string to be decoded is not base64.", "InvalidCharacterError");
  }
  let decoded = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    decoded += apply(fromCharCode, null, subarray(bytes, at, at + CHUNK) as unknown as number[]);
  }
  return decoded;
}

export function btoa(data: string): string {
  need(arguments.length, 1, "btoa");
  const text = `${data}`;
  const bytes = new Bytes(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = charCodeAt(text, at);
    if (code > 255) {
      throw new DOMException(
        `"${text[at]}" is no byte: btoa takes characters up to U+00FF. For text use new TextEncoder().encode(text).toBase64().`,
        "InvalidCharacterError",
      );
    }
    bytes[at] = code;
  }
  return toBase64(bytes);
}
