/**
 * The manners of a web platform interface, as Web IDL has them: members are enumerable, the class
 * has a string tag, arguments are counted and converted before anything else happens.
 */
import { apply, charCodeAt, create, defineProperty, getPrototypeOf, ownKeys } from "./primordials";

type Class = { prototype: object };

/** Gives a class its name, tag and enumerable members. `name` stays right when code is minified. */
export function idl(target: Class, name: string): void {
  defineProperty(target, "name", { value: name, configurable: true });
  defineProperty(target.prototype, Symbol.toStringTag, { value: name, configurable: true });
  enumerate(target.prototype, ["constructor"]);
  enumerate(target, ["prototype", "name", "length"]);
  markPlatform(target);
}

const listed = { enumerable: true };

function enumerate(object: object, not: string[]): void {
  for (const key of ownKeys(object)) {
    if (typeof key !== "symbol" && !not.includes(key)) defineProperty(object, key, listed);
  }
}

const platform = new WeakSet<object>();

/** Remembers a class of the platform, whose objects structuredClone refuses. */
export function markPlatform(target: Class): void {
  platform.add(target.prototype);
}

/** Whether an object is of a class of the platform, or of one that extends such a class. */
export function isPlatform(value: object): boolean {
  let at = getPrototypeOf(value);
  for (let step = 0; at !== null && step < 50; step++) {
    if (platform.has(at)) return true;
    at = getPrototypeOf(at);
  }
  return false;
}

type Pair = readonly [name: string, value: unknown];
const IteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()));

/**
 * keys, values, entries, forEach and iteration over pairs. `pairsOf` is asked anew at each step:
 * what changes while one iterates is seen.
 */
export function iterable<T extends object>(target: { prototype: T }, name: string, pairsOf: (self: T) => readonly Pair[]): void {
  const steps = new WeakMap<object, () => IteratorResult<unknown>>();
  const prototype = create(IteratorPrototype);
  const next = function (this: object): IteratorResult<unknown> {
    const step = steps.get(this);
    if (step === undefined) throw new TypeError(`next was called on what is no ${name} iterator.`);
    return step();
  };
  member(prototype, "next", next, true);
  defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });
  const walk = (pick: (pair: Pair) => unknown) => function (this: T): object {
    pairsOf(this);
    const iterator = create(prototype) as object;
    let at = 0;
    steps.set(iterator, () => {
      const pair = pairsOf(this)[at++];
      return pair === undefined ? { value: undefined, done: true } : { value: pick(pair), done: false };
    });
    return iterator;
  };
  const entries = walk((pair) => [pair[0], pair[1]]);
  member(target.prototype, "entries", entries, true);
  member(target.prototype, "keys", walk((pair) => pair[0]), true);
  member(target.prototype, "values", walk((pair) => pair[1]), true);
  member(target.prototype, Symbol.iterator, entries, false);
  member(target.prototype, "forEach", function forEach(this: T, callback: unknown, thisArg?: unknown): void {
    pairsOf(this);
    need(arguments.length, 1, `${name}.forEach`);
    if (typeof callback !== "function") throw new TypeError(`${name}.forEach takes a function.`);
    for (let at = 0, pair = pairsOf(this)[0]; pair !== undefined; pair = pairsOf(this)[++at]) {
      apply(callback, thisArg, [pair[1], pair[0], this]);
    }
  }, true);
}

function member(object: object, key: PropertyKey, value: Function, enumerable: boolean): void {
  if (typeof key === "string") defineProperty(value, "name", { value: key, configurable: true });
  defineProperty(object, key, { value, writable: true, configurable: true, enumerable });
}

/** Constants of an interface stand on the class and on its prototype. */
export function constants(target: Class, values: Record<string, number>): void {
  for (const name in values) {
    const property = { value: values[name], enumerable: true };
    defineProperty(target, name, property);
    defineProperty(target.prototype, name, property);
  }
}

export function need(given: number, wanted: number, what: string): void {
  if (given < wanted) {
    throw new TypeError(`${what} takes ${wanted} argument${wanted === 1 ? "" : "s"}, but got ${given}.`);
  }
}

/** A dictionary argument: undefined and null stand for an empty one. */
export function dictionary(value: unknown, what: string): any {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") {
    throw new TypeError(`${what} must be an object, not ${typeof value}.`);
  }
  return value;
}

/** A string of bytes: no character above U+00FF. */
export function byteString(value: unknown, what: string): string {
  const text = `${value as string}`;
  for (let at = 0; at < text.length; at++) {
    if (charCodeAt(text, at) > 255) {
      throw new TypeError(`${what} holds the character "${text[at]}", which no HTTP header can carry. Encode it, as encodeURIComponent does.`);
    }
  }
  return text;
}

/** `[EnforceRange] unsigned long long`. */
export function enforceRange(value: unknown, what: string): number {
  const number = Math.trunc(Number(value));
  if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER)) {
    throw new TypeError(`${what} must be a number from 0 to ${Number.MAX_SAFE_INTEGER}.`);
  }
  return number;
}
