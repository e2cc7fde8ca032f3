/**
 * The platform by itself, over a host made for tests: time stands still until `pump` lets it pass,
 * randomness counts, and what is logged or reported is kept.
 */
import { installFetch } from "../../../engine/aiwe_engine/capabilities/js/fetch";
import { inspect, installCore, installParts, isResponse, snapshot } from "../../../engine/aiwe_engine/runtime/js/platform/core";
import type { Internals } from "../../../engine/aiwe_engine/runtime/js/internals";

interface Timer { id: number; due: number; callback: () => void; every: number | null }

const logged: [level: string, text: string][] = [];
const reported: string[] = [];
const bound: unknown[] = [];
let timers: Timer[] = [];
let now = 0, last = 0, counter = 0;

const I = {
  host: {
    setTimer(callback: () => void, milliseconds: number, repeat: boolean): number {
      timers.push({ id: ++last, due: now + milliseconds, callback, every: repeat ? Math.max(milliseconds, 1) : null });
      return last;
    },
    clearTimer(id: number): void { timers = timers.filter((timer) => timer.id !== id); },
    random(bytes: Uint8Array): void { for (let at = 0; at < bytes.length; at++) bytes[at] = counter++ & 255; },
    now: () => now,
    log(level: string, text: string): void { logged.push([level, text]); },
    bind<F>(callback: F): F { bound.push(callback); return callback; },
    report(error: unknown): void { reported.push(String(error)); },
    call: () => Promise.reject(new Error("no host")),
  },
} as unknown as Internals;
(globalThis as any).__aiwe_cur = null;
installCore(I);
installFetch(I);

const { stringify } = JSON;
const test = {
  json: (value: unknown) => stringify(value, (_, inner) => (inner === undefined ? null : inner)),
  I, logged, reported, bound, inspect, snapshot, isResponse,
  installParts: () => installParts(I),
  /** Lets time pass to the next timer and runs it; false when there is none. */
  pump(): boolean {
    const next = timers.reduce<Timer | null>((first, timer) => (first === null || timer.due < first.due ? timer : first), null);
    if (next === null) return false;
    now = Math.max(now, next.due);
    if (next.every === null) timers = timers.filter((timer) => timer !== next);
    else next.due += next.every;
    next.callback();
    return true;
  },
};
Object.defineProperty(globalThis, "T", { value: test, configurable: true });
