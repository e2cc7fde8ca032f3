/** `crypto`: random bytes from the host; `subtle` is a part of its own. */
import type { Internals } from "../internals";
import { DOMException } from "./exception";
import { stringSlice, typedArrayName, uncurry } from "./primordials";
import { idl, need } from "./webidl";

const MINE = Symbol("Crypto");
const QUOTA = 65_536;
const INTEGERS = new Set([
  "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
  "BigInt64Array", "BigUint64Array",
]);
const toHex = uncurry((Uint8Array.prototype as unknown as { toHex(): string }).toHex);
const Bytes = Uint8Array;
const source = { random: (_bytes: Uint8Array): void => {}, subtle: (): unknown => undefined };

export class Crypto {
  constructor(key?: symbol) {
    if (key !== MINE) throw new TypeError("Crypto has one object, `crypto`.");
  }

  getRandomValues<T extends ArrayBufferView>(array: T): T {
    need(arguments.length, 1, "crypto.getRandomValues");
    if (!ArrayBuffer.isView(array)) throw new TypeError("crypto.getRandomValues takes a typed array.");
    if (!INTEGERS.has(typedArrayName(array) ?? "")) {
      throw new DOMException("crypto.getRandomValues fills typed arrays of integers only, such as Uint8Array.", "TypeMismatchError");
    }
    if (array.byteLength > QUOTA) {
      throw new DOMException(`crypto.getRandomValues gives at most ${QUOTA} bytes at a time; call it several times.`, "QuotaExceededError");
    }
    source.random(new Bytes(array.buffer, array.byteOffset, array.byteLength));
    return array;
  }

  randomUUID(): string {
    const bytes = new Bytes(16);
    source.random(bytes);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = toHex(bytes);
    const part = (from: number, to: number): string => stringSlice(hex, from, to);
    return `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}`;
  }

  get subtle(): unknown { return source.subtle(); }
}
idl(Crypto, "Crypto");

export function makeCrypto(I: Internals): Crypto {
  source.random = (bytes) => I.host.random(bytes);
  source.subtle = () => I.load("crypto").subtle;
  return new Crypto(MINE);
}
