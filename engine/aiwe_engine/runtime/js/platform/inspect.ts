/**
 * How a value looks in a log line or a cell: the manner of node's `util.inspect`. Nothing of the
 * value is run but the traps of a proxy, getters are named and not called, and the work is bounded:
 * so many objects, so many characters, whatever is thrown at it.
 */
import { describeError } from "./inspect_error";
import { type Context, type Shape, closed, more, nameOf, shown, tagOf } from "./inspect_shape";
import { layOut } from "./inspect_layout";
import { describeSpecial } from "./inspect_special";
import { getOwnPropertyDescriptor, isArray, jsonStringify, ownKeys, sameValue } from "./primordials";

export interface InspectOptions {
  /** Levels of objects inside objects that are shown; null for all. Default 2. */
  depth?: number | null;
  /** Characters of a line before an object is broken over several. Default 80. */
  breakLength?: number;
  maxArrayLength?: number | null;
  maxStringLength?: number | null;
  showHidden?: boolean;
}

/** The same for programs written for node. */
const custom = Symbol.for("nodejs.util.inspect.custom");

const NODES = 2_000, CHARACTERS = 100_000, PROPERTIES = 1_000;

export function inspect(value: unknown, options: InspectOptions = {}): string {
  const { depth = 2, breakLength = 80, maxArrayLength = 100, maxStringLength = 10_000, showHidden = false } = options ?? {};
  const context: Context = {
    depth: depth ?? Infinity, breakLength, maxArray: maxArrayLength ?? Infinity, maxString: maxStringLength ?? Infinity,
    hidden: showHidden, deepest: 0, nodes: NODES, room: CHARACTERS, path: [], circular: new Map(),
    show: (inner, level) => show(context, inner, level),
    properties: (object, level, skip) => properties(context, object, level, skip),
  };
  let text: string;
  try {
    text = show(context, value, 0);
  } catch {
    return "[an object that is too deep to show]";
  }
  return text.length > CHARACTERS * 2 ? `${text.slice(0, CHARACTERS)}… cut` : text;
}

function show(context: Context, value: unknown, level: number): string {
  const text = (typeof value === "object" || typeof value === "function") && value !== null
    ? showObject(context, value, level)
    : showPrimitive(context, value);
  if (typeof value !== "object") context.room -= text.length;
  return text;
}

function showPrimitive(context: Context, value: unknown): string {
  if (typeof value === "string") {
    const most = Math.max(20, Math.min(context.maxString, context.room));
    if (value.length <= most) return quote(value);
    const rest = value.length - most;
    return `${quote(value.slice(0, most))}... ${rest} more character${rest === 1 ? "" : "s"}`;
  }
  if (typeof value === "number") return sameValue(value, -0) ? "-0" : `${value}`;
  if (typeof value === "bigint") return `${value}n`;
  return String(value);
}

const ESCAPES: Record<string, string> = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\" };

