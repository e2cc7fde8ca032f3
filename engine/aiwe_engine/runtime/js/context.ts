/**
 * Which invocation is running, across everything that interleaves. The text of programs keeps
 * `__aiwe_cur` right inside functions (programs/js/context_edits.ts says how); here is what that text
 * calls, and what carries the invocation through promises: callbacks run for whoever registered
 * them, and between two of them, in the microtask loop, nobody is current.
 *
 * Everything used is captured before a program runs. What a program patches harms itself only.
 */
import type { Internals } from "./internals";

declare let __aiwe_cur: unknown;

const { apply, defineProperty: define } = { apply: Reflect.apply, defineProperty: Object.defineProperty };
const NativePromise = Promise;
const { then: nativeThen } = Promise.prototype;
const { resolve: nativeResolve } = Promise;
const { fromAsync: nativeFromAsync } = Array as any;
const { iterator, asyncIterator, asyncDispose, dispose: syncDispose } = Symbol as any;
const { reject: nativeReject } = Promise;
const Suppressed = (globalThis as any).SuppressedError;
const TypeFailure = TypeError;

type Callback = (...args: any[]) => any;

/** The same function, run later for the invocation that is current now. */
export function bind<F extends Callback>(callback: F): F {
  const mine = __aiwe_cur;
  return function (this: unknown, ...args: any[]) {
    const before = __aiwe_cur;
    __aiwe_cur = mine;
    try {
      return apply(callback, this, args);
    } finally {
      __aiwe_cur = before;
    }
  } as F;
}

/**
 * What awaiting or returning `value` needs: promises and plain values as they are; of anything else that
 * has a `then`, one that runs for the current invocation, as V8 calls it from the microtask loop.
 */
function settle(value: any): any {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return value;
  if (value.constructor === NativePromise) return value;
  let then: any;
  try {
    ({ then } = value);
  } catch {
    return value; // V8 asks again, and rejects
  }
  if (typeof then !== "function") return value;
  const mine = __aiwe_cur;
  return {
    __proto__: null,
    then(resolve: Callback, reject: Callback) {
      const before = __aiwe_cur;
      __aiwe_cur = mine;
      try {
        return apply(then, value, [resolve, reject]);
      } finally {
        __aiwe_cur = before;
      }
    },
  };
}

/** A `then` callback: V8 calls it from the microtask loop, where nobody is current before or after. */
function carry(callback: any, mine: unknown): any {
  if (typeof callback !== "function") return callback;
  return (value: unknown) => {
    __aiwe_cur = mine;
    try {
      return settle(callback(value));
    } finally {
      __aiwe_cur = null;
    }
  };
}

/** Runs one method of an iterator for `mine`, on behalf of whoever is current. */
function borrow(mine: unknown, self: any, method: Callback, args: any[], asynchronous: boolean): any {
  const before = __aiwe_cur;
  __aiwe_cur = mine;
  try {
    const result = apply(method, self, args);
    return asynchronous ? settle(result) : result;
  } finally {
    __aiwe_cur = before;
  }
}

/** The iterable of a `yield*`: its iterator runs for the generator, not for who resumes it. */
function delegate(iterable: any, mine: unknown, asynchronous: boolean): object {
  const asyncMethod = asynchronous ? iterable[asyncIterator] : undefined;
  const key = asyncMethod == null ? iterator : asyncIterator;
  const source: any = apply(asyncMethod ?? iterable[iterator], iterable, []);
  const { next } = source;
  const isAsync = key === asyncIterator;
  const result: any = {
    __proto__: null,
    [key]() { return result; },
    next: (...args: any[]) => borrow(mine, source, next, args, isAsync),
    get return() { return method("return"); },
    get throw() { return method("throw"); },
  };
  const method = (name: "return" | "throw") => {
    const found = source[name];
    return found == null ? found : (...args: any[]) => borrow(mine, source, found, args, isAsync);
  };
  return result;
}

/**
 * The iterable of a `for await`: each step runs between `enter`, which makes the loop's invocation
 * current, and `leave`, which hands over before the loop awaits the step.
 */
