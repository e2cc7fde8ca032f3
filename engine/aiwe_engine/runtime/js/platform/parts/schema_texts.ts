/**
 * Values that came as text, from a query or a form, as the types that a schema wants: "5" is a number
 * where the schema says so, a single value an array. What does not read as that type stays text, and
 * the check tells.
 */
import type { Schema } from "./schema_link";

type Fits = (schema: Schema, value: unknown) => boolean;

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const TRUE = new Set(["true", "on"]); // a checkbox sends "on"

/** A schema and all that speak of the same value. */
function* parts(schema: Schema | undefined, seen = new Set<unknown>()): Generator<Record<string, any>> {
  if (typeof schema !== "object" || schema === null || seen.has(schema)) return;
  seen.add(schema);
  yield schema;
  for (const keyword of ["allOf", "anyOf", "oneOf"]) for (const one of schema[keyword] ?? []) yield* parts(one, seen);
  for (const keyword of ["then", "else"]) yield* parts(schema[keyword], seen);
}

const typeOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

function types(schemas: Schema[]): Set<string> {
  const found = new Set<string>();
  for (const schema of schemas) for (const part of parts(schema)) {
    for (const type of [part.type ?? []].flat() as string[]) found.add(type === "integer" ? "number" : type);
    if (part.type !== undefined) continue;
    if ("const" in part) found.add(typeOf(part.const));
    for (const value of part.enum ?? []) found.add(typeOf(value));
    if (part.properties !== undefined) found.add("object");
  }
  return found;
}

function schemasOf(schema: Schema, name: string): Schema[] {
  const found: Schema[] = [];
  for (const part of parts(schema)) {
    const own = part.properties !== undefined && Object.hasOwn(part.properties, name);
    if (own) found.push(part.properties[name]);
    for (const [pattern, one] of Object.entries(part.patternProperties ?? {})) {
      if (new RegExp(pattern, "u").test(name)) found.push(one as Schema);
    }
    if (!own && typeof part.additionalProperties === "object") found.push(part.additionalProperties);
  }
  return found;
}

/** The properties that are files: strings of the format "binary", or lists of them. */
export function fileFields(schema: Schema): string[] {
  const isFile = (one: any): boolean => typeof one === "object" && (one.format === "binary" || (one.items !== undefined && isFile(one.items)));
  const found: string[] = [];
  for (const part of parts(schema)) {
    for (const [name, one] of Object.entries(part.properties ?? {})) if (isFile(one)) found.push(name);
  }
  return found;
}

function readText(schemas: Schema[], text: string): unknown {
  const wanted = types(schemas);
  if (wanted.size === 0 || wanted.has("string")) return text;
  if (wanted.has("number") && NUMBER.test(text)) return Number(text);
  if (wanted.has("boolean") && (TRUE.has(text) || text === "false")) return text !== "false";
  if (wanted.has("null") && text === "null") return null;
  if (wanted.has("array")) return readAll(schemas, [text]);
  return text;
}

function readAll(schemas: Schema[], values: unknown[]): unknown[] {
  const items: Schema[] = [];
  for (const schema of schemas) for (const part of parts(schema)) if (typeof part.items === "object") items.push(part.items);
  return values.map((value) => (typeof value === "string" ? readText(items, value) : value));
}

/**
 * A copy of `fields` with their values read. In a `form` an empty field that does not fit counts as not
 * given: browsers send those that nobody filled in.
 */
export function readFields(schema: Schema, fields: Record<string, unknown>, form: boolean, fits: Fits): Record<string, unknown> {
  const read: [string, unknown][] = [];
  for (const [name, value] of Object.entries(fields)) {
    const schemas = schemasOf(schema, name);
    if (form && value === "" && schemas.some((one) => !fits(one, readText(schemas, value)))) continue;
    if (typeof value === "string") read.push([name, readText(schemas, value)]);
    else if (Array.isArray(value) && types(schemas).has("array")) read.push([name, readAll(schemas, value)]);
    else read.push([name, value]);
  }
  return Object.fromEntries(read);
}