/** Single quotes, or those that the text does not hold. */
export function quote(text: string): string {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") && !text.includes("${") ? "`" : "'";
  // eslint-disable-next-line no-control-regex
  const inner = text.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f\\]/g, (character) =>
    ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  return mark + (mark === "'" ? inner.replaceAll("'", "\\'") : inner) + mark;
}

function showObject(context: Context, object: object, level: number): string {
  if (context.path.includes(object)) {
    const number = context.circular.get(object) ?? context.circular.size + 1;
    context.circular.set(object, number);
    return `[Circular *${number}]`;
  }
  if (--context.nodes < 0 || context.room < 0) return "…";
  context.path.push(object);
  try {
    const text = customText(context, object, level) ?? layOut(context, shapeOf(context, object, level), level);
    const number = context.circular.get(object);
    return number === undefined ? text : `<ref *${number}> ${text}`;
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack is used up: the outermost says so
    return "[an object that cannot be shown]";
  } finally {
    context.path.pop();
  }
}

function customText(context: Context, object: object, level: number): string | undefined {
  if (typeof object === "function") return undefined;
  const own = (object as Record<symbol, unknown>)[shown];
  if (typeof own === "function") {
    const stand = own.call(object) as object;
    if (level > context.depth) return `[${nameOf(object)}]`;
    return `${nameOf(object)} ${layOut(context, { prefix: "", open: "{", close: "}", entries: context.properties(stand, level) }, level)}`;
  }
  const method = (object as Record<symbol, unknown>)[custom];
  if (typeof method !== "function") return undefined;
  const result: unknown = method.call(object, context.depth - level, { depth: context.depth - level }, inspect);
  if (result === object) return undefined;
  return typeof result === "string" ? result.replaceAll("\n", `\n${"  ".repeat(level)}`) : show(context, result, level);
}

function shapeOf(context: Context, object: object, level: number): Shape {
  const deeper = level <= context.depth;
  if (deeper) context.deepest = level;
  if (isArray(object)) {
    const name = nameOf(object);
    const prefix = name === "Array" ? "" : `${name || "[Array: null prototype]"}(${object.length}) `;
    if (!deeper) return closed(`[${name || "Array"}]`);
    return { prefix, open: "[", close: "]", entries: [...items(context, object, level), ...properties(context, object, level, isIndex)], list: true };
  }
  const special = describeSpecial(context, object, level, deeper) ?? describeError(context, object, level);
  if (special !== undefined) return special;
  const name = nameOf(object);
  const tag = tagOf(object);
  const prefix = name === "" ? `[${tag || "Object"}: null prototype] ` : name === "Object" && tag === "" ? "" :
    `${name}${tag !== "" && tag !== name ? ` [${tag}]` : ""} `;
  if (!deeper) return closed(`[${(prefix || "Object").trim()}]`);
  return { prefix, open: "{", close: "}", entries: properties(context, object, level) };
}

const isIndex = (key: PropertyKey): boolean => (typeof key === "string" && /^(?:0|[1-9]\d*)$/.test(key)) || key === "length";

/** Items of an array, holes counted, what is over the limit only numbered. */
function items(context: Context, array: readonly unknown[], level: number): string[] {
  const shownItems: string[] = [];
  const { length } = array;
  let at = 0;
  while (at < length && shownItems.length < context.maxArray && context.nodes >= 0 && context.room >= 0) {
    const property = getOwnPropertyDescriptor(array, at);
    if (property !== undefined) {
      shownItems.push(showProperty(context, property, level));
      at++;
      continue;
    }
    const from = at;
    const next = nextIndex(array, at);
    at = next;
    shownItems.push(`<${at - from} empty item${at - from === 1 ? "" : "s"}>`);
  }
  if (at < length) shownItems.push(more(length - at, "item"));
  return shownItems;
}

/** The next index that is there: a long hole must not be walked. */
function nextIndex(array: readonly unknown[], from: number): number {
  for (let at = from + 1; at < array.length && at < from + 1_000; at++) if (at in array) return at;
  if (array.length <= from + 1_000) return array.length;
  for (const key of Object.keys(array)) if (isIndex(key) && Number(key) > from) return Number(key);
  return array.length;
}

function showProperty(context: Context, property: PropertyDescriptor, level: number): string {
  if ("value" in property) return show(context, property.value, level + 1);
  return property.get ? (property.set ? "[Getter/Setter]" : "[Getter]") : "[Setter]";
}

function properties(context: Context, object: object, level: number, skip?: (key: PropertyKey) => boolean): string[] {
  const entries: string[] = [];
  const keys = ownKeys(object);
  for (let at = 0; at < keys.length; at++) {
    if (context.nodes < 0 || context.room < 0 || entries.length >= PROPERTIES) {
      entries.push(`... ${keys.length - at} more propert${keys.length - at === 1 ? "y" : "ies"}`);
      break;
    }
    const key = keys[at]!;
    if (skip?.(key)) continue;
    const property = getOwnPropertyDescriptor(object, key);
    if (property === undefined || (!property.enumerable && !context.hidden)) continue;
    const name = keyText(key);
    context.room -= name.length + 4;
    entries.push(`${property.enumerable ? name : `[${name}]`}: ${showProperty(context, property, level)}`);
  }
  return entries;
}

function keyText(key: string | symbol): string {
  if (typeof key === "symbol") return `[${String(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : key.includes("'") ? jsonStringify(key) : `'${key.replaceAll("\n", "\\n")}'`;
}

/** The text of `console.log(...values)`: a first string may hold %s %d %i %f %j %o %O %c. */
export function format(values: readonly unknown[]): string {
  const first = values[0];
  let used = 0;
  let text = "";
  if (typeof first === "string") {
    used = 1;
    text = values.length === 1 || !first.includes("%") ? first : first.replace(/%([sdifjoOc%])/g, (whole, kind: string) => {
      if (kind === "%") return "%";
      if (used >= values.length) return whole;
      return directive(kind, values[used++]);
    });
  }
  for (; used < values.length; used++) {
    const value = values[used];
    text += `${used === 0 ? "" : " "}${typeof value === "string" ? value : inspect(value)}`;
  }
  return text;
}

function directive(kind: string, value: unknown): string {
  switch (kind) {
    case "s": return typeof value === "object" && value !== null ? inspect(value, { depth: 0 }) : typeof value === "bigint" ? `${value}n` : typeof value === "function" ? inspect(value) : sameValue(value, -0) ? "-0" : String(value);
    case "d": return typeof value === "bigint" ? `${value}n` : typeof value === "symbol" || typeof value === "object" ? "NaN" : `${Number(value)}`;
    case "i": return typeof value === "bigint" ? `${value}n` : typeof value === "symbol" || typeof value === "object" ? "NaN" : `${Number.parseInt(String(value), 10)}`;
    case "f": return typeof value === "symbol" ? "NaN" : `${Number.parseFloat(String(value))}`;
    case "j": return asJson(value);
    case "o": return inspect(value, { depth: 4, showHidden: true });
    case "O": return inspect(value);
    default: return "";
  }
}

function asJson(value: unknown): string {
  try {
    return String(jsonStringify(value));
  } catch (error) {
    return error instanceof TypeError ? "[Circular]" : "[not JSON]";
  }
}