function iterate(iterable: any, enter: () => void, leave: () => void): object {
  const asyncMethod = iterable[asyncIterator];
  const isAsync = asyncMethod != null;
  const source: any = apply(isAsync ? asyncMethod : iterable[iterator], iterable, []);
  const { next } = source;
  const step = (method: Callback, args: any[]) => {
    enter();
    const result = apply(method, source, args);
    const settled = isAsync ? settle(result) : settleValue(result);
    leave();
    return settled;
  };
  const result: any = {
    __proto__: null,
    [isAsync ? asyncIterator : iterator]() { return result; },
    next: (...args: any[]) => step(next, args),
    get return() {
      const found = source.return;
      return found == null ? found : (...args: any[]) => step(found, args);
    },
  };
  return result;
}

/** A step of a synchronous iterator, whose value the loop awaits. */
function settleValue(result: any): any {
  if (result.done) return result;
  const { value } = result;
  const settled = settle(value);
  return settled === value ? result : { done: false, value: settled };
}

interface Resource { value: any; method: Callback | null; waits: boolean }

/** What a block with `await using` holds: disposed of in reverse order, for the block's invocation. */
function disposer(): object {
  const mine = __aiwe_cur;
  let held: { resource: Resource; below: typeof held } | null = null;
  let failed = false, error: unknown;
  const fail = (next: unknown) => {
    error = failed ? new Suppressed(next, error) : next;
    failed = true;
  };
  const dispose = ({ value, method, waits }: Resource): unknown => {
    try {
      const result = method === null ? undefined : borrow(mine, value, method, [], true);
      return waits ? result : undefined;
    } catch (thrown) {
      fail(thrown);
      return undefined;
    }
  };
  const next = (): unknown => {
    if (held === null) return failed ? apply(nativeReject, NativePromise, [error]) : undefined;
    const { resource } = held;
    held = held.below;
    const done = apply(nativeResolve, NativePromise, [dispose(resource)]);
    return apply(nativeThen, done, [next, (thrown: unknown) => { fail(thrown); return next(); }]);
  };
  return {
    __proto__: null,
    fail,
    /** A promise, or undefined where nothing was held and there is nothing to await. */
    end: next,
    use(value: any, waits: boolean) {
      const method = value == null ? null : (waits ? value[asyncDispose] : undefined) ?? value[syncDispose];
      if (value != null && typeof method !== "function") throw new TypeFailure("The value of a 'using' declaration has no dispose method");
      held = { resource: { value, method, waits }, below: held };
    },
  };
}

/** Installs what compiled text calls and the promises that carry the invocation. */
export function installContext(I: Internals): void {
  const global = (name: string, value: unknown) => define(globalThis, name, { value, writable: false, configurable: false, enumerable: false });
  global("__aiwe_await", settle);
  global("__aiwe_delegate", delegate);
  global("__aiwe_iterate", iterate);
  global("__aiwe_disposer", disposer);
  patch(NativePromise.prototype, {
    then(this: Promise<unknown>, fulfilled: any, rejected: any) {
      const mine = __aiwe_cur;
      if (mine === null) return apply(nativeThen, this, [fulfilled, rejected]);
      return apply(nativeThen, this, [carry(fulfilled, mine), carry(rejected, mine)]);
    },
  });
  patch(NativePromise, {
    resolve(this: unknown, value: unknown) {
      return apply(nativeResolve, this, [this === NativePromise ? settle(value) : value]);
    },
  });
  patch(Array, {
    fromAsync(this: unknown, items: any, map: any, self: any) {
      if (__aiwe_cur === null || items == null) return apply(nativeFromAsync, this, [items, map, self]);
      let source = items;
      try {
        if (typeof (items[asyncIterator] ?? items[iterator]) === "function") source = delegate(items, __aiwe_cur, true);
      } catch (error) {
        return apply(nativeReject, NativePromise, [error]);
      }
      return apply(nativeFromAsync, this, [source, typeof map === "function" ? bind(map) : map, self]);
    },
  });
  I.host.bind = bind;
}

/** Replaces methods by ours, which look like the ones they replace. */
function patch(target: any, methods: Record<string, Callback>): void {
  for (const name in methods) {
    const method = methods[name]!;
    define(method, "length", { value: target[name].length, configurable: true });
    define(target, name, { value: method, writable: true, configurable: true, enumerable: false });
  }
}
