/**
 * The language as it was before any program ran. A program may patch `Array.prototype` or replace
 * `Promise`; what the engine's own code needs to stay right is captured here, uncurried: the object
 * comes first. Nothing here is a copy of behaviour, only a reference to the original function.
 */
export const { apply, construct, ownKeys } = Reflect;
export const {
  create, defineProperty, freeze, fromEntries, getOwnPropertyDescriptor, getOwnPropertyNames,
  getPrototypeOf, hasOwn, is: sameValue, setPrototypeOf,
} = Object;
export const { isArray } = Array;
export const { isView } = ArrayBuffer;
export const { parse: jsonParse, stringify: jsonStringify } = JSON;
export const { isInteger, isNaN } = Number;
export const { fromCharCode } = String;

type Fn = (...args: any[]) => any;

/** `method.call` that no patched `Function.prototype.call` reaches. */
export function uncurry<R>(method: (...args: any[]) => R): (self: unknown, ...args: unknown[]) => R {
  return (self, ...args) => apply(method as Fn, self, args);
}

/** The getter of an accessor, as a function of the object. */
export function getter<R>(prototype: object, key: PropertyKey): (self: unknown) => R {
  const get = getOwnPropertyDescriptor(prototype, key)!.get!;
  return (self) => apply(get, self, []);
}

/** Whether `read` accepts `value`: how one asks for an internal slot without trusting a prototype. */
export function accepts(read: (self: unknown) => unknown): (value: unknown) => boolean {
  return (value) => {
    try {
      read(value);
      return true;
    } catch {
      return false;
    }
  };
}

export const PromiseCtor = Promise;
export const promiseThen = uncurry(Promise.prototype.then);
export const promiseResolve = Promise.resolve.bind(Promise) as <T>(value?: T) => Promise<Awaited<T>>;
export const promiseReject = Promise.reject.bind(Promise) as <T = never>(reason?: unknown) => Promise<T>;

export const arrayJoin = uncurry(Array.prototype.join) as (self: readonly unknown[], by: string) => string;
export const stringSlice = uncurry(String.prototype.slice) as (self: string, from?: number, to?: number) => string;
export const charCodeAt = uncurry(String.prototype.charCodeAt) as (self: string, at: number) => number;
export const indexOf = uncurry(String.prototype.indexOf) as (self: string, text: string, from?: number) => number;
export const toLowerCase = uncurry(String.prototype.toLowerCase) as (self: string) => string;
export const toWellFormed = uncurry(String.prototype.toWellFormed) as (self: string) => string;
export const regExpTest = uncurry(RegExp.prototype.test) as (self: RegExp, text: string) => boolean;
export const numberToString = uncurry(Number.prototype.toString) as (self: number, radix?: number) => string;

const TypedArray = getPrototypeOf(Uint8Array) as { prototype: object };
/** "Uint8Array" and so on; undefined for what is no typed array. */
export const typedArrayName = getter<string | undefined>(TypedArray.prototype, Symbol.toStringTag);
export const isArrayBuffer = accepts(getter(ArrayBuffer.prototype, "byteLength"));
export const isSharedArrayBuffer = accepts(getter(SharedArrayBuffer.prototype, "byteLength"));
