/** AbortController and AbortSignal, with `timeout` and `any`. */
import type { Internals } from "../internals";
import { EventTarget, fire, handlerAttribute } from "./events";
import { DOMException } from "./exception";
import { shown } from "./inspect_shape";
import { enforceRange, idl, need } from "./webidl";

const MINE = Symbol("AbortSignal");
let timer: Internals["host"]["setTimer"];

let make: () => AbortSignal;
let abort: (signal: AbortSignal, reason: unknown) => void;
/** Runs `algorithm` when the signal aborts, before its event; what the platform itself listens with. Gives what ends that. */
export let whenAborted: (signal: AbortSignal, algorithm: () => void) => () => void;
export let isAbortSignal: (value: unknown) => value is AbortSignal;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #algorithms: (() => void)[] = [];
  /** Signals that follow this one, and those that this one follows; see `any`. */
  #dependents = new Set<AbortSignal>();
  #sources: Set<AbortSignal> | null = null;

  constructor(key?: symbol) {
    if (key !== MINE) throw new TypeError("AbortSignal is made by AbortController, AbortSignal.timeout or AbortSignal.any.");
    super();
  }

  get aborted(): boolean { return this.#aborted; }
  get reason(): unknown { return this.#reason; }
  throwIfAborted(): void { if (this.#aborted) throw this.#reason; }

  static abort(reason?: unknown): AbortSignal {
    const signal = make();
    signal.#settle(reason);
    return signal;
  }

  static timeout(milliseconds: number): AbortSignal {
    need(arguments.length, 1, "AbortSignal.timeout");
    const wait = enforceRange(milliseconds, "The time of AbortSignal.timeout");
    const signal = make();
    timer(() => signal.#signal(new DOMException(`The operation took longer than ${wait} ms.`, "TimeoutError")), wait, false, true);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    need(arguments.length, 1, "AbortSignal.any");
    const given = [...signals];
    for (const one of given) if (!isAbortSignal(one)) throw new TypeError("AbortSignal.any takes a list of AbortSignals.");
    const signal = make();
    for (const one of given) {
      if (!one.#aborted) continue;
      signal.#settle(one.#reason);
      return signal;
    }
    const sources = (signal.#sources = new Set<AbortSignal>());
    for (const one of given) for (const source of one.#sources ?? [one]) {
      sources.add(source);
      source.#dependents.add(signal);
    }
    return signal;
  }

  #settle(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason === undefined ? new DOMException("This operation was aborted.", "AbortError") : reason;
  }

  #signal(reason: unknown): void {
    if (this.#aborted) return;
    this.#settle(reason);
    const run: AbortSignal[] = [this];
    for (const dependent of this.#dependents) {
      if (dependent.#aborted) continue;
      dependent.#settle(this.#reason);
      run.push(dependent);
    }
    this.#dependents.clear();
    for (const one of run) {
      const algorithms = one.#algorithms;
      one.#algorithms = [];
      for (const algorithm of algorithms) algorithm();
      fire(one, "abort");
    }
  }

  static {
    make = () => new AbortSignal(MINE);
    abort = (signal, reason) => signal.#signal(reason);
    isAbortSignal = (value): value is AbortSignal => typeof value === "object" && value !== null && #aborted in value;
    whenAborted = (signal, algorithm) => {
      if (!signal.#aborted) signal.#algorithms.push(algorithm);
      return () => { signal.#algorithms = signal.#algorithms.filter((one) => one !== algorithm); };
    };
  }
}
handlerAttribute(AbortSignal.prototype, "abort");
idl(AbortSignal, "AbortSignal");
Object.defineProperty(AbortSignal.prototype, shown, { value(this: AbortSignal) { return { aborted: this.aborted }; } });

export class AbortController {
  #signal = make();
  get signal(): AbortSignal { return this.#signal; }
  abort(reason?: unknown): void { abort(this.#signal, reason); }
}
idl(AbortController, "AbortController");

export function installAbort(I: Internals): void {
  timer = (callback, milliseconds, repeat, quiet) => I.host.setTimer(callback, milliseconds, repeat, quiet);
}
