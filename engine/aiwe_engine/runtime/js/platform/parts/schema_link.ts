/**
 * A JSON Schema made ready for checking: a private copy in which every reference stands for what it
 * points to. References lead inside the schema only; nothing is ever fetched.
 *
 * `$dynamicRef` is bound once, to the outermost anchor of its name, since a schema here is always whole.
 */
export type Schema = boolean | { [keyword: string]: any };
/** What is wrong, and where: `path` is a JSON Pointer, "" the whole. */
export interface Problem { path: string; message: string }

const ONE = new Set([
  "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
  "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
]);
const LIST = new Set(["allOf", "anyOf", "items", "oneOf", "prefixItems"]);
const MAP = new Set(["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"]);
/** Those that look at the same value as the schema they stand in. */
const IN_PLACE = new Set(["allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"]);
const NAMES = ["$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef", "$ref", "$schema"];
/** In these drafts a reference replaces all that stands beside it. */
const LEGACY = /draft-0[3467]/;

const isObject = (value: unknown): value is Record<string, any> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const escape = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

/** The value that a JSON Pointer leads to; undefined where there is none. */
export function at(root: any, pointer: string): any {
  let value = root;
  for (const step of pointer.split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Every schema that stands directly in this one, with its place. */
function* inside(schema: Record<string, any>, keywords?: Set<string>): Generator<[Schema, string]> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (keywords !== undefined && !keywords.has(keyword)) continue;
    if (Array.isArray(value)) {
      if (LIST.has(keyword)) for (const [index, one] of value.entries()) yield [one, `/${keyword}/${index}`];
    } else if (MAP.has(keyword)) {
      if (isObject(value)) for (const key of Object.keys(value)) if (!Array.isArray(value[key])) yield [value[key], `/${keyword}/${escape(key)}`];
    } else if (ONE.has(keyword)) {
      yield [value, `/${keyword}`];
    }
  }
}

class Linker {
  readonly problems: Problem[] = [];
  readonly #bases = new Map<object, string>();
  readonly #places = new Map<object, string>();
  /** Schemas by address: with a fragment those that have an anchor. */
  readonly #known = new Map<string, Schema>();
  readonly #dynamic = new Map<string, Schema>();

  constructor(readonly root: Schema, readonly legacy: boolean) {}

  /** Learns addresses and anchors of a schema and of all that stands in it. */
  visit(schema: Schema, base: string, place: string): void {
    if (!isObject(schema) || this.#bases.has(schema)) return;
    if (typeof schema.$id === "string") base = resolve(schema.$id, base);
    const address = base.split("#", 1)[0]!;
    if (place === "" || typeof schema.$id === "string") this.#known.set(address, schema);
    this.#bases.set(schema, base);
    this.#places.set(schema, place);
    for (const anchor of [schema.$anchor, schema.$dynamicAnchor]) {
      if (typeof anchor === "string") this.#known.set(`${address}#${anchor}`, schema);
    }
    if (typeof schema.$dynamicAnchor === "string" && !this.#dynamic.has(schema.$dynamicAnchor)) {
      this.#dynamic.set(schema.$dynamicAnchor, schema);
    }
    this.#patterns(schema, place);
    for (const [one, step] of inside(schema)) this.visit(one, base, place + step);
  }

  #patterns(schema: Record<string, any>, place: string): void {
    const expressions: [unknown, string][] = [[schema.pattern, `${place}/pattern`]];
    if (isObject(schema.patternProperties)) {
      for (const key of Object.keys(schema.patternProperties)) expressions.push([key, `${place}/patternProperties/${escape(key)}`]);
    }
    for (const [expression, path] of expressions) {
      if (typeof expression !== "string") continue;
      try {
        new RegExp(expression, "u");
      } catch (error: any) {
        this.problems.push({ path, message: `is no regular expression: ${String(error.message).split(": ").at(-1)}` });
      }
    }
  }

