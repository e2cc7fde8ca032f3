/**
 * The manners of a web platform interface, as Web IDL has them: members are enumerable, the class
 * has a string tag, arguments are counted and converted before anything else happens.
 */
import { charCodeAt, defineProperty, getOwnPropertyDescriptor, ownKeys } from "./primordials";

type Class = { prototype: object };

/** Gives a class its name, tag and enumerable members. `name` stays right when code is minified. */
export function idl(target: Class, name: string): void {
  defineProperty(target, "name", { value: name, configurable: true });
  defineProperty(target.prototype, Symbol.toStringTag, { value: name, configurable: true });
  enumerate(target.prototype);
  enumerate(target);
}

function enumerate(object: object): void {
  for (const key of ownKeys(object)) {
    if (typeof key === "symbol" || key === "constructor" || key === "prototype" || key === "name" || key === "length") continue;
    if (getOwnPropertyDescriptor(object, key)!.configurable) defineProperty(object, key, { enumerable: true });
  }
}

/** A method that is listed under a second name or symbol, such as `entries` and `Symbol.iterator`. */
export function alias(prototype: object, from: string, to: PropertyKey): void {
  const value = getOwnPropertyDescriptor(prototype, from)!.value;
  defineProperty(prototype, to, { value, writable: true, configurable: true, enumerable: false });
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
