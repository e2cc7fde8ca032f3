/**
 * What crosses between an isolate and its worker while a turn runs: memory that both see, and a bell
 * that JavaScript rings. The worker answers by clearing the request word; it must not touch V8 values
 * meanwhile, and does not. A turn may be cut short while it waits here: `arrived` brings both sides
 * back together.
 */
import { uncurry } from "./platform/primordials";
import { decodeAll, encode } from "./platform/utf8";

/** Control words first, then random bytes from the worker, then text for either side. */
const CONTROL = 16, POOL = 4096, TEXT = 65_536;
const TEXT_AT = CONTROL * 4 + POOL;
export const shared = new SharedArrayBuffer(TEXT_AT + TEXT);
export const words = new Int32Array(shared, 0, CONTROL);
const pool = new Uint8Array(shared, CONTROL * 4, POOL);
const area = new Uint8Array(shared, TEXT_AT, TEXT);
const REQUEST = 2, LENGTH = 4, AT = 5, TAKEN = 6, CALL = 7, TOTAL = 8;
/** `ASK` is the last piece of a text whose answer the isolate waits for; the worker makes it `WAITING`. */
const RANDOM = 1, MORE = 2, LAST = 3, ASK = 4, NEXT = 6, NOTHING = 7;
const PATIENCE = 0.05, MOST_PATIENCE = 1; // milliseconds between two looks: more, the longer it takes
const { wait, load, store } = Atomics;
const copy = uncurry(Uint8Array.prototype.set);
const part = uncurry(Uint8Array.prototype.subarray);
let ring: () => void;

export function hang(bell: () => void): void { ring = bell; }

function ask(request: number): void {
  store(words, REQUEST, request);
  ring();
  let patience = PATIENCE;
  for (let seen = request; seen !== 0; seen = load(words, REQUEST)) {
    wait(words, REQUEST, seen, patience);
    if (patience < MOST_PATIENCE) patience *= 1.2;
  }
}

let used = POOL;
/** Bytes of the operating system's generator: the worker refills the pool while the isolate waits. */
export function random(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) {
    if (used === POOL) {
      ask(RANDOM);
      used = 0;
    }
    bytes[at] = pool[used]!;
    pool[used++] = 0;
  }
}

/** How many texts the worker had when the one on its way set out; -1 where none is on its way. */
let before = -1;

/** Gives text to the worker before the turn ends; with `call`, stays until that call is answered. */
export function pass(text: string, call?: number): void {
  const bytes = encode(text);
  before = words[TAKEN]!;
  if (call !== undefined) words[CALL] = call;
  for (let at = 0; at < bytes.length; at += TEXT) {
    const size = bytes.length - at < TEXT ? bytes.length - at : TEXT;
    copy(area, part(bytes, at, at + size));
    words[AT] = at;
    words[LENGTH] = size;
    ask(at + size < bytes.length ? MORE : call === undefined ? LAST : ASK);
  }
  before = -1;
}

/** The answer that `pass` stayed for, fetched piece by piece. */
export function collect(): string {
  const total = words[TOTAL]!;
  const bytes = new Uint8Array(total);
  for (let at = 0; at < total;) {
    const size = words[LENGTH]!;
    copy(bytes, part(area, 0, size), at);
    at += size;
    if (at < total) ask(NEXT);
  }
  return decodeAll(bytes);
}

/**
 * After a cut: whether the text that was on its way has arrived. From here on the worker does nothing
 * for a ring of before, since it looks at them in order.
 */
export function arrived(): boolean {
  let seen = -1;
  do {
    if (seen !== NOTHING) { // at first; and where the worker was just then looking at a ring of before
      store(words, REQUEST, NOTHING);
      ring();
    }
    wait(words, REQUEST, NOTHING, PATIENCE);
    seen = load(words, REQUEST);
  } while (seen !== 0);
  const there = before !== -1 && words[TAKEN] !== before;
  before = -1;
  return there;
}