  /** Puts in place of each reference what it points to. Targets in odd places are visited on the way. */
  join(): void {
    for (const schema of this.#bases.keys() as Iterable<Record<string, any>>) { // grows while it is read
      for (const keyword of ["$ref", "$dynamicRef", "$recursiveRef"]) {
        const reference = schema[keyword];
        if (typeof reference !== "string") continue;
        const target = this.#target(schema, keyword, reference);
        if (target === undefined) {
          this.problems.push({ path: `${this.#places.get(schema)}/${keyword}`, message: lost(reference) });
        } else {
          if (this.legacy) for (const key of Object.keys(schema)) delete schema[key];
          schema.allOf = [...(Array.isArray(schema.allOf) ? schema.allOf : []), target];
        }
      }
    }
    for (const schema of this.#bases.keys() as Iterable<Record<string, any>>) for (const name of NAMES) delete schema[name];
  }

  #target(schema: object, keyword: string, reference: string): Schema | undefined {
    const base = this.#bases.get(schema)!;
    if (keyword === "$recursiveRef") {
      const own = this.#known.get(base.split("#", 1)[0]!);
      return isObject(own) && own.$recursiveAnchor === true ? this.root : own;
    }
    const [address, fragment = ""] = resolve(reference, base).split("#", 2) as [string, string?];
    const document = this.#known.get(address);
    if (fragment !== "" && !fragment.startsWith("/")) {
      const found = this.#known.get(`${address}#${fragment}`);
      const bound = isObject(found) && found.$dynamicAnchor === fragment;
      return keyword === "$dynamicRef" && bound ? this.#dynamic.get(fragment) : found;
    }
    const target = document === undefined ? undefined : at(document, decode(fragment));
    if (typeof target !== "boolean" && !isObject(target)) return undefined;
    this.visit(target, this.#bases.get(document as object) ?? base, fragment);
    return target;
  }

  /** Finds a schema that leads back to itself without going into the value. */
  loops(): void {
    const done = new Map<object, boolean>(); // false: on the way that is being followed
    const follow = (schema: Schema): void => {
      if (!isObject(schema) || done.get(schema)) return;
      if (done.has(schema)) {
        const path = this.#places.get(schema) ?? "";
        this.problems.push({ path, message: "refers to itself without end" });
        done.set(schema, true);
        return;
      }
      done.set(schema, false);
      for (const [one] of inside(schema, IN_PLACE)) follow(one);
      done.set(schema, true);
    };
    for (const schema of this.#bases.keys()) follow(schema as Schema);
  }
}

function lost(reference: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(reference)
    ? `leads to ${reference}, which is not part of the schema: put it below $defs, nothing is fetched`
    : `leads to ${reference}, which is not there`;
}

function decode(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

/** An address by the one it stands in, as far as identifiers of schemas need it. */
function resolve(reference: string, base: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(reference)) return reference;
  const document = base.split("#", 1)[0]!;
  if (reference === "" || reference.startsWith("#")) return document + reference;
  const origin = /^[a-z][a-z0-9+.-]*:(\/\/[^/]*)?/i.exec(document)?.[0] ?? "";
  const folder = reference.startsWith("/") ? origin : document.slice(0, Math.max(document.lastIndexOf("/"), origin.length));
  const steps: string[] = [];
  for (const step of `${folder.slice(origin.length)}/${reference}`.split("/").slice(1)) {
    if (step === "..") steps.pop();
    else if (step !== "." && step !== "") steps.push(step);
  }
  return `${origin}/${steps.join("/")}`;
}

/** Links a copy that is the caller's to give away; `problems` tells what cannot be. */
export function link(copy: Schema): Problem[] {
  const draft = isObject(copy) && typeof copy.$schema === "string" ? copy.$schema : "";
  const linker = new Linker(copy, LEGACY.test(draft));
  linker.visit(copy, "schema:/", "");
  linker.join();
  if (linker.problems.length === 0) linker.loops();
  return linker.problems;
}
