/**
 * What the parts of an isolate know of each other. `I` is the registry through which the platform's
 * parts find one another and the host; it is never a global. Nothing here trusts a global that a
 * program can patch: take what you need from `./primordials` or capture it before programs run.
 */
export interface Host {
  /** Runs `callback` in a later turn, under the invocation that set it. Milliseconds. */
  setTimer(callback: () => void, milliseconds: number, repeat: boolean, quiet?: boolean): number;
  clearTimer(id: number): void;
  /** Fills with bytes from the operating system's generator. At most 65,536. */
  random(bytes: Uint8Array): void;
  /** Milliseconds since the isolate began; never goes back. */
  now(): number;
  log(level: "debug" | "info" | "warn" | "error", text: string): void;
  /** A host call: capability, method and JSON-able arguments; `receive` makes of the answer what the program gets. Rejects with an Error that has `code` and `hint`. */
  call(capability: string, method: string, args: unknown[], receive?: (answer: any) => unknown): Promise<any>;
  /** The same for code that cannot await: returns or throws, and the whole isolate stands still until then. */
  callSync(capability: string, method: string, args: unknown[], receive?: (answer: any) => unknown): any;
  /** The same function, run later under the invocation that is running now (listeners, callbacks). */
  bind<F extends (...args: any[]) => any>(callback: F): F;
  /** An error that nobody caught, thrown in a listener, a timer or a microtask. */
  report(error: unknown): void;
}

export interface Internals {
  host: Host;
  /** Makes a part (see platform/parts.ts) on first use. */
  load(part: string): any;
  [name: string]: any;
}
