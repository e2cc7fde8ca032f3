/**
 * Headers, and the plain list behind them. A Response keeps no list until somebody asks for one;
 * names are compared in lower case and kept as given until they leave.
 */
import { shown } from "./inspect_shape";
import { apply, defineProperty, fromEntries, getOwnPropertyDescriptor, ownKeys, regExpTest, toLowerCase, uncurry } from "./primordials";
import { byteString, idl, iterable, need } from "./webidl";

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;
type Guard = "none" | "request" | "response" | "immutable";
/** [name in lower case, value] */
export type Pair = [name: string, value: string];

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[\0\r\n]/;
const EDGES = /^[\t\n\r ]+|[\t\n\r ]+$/g;
const replace = uncurry(String.prototype.replace) as (self: string, what: RegExp, by: string) => string;

export function headerName(given: unknown, what: string): string {
  const name = byteString(given, `${what}: the header name`);
  if (!regExpTest(TOKEN, name)) {
    throw new TypeError(`${what}: "${name}" is not a header name. Use letters, digits and hyphens, as in "x-request-id".`);
  }
  return toLowerCase(name);
}

export function headerValue(given: unknown, name: string, what: string): string {
  const raw = byteString(given, `${what}: the value of "${name}"`);
  const value = replace(raw, EDGES, "");
  if (regExpTest(BAD_VALUE, value)) {
    throw new TypeError(`${what}: the value of "${name}" holds a line break or a NUL, which would end the header. Remove it, or encode it with encodeURIComponent.`);
  }
  return value;
}

/** Header pairs in the order of their coming, values of one name side by side. */
export class HeaderList {
  pairs: Pair[] = [];

  get(name: string): string | null {
    let found: string | null = null;
    for (let at = 0; at < this.pairs.length; at++) {
      const pair = this.pairs[at]!;
      if (pair[0] === name) found = found === null ? pair[1] : `${found}, ${pair[1]}`;
    }
    return found;
  }

  has(name: string): boolean {
    for (let at = 0; at < this.pairs.length; at++) if (this.pairs[at]![0] === name) return true;
    return false;
  }

  append(name: string, value: string): void {
    this.pairs[this.pairs.length] = [name, value];
  }

  set(name: string, value: string): void {
    const kept: Pair[] = [];
    let placed = false;
    for (let at = 0; at < this.pairs.length; at++) {
      const pair = this.pairs[at]!;
      if (pair[0] !== name) kept[kept.length] = pair;
      else if (!placed) {
        placed = true;
        kept[kept.length] = [name, value];
      }
    }
    if (!placed) kept[kept.length] = [name, value];
    this.pairs = kept;
  }

  delete(name: string): void {
    const kept: Pair[] = [];
    for (let at = 0; at < this.pairs.length; at++) if (this.pairs[at]![0] !== name) kept[kept.length] = this.pairs[at]!;
    this.pairs = kept;
  }

  copy(): HeaderList {
    const list = new HeaderList();
    for (let at = 0; at < this.pairs.length; at++) list.pairs[at] = [this.pairs[at]![0], this.pairs[at]![1]];
    return list;
  }

  /** As programs see them: sorted, values of one name joined, each Set-Cookie by itself. */
  sorted(): Pair[] {
    const names = [...new Set(this.pairs.map((pair) => pair[0]))].sort();
    return names.flatMap((name): Pair[] => name === "set-cookie"
      ? this.pairs.filter((pair) => pair[0] === name)
      : [[name, this.get(name)!]]);
  }
}

