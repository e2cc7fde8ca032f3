/** What the halves of `inspect` share: the state of one run, and the form of one object. */
import { getOwnPropertyDescriptor, getPrototypeOf } from "./primordials";

/** Steps along a chain of prototypes: a proxy's has no end. */
const CHAIN = 50;

/** A class of the platform gives its objects this method: what to show in their place. */
export const shown = Symbol("shown");

/** One run of `inspect`. */
export interface Context {
  depth: number; breakLength: number; maxArray: number; maxString: number; hidden: boolean;
  /** The level of the object that was begun last. */
  deepest: number;
  /** Objects and characters that may still be shown. */
  nodes: number; room: number;
  /** Objects that are being shown, outermost first. */
  path: object[];
  /** Objects that turned out to hold themselves, with their number. */
  circular: Map<object, number>;
  show(value: unknown, level: number): string;
  properties(object: object, level: number, skip?: (key: PropertyKey) => boolean): string[];
}

/** Name, opening text, entries and closing text of an object. */
export interface Shape { prefix: string; entries: string[]; open: string; close: string; list?: boolean }

export const closed = (text: string): Shape => ({ prefix: text, open: "", close: "", entries: [] });

export const more = (count: number, what: string): string => `... ${count} more ${what}${count === 1 ? "" : "s"}`;

/** The name of an object's class, "" for one without a prototype. Follows no proxy for ever. */
export function nameOf(object: object): string {
  let at: object | null = object;
  for (let step = 0; at !== null && step < CHAIN; step++) {
    const found = getOwnPropertyDescriptor(at, "constructor")?.value as unknown;
    if (typeof found === "function") {
      const name = getOwnPropertyDescriptor(found, "name")?.value as unknown;
      if (typeof name === "string" && name !== "") return name;
    }
    at = getPrototypeOf(at);
  }
  return "";
}

export function tagOf(object: object): string {
  const tag: unknown = (object as Record<symbol, unknown>)[Symbol.toStringTag];
  return typeof tag === "string" && tag !== "" && tag !== "Object" ? tag : "";
}
