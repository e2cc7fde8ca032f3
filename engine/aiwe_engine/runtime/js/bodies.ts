/**
 * Bytes that stream between a program and its host, piece by piece: the body of a request, an upload, the
 * answer of a fetch, and the answer that a handler streams. Each has a number that means something to
 * the invocation it was given to alone; the host's are positive, the program's own negative.
 */
import { encode } from "./platform/body";
import { typedArrayName } from "./platform/primordials";
import { failure } from "./failure";
import { call } from "./host";
import { type Invocation, enter, fromBase64, toBase64 } from "./invocation";

export const ANSWER = 0, REQUEST = 1;
/** Bytes that may be on their way before the next piece is asked for. */
const WINDOW = 65_536;

const END = { done: true, value: undefined } as const;

/** The pieces of a body, for one reader: each is fetched when it is asked for. */
export function readable(number: number): AsyncIterableIterator<Uint8Array> {
  let over = false;
  const self: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => self,
    next() {
      if (over) return Promise.resolve(END);
      return call("body", "read", [number]).then((text: string | null) => {
        if (text !== null) return { done: false, value: fromBase64(text) };
        over = true;
        return END;
      }, (error: unknown) => {
        over = true;
        throw error;
      });
    },
    return() {
      if (over) return Promise.resolve(END);
      over = true;
      return call("body", "cancel", [number]).then(() => END);
    },
  };
  return self;
}

/** A piece of a stream as bytes. */
export function pieceOf(piece: unknown): Uint8Array {
  if (typeof piece === "string") return encode(piece);
  if (typedArrayName(piece) === "Uint8Array") return piece as Uint8Array;
  throw failure("TypeError", "invalid_piece", `A stream gives strings and Uint8Arrays, not ${piece === null ? "null" : typeof piece}.`,
    "Write objects with JSON.stringify, and bytes as a Uint8Array.");
}

/**
 * Writes what an iterable gives to a body of the host, no faster than its reader takes it. What yields
 * the pieces runs under the invocation that answers.
 */
export async function pump(source: AsyncIterable<unknown>, invocation: Invocation, number: number = ANSWER): Promise<void> {
  enter(invocation);
  const pieces = source[Symbol.asyncIterator]();
  let onTheWay = 0;
  let broken: { error: any } | null = null;
  let wake: (() => void) | null = null;
  const over = (size: number, failed: { error: any } | null): void => {
    onTheWay -= size;
    broken ??= failed;
    wake?.();
  };
  /** Until at most `most` bytes are on their way. */
  const room = async (most: number): Promise<void> => {
    while (onTheWay > most) await new Promise<void>((resolve) => { wake = resolve; });
  };
  try {
    for (;;) {
      enter(invocation);
      const stepping = pieces.next();
      enter(null);
      const step = await stepping;
      if (broken !== null || step.done) break;
      const bytes = pieceOf(step.value);
      const { length } = bytes;
      if (length === 0) continue;
      onTheWay += length;
      enter(invocation);
      call("body", "write", [number, toBase64(bytes)]).then(() => over(length, null), (error) => over(length, { error }));
      enter(null);
      await room(WINDOW);
      if (broken !== null) break;
    }
  } catch (error) {
    await room(0); // what was given before it failed is sent first
    enter(invocation);
    await pieces.return?.();
    throw error;
  }
  await room(0);
  if (broken === null) return;
  enter(invocation);
  await pieces.return?.();
  const { error } = broken as { error: any };
  if (error.code !== "client_gone") throw error;
}