/** Appends what a program gave as headers: a Headers, pairs, or an object. */
export function fill(list: HeaderList, init: unknown, what: string): void {
  if ((typeof init !== "object" && typeof init !== "function") || init === null) {
    throw new TypeError(`${what}: headers are an object, as in { "cache-control": "no-store" }, or a list of pairs, not ${init === null ? "null" : typeof init}.`);
  }
  const iterator = (init as Iterable<unknown>)[Symbol.iterator];
  if (iterator !== undefined && iterator !== null) {
    if (typeof iterator !== "function") throw new TypeError(`${what}: headers cannot be iterated.`);
    for (const entry of { [Symbol.iterator]: () => apply(iterator, init, []) } as Iterable<unknown>) {
      if ((typeof entry !== "object" && typeof entry !== "function") || entry === null) throw new TypeError(`${what}: each header is a pair [name, value].`);
      const pair = [...(entry as Iterable<unknown>)];
      if (pair.length !== 2) throw new TypeError(`${what}: each header is a pair [name, value], but one has ${pair.length} items.`);
      const name = headerName(pair[0], what);
      list.append(name, headerValue(pair[1], name, what));
    }
    return;
  }
  const keys = ownKeys(init);
  const seen: Pair[] = [];
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]!;
    if (!getOwnPropertyDescriptor(init, key)?.enumerable) continue;
    const name = byteString(key, `${what}: the header name`);
    seen[seen.length] = [name, byteString((init as Record<PropertyKey, unknown>)[key], `${what}: the value of "${name}"`)];
  }
  for (let at = 0; at < seen.length; at++) {
    const name = headerName(seen[at]![0], what);
    list.append(name, headerValue(seen[at]![1], name, what));
  }
}

let make: (list: HeaderList, guard: Guard) => Headers;
let listIn: (headers: Headers) => HeaderList;
let guardIn: (headers: Headers) => Guard;

export class Headers {
  #list = new HeaderList();
  #guard: Guard = "none";
  static {
    make = (list, guard) => {
      const headers = new Headers();
      headers.#list = list;
      headers.#guard = guard;
      return headers;
    };
    listIn = (headers) => headers.#list;
    guardIn = (headers) => headers.#guard;
  }

  constructor(init?: HeadersInit) {
    if (init !== undefined) fill(this.#list, init, "new Headers");
  }

  append(name: string, value: string): void {
    need(arguments.length, 2, "headers.append");
    const key = headerName(name, "headers.append");
    const text = headerValue(value, key, "headers.append");
    this.#writable();
    this.#list.append(key, text);
  }

  delete(name: string): void {
    need(arguments.length, 1, "headers.delete");
    const key = headerName(name, "headers.delete");
    this.#writable();
    this.#list.delete(key);
  }

  get(name: string): string | null {
    need(arguments.length, 1, "headers.get");
    return this.#list.get(headerName(name, "headers.get"));
  }

  getSetCookie(): string[] {
    return this.#list.pairs.filter((pair) => pair[0] === "set-cookie").map((pair) => pair[1]);
  }

  has(name: string): boolean {
    need(arguments.length, 1, "headers.has");
    return this.#list.has(headerName(name, "headers.has"));
  }

  set(name: string, value: string): void {
    need(arguments.length, 2, "headers.set");
    const key = headerName(name, "headers.set");
    const text = headerValue(value, key, "headers.set");
    this.#writable();
    this.#list.set(key, text);
  }

  declare forEach: (callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown) => void;
  declare keys: () => IterableIterator<string>;
  declare values: () => IterableIterator<string>;
  declare entries: () => IterableIterator<Pair>;
  declare [Symbol.iterator]: () => IterableIterator<Pair>;

  #writable(): void {
    if (this.#guard === "immutable") {
      throw new TypeError("These headers cannot be changed: they belong to an answer that is finished. Copy it with new Response(res.body, res) first.");
    }
  }
}
idl(Headers, "Headers");
iterable(Headers, "Headers", (headers) => listIn(headers).sorted());
defineProperty(Headers.prototype, shown, { value(this: Headers) { return fromEntries(listIn(this).sorted()); } });

export { guardIn as headersGuard, listIn as headerList, make as makeHeaders };
export type { Guard };
export const isHeaders = (value: unknown): value is Headers => {
  try {
    listIn(value as Headers);
    return true;
  } catch {
    return false;
  }
};
