/** UTF-8 for whatwg-url, which knows no other encoding where there is no document. */
const { encode, decodeAll } = __I.utf8 as typeof import("../utf8");
const HEX = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`);

export { encode as utf8Encode, decodeAll as utf8DecodeWithoutBOM };

export function percentEncodeAfterEncoding(_encoding: string, input: string, encodeSet: string, spaceAsPlus = false): string {
  let text = "";
  for (const byte of encode(input)) {
    if (byte === 0x20 && spaceAsPlus) text += "+";
    else text += byte < 0x20 || byte > 0x7e || encodeSet.includes(String.fromCharCode(byte)) ? HEX[byte]! : String.fromCharCode(byte);
  }
  return text;
}
