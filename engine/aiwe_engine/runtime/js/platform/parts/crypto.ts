/** crypto.subtle: digests and HMAC. Other algorithms are refused by name. */
import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";

const { idl, markPlatform, need } = __I.webidl as typeof import("../webidl");
const { DOMException } = __I;

const HASHES = { "SHA-1": sha1, "SHA-256": sha256, "SHA-384": sha384, "SHA-512": sha512 };
type HashName = keyof typeof HASHES;
const USAGES = ["sign", "verify"];
const OTHERS = ["encrypt", "decrypt", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];
const MINE = Symbol("CryptoKey");

interface Algorithm { name: "HMAC"; hash: { name: HashName }; length: number }

let secretOf: (key: CryptoKey) => Uint8Array;

class CryptoKey {
  #secret: Uint8Array;
  #algorithm: Algorithm;
  #extractable: boolean;
  #usages: string[];
  static { secretOf = (key) => key.#secret; }

  constructor(mine: symbol, secret: Uint8Array, algorithm: Algorithm, extractable: boolean, usages: string[]) {
    if (mine !== MINE) throw new TypeError("A CryptoKey is made by crypto.subtle.importKey or generateKey.");
    this.#secret = secret;
    this.#algorithm = algorithm;
    this.#extractable = extractable;
    this.#usages = usages;
  }

  get type(): string { void this.#secret; return "secret"; }
  get extractable(): boolean { return this.#extractable; }
  get algorithm(): Algorithm { return this.#algorithm; }
  get usages(): string[] { return this.#usages; }
}
idl(CryptoKey, "CryptoKey");
markPlatform(CryptoKey);

function nameOf(algorithm: unknown): string {
  if (typeof algorithm === "object" && algorithm !== null) {
    const { name } = algorithm as { name?: unknown };
    if (name === undefined) throw new TypeError("The algorithm needs a name, as in { name: \"HMAC\", hash: \"SHA-256\" }.");
    return `${name as string}`.toUpperCase();
  }
  return `${algorithm as string}`.toUpperCase();
}

function hashOf(algorithm: unknown): HashName {
  const name = nameOf(algorithm);
  if (!Object.hasOwn(HASHES, name)) throw unsupported(name, Object.keys(HASHES).join(", "));
  return name as HashName;
}

function needHmac(algorithm: unknown): void {
  const name = nameOf(algorithm);
  if (name !== "HMAC") throw unsupported(name, "HMAC, and digests with SHA-1, SHA-256, SHA-384 and SHA-512");
}

const unsupported = (name: string, known: string): Error =>
  new DOMException(`crypto.subtle does not have "${name}" here. It has ${known}.`, "NotSupportedError");

function bytesOf(data: unknown): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (data instanceof ArrayBuffer) return new Uint8Array(data).slice();
  throw new TypeError("crypto.subtle takes bytes: encode text with new TextEncoder().encode(text).");
}

function checkUsages(given: unknown): string[] {
  const usages = [...(given as Iterable<unknown>)].map((usage) => `${usage as string}`);
  for (const usage of usages) {
    if (!USAGES.includes(usage) && !OTHERS.includes(usage)) throw new TypeError(`"${usage}" is no key usage.`);
    if (!USAGES.includes(usage)) throw new DOMException(`An HMAC key cannot be used to ${usage}.`, "SyntaxError");
  }
  return USAGES.filter((usage) => usages.includes(usage));
}

function makeKey(secret: Uint8Array, hash: HashName, length: unknown, extractable: unknown, usages: string[]): CryptoKey {
  const bits = secret.length * 8;
  const wanted = length === undefined ? bits : Number(length);
  if (bits === 0 || wanted > bits || wanted <= bits - 8) throw new DOMException("The key's length does not fit its data.", "DataError");
  if (usages.length === 0) throw new DOMException("A key needs a usage: \"sign\", \"verify\" or both.", "SyntaxError");
  return new CryptoKey(MINE, secret, { name: "HMAC", hash: { name: hash }, length: wanted }, !!extractable, usages);
}

function secretFrom(format: unknown, data: unknown, hash: HashName): Uint8Array {
  if (format === "raw" || format === "raw-secret") return bytesOf(data);
  if (format !== "jwk") throw new DOMException(`HMAC keys are imported as "raw" or "jwk", not "${format as string}".`, "NotSupportedError");
  const { kty, k, alg } = data as { kty?: unknown; k?: unknown; alg?: unknown };
  if (kty !== "oct" || typeof k !== "string") throw new DOMException("The JSON Web Key is no symmetric key: kty must be \"oct\" and k its bytes.", "DataError");
  if (alg !== undefined && alg !== jwkName(hash)) throw new DOMException(`The JSON Web Key is for ${String(alg)}, not ${jwkName(hash)}.`, "DataError");
  return (Uint8Array as any).fromBase64(k, { alphabet: "base64url" });
}

const jwkName = (hash: HashName): string => `HS${hash.slice(4)}`;

function permit(key: unknown, usage: string): Uint8Array {
  if (!(key instanceof CryptoKey)) throw new TypeError("The key must be a CryptoKey, made by crypto.subtle.importKey.");
  if (!key.usages.includes(usage)) throw new DOMException(`This key may not ${usage}: its usages are ${key.usages.join(", ")}.`, "InvalidAccessError");
  return secretOf(key);
}

function signature(key: CryptoKey, secret: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  return hmac(HASHES[key.algorithm.hash.name], secret, data) as Uint8Array<ArrayBuffer>;
}

/** Takes the same time wherever two signatures differ. */
function equal(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let at = 0; at < left.length; at++) difference |= left[at]! ^ (right[at] ?? 0);
  return difference === 0;
}

const REFERENCE = /aiwesecret[a-z0-9]{40}/; // see vault/references.py

/** A signature made with the random word that stands for a secret would be another one at each request. */
function refuseReference(secret: Uint8Array): void {
  if (secret.length > 1024 || !REFERENCE.test(String.fromCharCode(...secret))) return;
  throw Object.assign(new TypeError("The key holds a reference to a secret, which is not its value."), {
    code: "secret_encoded", status: 500,
    hint: 'The host signs with a value that JavaScript never has: await Secrets.hmac(id, { hash: "SHA-256" }, data). To compare a token there is Secrets.matches.',
  });
}

class SubtleCrypto {
  constructor(mine?: symbol) {
    if (mine !== MINE) throw new TypeError("SubtleCrypto has one object, `crypto.subtle`.");
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    need(arguments.length, 2, "crypto.subtle.digest");
    const bytes = bytesOf(data);
    return (HASHES[hashOf(algorithm)](bytes) as Uint8Array<ArrayBuffer>).buffer;
  }

  async importKey(format: unknown, data: unknown, algorithm: unknown, extractable: unknown, usages: unknown): Promise<CryptoKey> {
    need(arguments.length, 5, "crypto.subtle.importKey");
    needHmac(algorithm);
    const { hash, length } = algorithm as { hash: unknown; length?: unknown };
    const name = hashOf(hash);
    const allowed = checkUsages(usages);
    const secret = secretFrom(format, data, name);
    refuseReference(secret);
    return makeKey(secret, name, length, extractable, allowed);
  }

  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<CryptoKey> {
    need(arguments.length, 3, "crypto.subtle.generateKey");
    needHmac(algorithm);
    const { hash, length } = algorithm as { hash: unknown; length?: unknown };
    const name = hashOf(hash);
    const allowed = checkUsages(usages);
    const bits = length === undefined ? HASHES[name].blockLen * 8 : Number(length);
    if (!(bits > 0)) throw new DOMException("The length of a key is a number of bits above 0.", "OperationError");
    const secret = new Uint8Array(Math.ceil(bits / 8));
    for (let at = 0; at < secret.length; at += 65_536) __I.host.random(secret.subarray(at, at + 65_536));
    return makeKey(secret, name, bits, extractable, allowed);
  }

  async exportKey(format: unknown, key: unknown): Promise<ArrayBuffer | object> {
    need(arguments.length, 2, "crypto.subtle.exportKey");
    if (!(key instanceof CryptoKey)) throw new TypeError("The key must be a CryptoKey.");
    if (!key.extractable) throw new DOMException("This key is not extractable: import it with extractable set to true.", "InvalidAccessError");
    const secret = secretOf(key);
    if (format === "raw" || format === "raw-secret") return secret.slice().buffer as ArrayBuffer;
    if (format !== "jwk") throw new DOMException(`HMAC keys are exported as "raw" or "jwk", not "${format as string}".`, "NotSupportedError");
    const k = (secret as any).toBase64({ alphabet: "base64url", omitPadding: true });
    return { kty: "oct", k, alg: jwkName(key.algorithm.hash.name), key_ops: [...key.usages], ext: true };
  }

  async sign(algorithm: unknown, key: CryptoKey, data: unknown): Promise<ArrayBuffer> {
    need(arguments.length, 3, "crypto.subtle.sign");
    needHmac(algorithm);
    return signature(key, permit(key, "sign"), bytesOf(data)).buffer;
  }

  async verify(algorithm: unknown, key: CryptoKey, given: unknown, data: unknown): Promise<boolean> {
    need(arguments.length, 4, "crypto.subtle.verify");
    needHmac(algorithm);
    return equal(signature(key, permit(key, "verify"), bytesOf(data)), bytesOf(given));
  }
}
for (const name of OTHERS) {
  Object.defineProperty(SubtleCrypto.prototype, name, {
    value: async () => { throw unsupported(name, "digest, importKey, exportKey, generateKey, sign and verify"); },
    writable: true, configurable: true, enumerable: true,
  });
}
idl(SubtleCrypto, "SubtleCrypto");
markPlatform(SubtleCrypto);

export const subtle = new SubtleCrypto(MINE);
export { CryptoKey, SubtleCrypto };
