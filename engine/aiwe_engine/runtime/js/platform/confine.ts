/**
 * What the language offers and an isolate that serves many cannot have: waiting that holds everybody,
 * and callbacks that V8 runs between turns, where nothing could stop them. The engine keeps the
 * originals it needs.
 */
import { defineProperty, promiseReject, promiseResolve } from "./primordials";

export function confine(): void {
  replace(Atomics, "wait", function wait(): never {
    throw new TypeError("Atomics.wait is not available: it would stop every request of this program. Await a promise instead.");
  });
  replace(Atomics, "waitAsync", function waitAsync(): never {
    throw new TypeError("Atomics.waitAsync is not available here. Use setTimeout, or await a promise.");
  });
  replace(globalThis, "FinalizationRegistry", Registry);
  confineWebAssembly((globalThis as { WebAssembly?: WebAssemblyNamespace }).WebAssembly);
  // The timers of the embedder, which setTimeout and clearTimeout have replaced.
  (globalThis as Record<string, unknown>).__timer_manager = undefined;
}

/** A FinalizationRegistry that never calls back, which the language allows. */
class Registry {
  constructor(cleanup: unknown) {
    if (typeof cleanup !== "function") throw new TypeError("FinalizationRegistry takes a function.");
  }

  register(): void {}
  unregister(): boolean { return false; }
}
defineProperty(Registry, "name", { value: "FinalizationRegistry" });
defineProperty(Registry.prototype, Symbol.toStringTag, { value: "FinalizationRegistry", configurable: true });

interface WebAssemblyNamespace {
  Module: new (bytes: unknown) => object;
  Instance: new (module: object, imports?: unknown) => object;
}

/** V8 compiles in the background and goes on between turns; here it is done at once. */
function confineWebAssembly(wasm: WebAssemblyNamespace | undefined): void {
  if (wasm === undefined) return;
  const { Module, Instance } = wasm;
  const attempt = <T>(work: () => T): Promise<T> => {
    try {
      return promiseResolve(work());
    } catch (error) {
      return promiseReject(error);
    }
  };
  replace(wasm, "compile", function compile(bytes: unknown) {
    return attempt(() => new Module(bytes));
  });
  replace(wasm, "instantiate", function instantiate(source: unknown, imports?: unknown) {
    return attempt(() => {
      if (source instanceof Module) return new Instance(source, imports);
      const module = new Module(source);
      return { module, instance: new Instance(module, imports) };
    });
  });
}

function replace(object: object, name: string, value: Function): void {
  defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
}
