/** structuredClone: a deep copy of what is data; functions and objects of the platform are refused. */
const { isPlatform } = __I.webidl as typeof import("../webidl");
const { DOMException } = __I;

const refuse = (what: string): Error => new DOMException(`${what} cannot be cloned.`, "DataCloneError");

const brand = (read: (value: any) => unknown) => (value: object): boolean => {
  try {
    read(value);
    return true;
  } catch {
    return false;
  }
};
const slot = (prototype: object, key: string): ((value: object) => boolean) => {
  const { get } = Object.getOwnPropertyDescriptor(prototype, key)!;
  return brand((value) => get!.call(value));
};
const isMap = slot(Map.prototype, "size"), isSet = slot(Set.prototype, "size");
const isBuffer = slot(ArrayBuffer.prototype, "byteLength");
const isDate = brand((value) => Date.prototype.getTime.call(value));
const isRegExp = slot(RegExp.prototype, "source");
const isError = (Error as any).isError as (value: unknown) => boolean;
const BOXES = [Number, String, Boolean, BigInt].map(({ prototype }) => {
  const unbox = prototype.valueOf as (this: unknown) => unknown;
  return { is: brand((value) => unbox.call(value)), copy: (value: object): object => Object(unbox.call(value)) as object };
});
const isSymbolBox = brand((value) => Symbol.prototype.valueOf.call(value));
const REFUSED = [
  brand((value) => WeakMap.prototype.has.call(value, {})), brand((value) => WeakSet.prototype.has.call(value, {})),
  brand((value) => WeakRef.prototype.deref.call(value)), slot(SharedArrayBuffer.prototype, "byteLength"), isSymbolBox,
];
const thenOf = Promise.prototype.then;
const isPromise = (value: object): boolean => value instanceof Promise && typeof thenOf === "function";
const ERRORS: Record<string, ErrorConstructor> = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

class Copier {
  #copies = new Map<object, unknown>();

  copy(value: any): any {
    if (typeof value === "symbol") throw refuse(`The symbol ${String(value)}`);
    if (typeof value === "function") throw refuse(`The function ${value.name || "(anonymous)"}`);
    if (typeof value !== "object" || value === null) return value;
    if (this.#copies.has(value)) return this.#copies.get(value);
    return this.#object(value);
  }

  #keep<T extends object>(from: object, to: T): T {
    this.#copies.set(from, to);
    return to;
  }

  #object(value: any): unknown {
    if (Array.isArray(value)) return this.#properties(value, this.#keep(value, new Array(value.length)));
    if (ArrayBuffer.isView(value)) return this.#view(value);
    if (isBuffer(value)) return this.#keep(value, copyBuffer(value));
    if (isMap(value)) return this.#map(value);
    if (isSet(value)) return this.#set(value);
    if (isDate(value)) return this.#keep(value, new Date(Date.prototype.getTime.call(value)));
    if (isRegExp(value) && value !== RegExp.prototype) return this.#keep(value, new RegExp(value.source, value.flags));
    for (const box of BOXES) if (box.is(value)) return this.#keep(value, box.copy(value));
    for (const refused of REFUSED) if (refused(value)) throw refuse(`An object of ${value.constructor?.name ?? "this kind"}`);
    if (value instanceof DOMException) return this.#keep(value, withStack(new DOMException(value.message, value.name), value));
    if (isError(value)) return this.#error(value);
    const { isBlob, cloneBlob } = __I.isMade("blob") ? __I.load("blob") : { isBlob: () => false, cloneBlob: null };
    if (isBlob(value)) return this.#keep(value, cloneBlob(value));
    if (isPromise(value) || isPlatform(value) || isExotic(value)) throw refuse(`An object of ${value.constructor?.name ?? "this kind"}`);
    return this.#properties(value, this.#keep(value, {}));
  }

  #properties(from: any, to: any): any {
    for (const key of Object.keys(from)) {
      if (!Object.hasOwn(from, key)) continue;
      Object.defineProperty(to, key, { value: this.copy(from[key]), writable: true, enumerable: true, configurable: true });
    }
    return to;
  }

  #map(from: Map<unknown, unknown>): Map<unknown, unknown> {
    const to = this.#keep(from, new Map());
    for (const [key, value] of [...Map.prototype.entries.call(from)]) to.set(this.copy(key), this.copy(value));
    return to;
  }

  #set(from: Set<unknown>): Set<unknown> {
    const to = this.#keep(from, new Set());
    for (const value of [...Set.prototype.values.call(from)]) to.add(this.copy(value));
    return to;
  }

  #view(from: any): unknown {
    const buffer = this.copy(from.buffer) as ArrayBuffer;
    const name = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!.call(from) ?? "DataView";
    const Kind = (__I.language as any)[name];
    const tracking = from.buffer.resizable && from.byteLength + from.byteOffset === from.buffer.byteLength;
    return this.#keep(from, tracking ? new Kind(buffer, from.byteOffset)
      : new Kind(buffer, from.byteOffset, name === "DataView" ? from.byteLength : from.length));
  }

  #error(from: any): Error {
    const Kind = typeof from.name === "string" && Object.hasOwn(ERRORS, from.name) ? ERRORS[from.name]! : Error;
    const own = Object.getOwnPropertyDescriptor(from, "message");
    const to = this.#keep(from, new Kind());
    delete (to as any).message;
    if (own && "value" in own) Object.defineProperty(to, "message", { value: `${own.value}`, writable: true, configurable: true });
    if (Object.hasOwn(from, "cause")) Object.defineProperty(to, "cause", { value: this.copy(from.cause), writable: true, configurable: true });
    return withStack(to, from);
  }
}

function withStack<T extends object>(to: T, from: any): T {
  if (typeof from.stack === "string") Object.defineProperty(to, "stack", { value: from.stack, writable: true, configurable: true });
  return to;
}

function copyBuffer(from: any): ArrayBuffer {
  if (from.detached) throw refuse("A detached ArrayBuffer");
  if (!from.resizable) return from.slice(0);
  const to = new (ArrayBuffer as any)(from.byteLength, { maxByteLength: from.maxByteLength });
  new Uint8Array(to).set(new Uint8Array(from));
  return to;
}

/** Iterators, generators and proxies of the language's own kinds are no data. */
function isExotic(value: object): boolean {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object Generator]" || tag === "[object AsyncGenerator]" || tag.endsWith("Iterator]") || tag === "[object WebAssembly.Memory]" ||
    tag === "[object FinalizationRegistry]";
}

function structuredClone(value: unknown, options?: { transfer?: Iterable<unknown> }): unknown {
  if (arguments.length === 0) throw new TypeError("structuredClone takes a value.");
  const transferred = new Set<ArrayBuffer & { detached: boolean; transfer(): ArrayBuffer }>();
  for (const given of options?.transfer ?? []) {
    if (typeof given !== "object" || given === null || !isBuffer(given)) throw refuse("What is no ArrayBuffer, in a transfer list,");
    const buffer = given as ArrayBuffer & { detached: boolean; transfer(): ArrayBuffer };
    if (transferred.has(buffer) || buffer.detached) throw refuse("An ArrayBuffer that is detached or listed twice");
    transferred.add(buffer);
  }
  const copy = new Copier().copy(value);
  for (const buffer of transferred) buffer.transfer();
  return copy;
}

export { structuredClone };
