/** CompressionStream and DecompressionStream: gzip, deflate and deflate-raw. */
import { Deflate, Gunzip, Gzip, Inflate, Unzlib, Zlib } from "fflate";

const { idl, markPlatform, need } = __I.webidl as typeof import("../webidl");

interface Coder { ondata: (chunk: Uint8Array, final: boolean) => void; push(chunk: Uint8Array, final?: boolean): void }
type Coders = Record<string, new () => Coder>;
const COMPRESS = { gzip: Gzip, deflate: Zlib, "deflate-raw": Deflate } as unknown as Coders;
const DECOMPRESS = { gzip: Gunzip, deflate: Unzlib, "deflate-raw": Inflate } as unknown as Coders;
/** Bytes of the shortest whole input: header, one empty block, checksum. */
const SHORTEST: Record<string, number> = { gzip: 20, deflate: 8, "deflate-raw": 2 };

function code(coders: Coders, format: string, what: string): any {
  if (!Object.hasOwn(coders, format)) {
    throw new TypeError(`${what} knows ${Object.keys(coders).join(", ")}, not "${format}".`);
  }
  const coder = new coders[format]!();
  let size = 0;
  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      throw new TypeError(`${what}: ${(error as Error).message}`);
    }
  };
  return new __I.TransformStream({
    start(controller: any) {
      coder.ondata = (chunk) => { if (chunk.length > 0) controller.enqueue(new Uint8Array(chunk)); };
    },
    transform(chunk: unknown) {
      if (!ArrayBuffer.isView(chunk) && !(chunk instanceof ArrayBuffer)) throw new TypeError(`${what} takes chunks of bytes.`);
      const bytes = ArrayBuffer.isView(chunk) ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength) : new Uint8Array(chunk);
      size += bytes.length;
      attempt(() => coder.push(bytes.slice()));
    },
    flush() {
      if (coders === DECOMPRESS && size < SHORTEST[format]!) throw new TypeError(`${what}: the data ends too early.`);
      attempt(() => coder.push(new Uint8Array(0), true));
    },
  });
}

class CompressionStream {
  #pair: any;
  constructor(format: string) {
    need(arguments.length, 1, "new CompressionStream");
    this.#pair = code(COMPRESS, `${format}`, "CompressionStream");
  }
  get readable(): unknown { return this.#pair.readable; }
  get writable(): unknown { return this.#pair.writable; }
}

class DecompressionStream {
  #pair: any;
  constructor(format: string) {
    need(arguments.length, 1, "new DecompressionStream");
    this.#pair = code(DECOMPRESS, `${format}`, "DecompressionStream");
  }
  get readable(): unknown { return this.#pair.readable; }
  get writable(): unknown { return this.#pair.writable; }
}

for (const [kind, name] of [[CompressionStream, "CompressionStream"], [DecompressionStream, "DecompressionStream"]] as const) {
  idl(kind, name);
  markPlatform(kind);
}
export { CompressionStream, DecompressionStream };
