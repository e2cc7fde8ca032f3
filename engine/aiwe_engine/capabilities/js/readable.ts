/** Files of the host's, read piece by piece: opened when the first piece is asked for, and no sooner. */
import { readable } from "../../runtime/js/bodies";
import { bodyOf, consume, decode, encode, streamOf } from "../../runtime/js/platform/body";

const PromiseCtor = Promise;

/** The pieces of a file that the host opens when the first is asked for. */
export function lazy(open: () => Promise<number>): AsyncIterableIterator<Uint8Array> {
  let pieces: AsyncIterableIterator<Uint8Array> | null = null;
  let over = false;
  const end = (): Promise<IteratorResult<Uint8Array>> => PromiseCtor.resolve({ done: true, value: undefined });
  const self: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => self,
    next() {
      if (over) return end();
      if (pieces !== null) return pieces.next();
      return open().then((number) => {
        pieces = readable(number);
        return pieces.next();
      });
    },
    return() {
      over = true;
      return pieces === null ? end() : pieces.return!();
    },
  };
  return self;
}

/** What can be read again and again, each time from its beginning. */
export abstract class Readable {
  #open: () => Promise<number>;
  constructor(open: () => Promise<number>) { this.#open = open; }

  stream(): unknown { return streamOf(bodyOf(lazy(this.#open))); }
  bytes(): Promise<Uint8Array> {
    return consume(bodyOf(lazy(this.#open))).then((whole) => (typeof whole === "string" ? encode(whole) : whole));
  }
  text(): Promise<string> { return this.bytes().then(decode); }
}
