/**
 * What crosses between an isolate and its worker while a turn runs: memory that both see, and a bell
 * that JavaScript rings. The worker answers by clearing the request word; it must not touch V8 values
 * meanwhile, and does not.
 */
import { encode } from "./platform/body";

/** Control words first, then random bytes from the worker, then text for it. */
const CONTROL = 16, POOL = 4096, TEXT = 16_384;
export const shared = new SharedArrayBuffer(CONTROL * 4 + POOL + TEXT);
export const words = new Int32Array(shared, 0, CONTROL);
const pool = new Uint8Array(shared, CONTROL * 4, POOL);
const area = new Uint8Array(shared, CONTROL * 4 + POOL, TEXT);
const REQUEST = 2, LENGTH = 4;
const RANDOM = 1, MORE = 2, LAST = 3;
const PATIENCE = 0.1; // milliseconds between two looks
const { wait, load, store } = Atomics;
let ring: () => void;

export function hang(bell: () => void): void { ring = bell; }

function ask(request: number): void {
  store(words, REQUEST, request);
  ring();
  while (load(words, REQUEST) === request) wait(words, REQUEST, request, PATIENCE);
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

/** Gives text to the worker before the turn ends. */
export function pass(text: string): void {
  const bytes = encode(text);
  for (let at = 0; at < bytes.length; at += TEXT) {
    const size = bytes.length - at < TEXT ? bytes.length - at : TEXT;
    for (let i = 0; i < size; i++) area[i] = bytes[at + i]!;
    words[LENGTH] = size;
    ask(at + size < bytes.length ? MORE : LAST);
  }
}
