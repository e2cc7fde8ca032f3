/**
 * Timers and microtasks. The host keeps the time and calls back in a later turn, under the
 * invocation that set the timer; the isolate has no timer of its own.
 */
import type { Internals } from "../internals";
import { apply, promiseResolve, promiseThen } from "./primordials";
import { need } from "./webidl";

export interface Timers {
  setTimeout(callback: (...args: any[]) => void, delay?: number, ...args: unknown[]): number;
  setInterval(callback: (...args: any[]) => void, delay?: number, ...args: unknown[]): number;
  clearTimeout(id?: number): void;
  clearInterval(id?: number): void;
  queueMicrotask(callback: () => void): void;
  reportError(error: unknown): void;
}

export function makeTimers({ host }: Internals): Timers {
  const self = globalThis;
  const settled = promiseResolve();

  function set(what: string, callback: unknown, delay: unknown, args: unknown[], repeat: boolean): number {
    if (typeof callback !== "function") {
      throw new TypeError(`${what} takes a function, not ${callback === null ? "null" : typeof callback}: code in a string is never run here. Write ${what}(() => { … }, milliseconds).`);
    }
    const wait = Number(delay) | 0;
    return host.setTimer(() => {
      try {
        apply(callback as Function, self, args);
      } catch (error) {
        host.report(error);
      }
    }, wait > 0 ? wait : 0, repeat);
  }

  function clear(id: unknown): void {
    const number = Number(id);
    if (number > 0) host.clearTimer(number);
  }

  return {
    setTimeout(callback, delay = 0, ...args) { return set("setTimeout", callback, delay, args, false); },
    setInterval(callback, delay = 0, ...args) { return set("setInterval", callback, delay, args, true); },
    clearTimeout(id = 0) { clear(id); },
    clearInterval(id = 0) { clear(id); },
    queueMicrotask(callback) {
      need(arguments.length, 1, "queueMicrotask");
      if (typeof callback !== "function") throw new TypeError("queueMicrotask takes a function.");
      const run = host.bind(callback);
      promiseThen(settled, () => {
        try {
          run();
        } catch (error) {
          host.report(error);
        }
      });
    },
    reportError(error) {
      need(arguments.length, 1, "reportError");
      host.report(error);
    },
  };
}
