/** Blob and File: bytes with a type, kept in memory. */
import { serializeType, typeOfHeader } from "./mime";

const { idl, need, dictionary, markPlatform } = __I.webidl as typeof import("../webidl");
const NOT_PRINTABLE = /[^\x20-\x7e]/;

let bytesIn: (blob: Blob) => Uint8Array;
let make: (bytes: Uint8Array, type: string) => Blob;

class Blob {
  #bytes: Uint8Array = new Uint8Array();
  #type = "";
  static {
    bytesIn = (blob) => blob.#bytes;
    make = (bytes, type) => {
      const blob = new Blob();
      blob.#bytes = bytes;
      blob.#type = type;
      return blob;
    };
  }

  constructor(parts: Iterable<unknown> | undefined = undefined, options: { type?: string; endings?: "transparent" | "native" } = {}) {
    const pieces = parts === undefined ? [] : piecesOf(parts);
    const { endings, type } = dictionary(options, "The options of a Blob");
    const mode = endings === undefined ? "transparent" : `${endings}`;
    if (mode !== "transparent" && mode !== "native") throw new TypeError(`The endings of a Blob are "transparent" or "native", not "${mode}".`);
    this.#type = type === undefined ? "" : normalType(`${type}`);
    this.#bytes = join(pieces, mode === "native");
  }

  get size(): number { return this.#bytes.length; }
  get type(): string { return this.#type; }

  slice(start?: number, end?: number, contentType?: string): Blob {
    const { length } = this.#bytes;
    const from = clamp(start, 0, length);
    return make(this.#bytes.subarray(from, Math.max(from, clamp(end, length, length))), contentType === undefined ? "" : normalType(`${contentType}`));
  }

  stream(): unknown { return __I.load("streams").streamFrom(this.#bytes); }
  async text(): Promise<string> { return __I.utf8.decode(this.#bytes); }
  async arrayBuffer(): Promise<ArrayBuffer> { return this.#bytes.slice().buffer as ArrayBuffer; }
  async bytes(): Promise<Uint8Array> { return this.#bytes.slice(); }
}

class File extends Blob {
  #name: string;
  #lastModified: number;

  constructor(parts: Iterable<unknown>, name: string, options?: { type?: string; endings?: "transparent" | "native"; lastModified?: number }) {
    need(arguments.length, 2, "new File");
    super(parts, options);
    this.#name = `${name}`.toWellFormed();
    const { lastModified } = dictionary(options, "The options of a File");
    this.#lastModified = lastModified === undefined ? Date.now() : Math.trunc(Number(lastModified)) || 0;
  }

  get name(): string { return this.#name; }
  get lastModified(): number { return this.#lastModified; }
  get webkitRelativePath(): string { void this.#name; return ""; }
}

function piecesOf(parts: unknown): (Uint8Array | string)[] {
  const iterator = (typeof parts === "object" && parts !== null) || typeof parts === "function"
    ? (parts as Iterable<unknown>)[Symbol.iterator] : undefined;
  if (typeof iterator !== "function") {
    throw new TypeError("The parts of a Blob are a list, as in new Blob([\"text\", bytes]).");
  }
  const pieces: (Uint8Array | string)[] = [];
  for (const part of { [Symbol.iterator]: () => iterator.call(parts) }) pieces.push(pieceOf(part));
  return pieces;
}

function pieceOf(part: unknown): Uint8Array | string {
  if (isBlob(part)) return bytesIn(part);
  if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  if (part instanceof ArrayBuffer) return new Uint8Array(part);
  return `${part as string}`;
}

function join(pieces: (Uint8Array | string)[], native: boolean): Uint8Array {
  return __I.body.concat(pieces.map((piece): Uint8Array =>
    typeof piece === "string" ? __I.utf8.encode(native ? piece.replace(/\r\n?/g, "\n") : piece) : piece));
}

function normalType(type: string): string {
  return NOT_PRINTABLE.test(type) ? "" : type.toLowerCase();
}

function clamp(value: unknown, missing: number, length: number): number {
  if (value === undefined) return missing;
  const number = Math.trunc(Number(value)) || 0;
  return number < 0 ? Math.max(length + number, 0) : Math.min(number, length);
}

export const isBlob = (value: unknown): value is Blob => {
  try {
    bytesIn(value as Blob);
    return true;
  } catch {
    return false;
  }
};
/** A Blob of these very bytes, its type as given. */
export const makeBlob = (bytes: Uint8Array, type: string): Blob => make(bytes, type);
/** The bytes of a blob themselves, not to be written to. */
export const bytesOf = (blob: Blob): Uint8Array => bytesIn(blob);
/** A copy that shares the bytes: blobs never change. */
export function cloneBlob(blob: Blob): Blob {
  if (!(blob instanceof File)) return make(bytesIn(blob), blob.type);
  return new File([make(bytesIn(blob), "")], blob.name, { type: blob.type, lastModified: blob.lastModified });
}

/** The type of the Blob that `response.blob()` gives, from the Content-Type header. */
export function mimeType(header: string | null): string {
  const type = typeOfHeader(header);
  return type === null ? "" : serializeType(type);
}
export { typeOfHeader };

idl(Blob, "Blob");
idl(File, "File");
markPlatform(Blob);
markPlatform(File);
export { Blob, File };
