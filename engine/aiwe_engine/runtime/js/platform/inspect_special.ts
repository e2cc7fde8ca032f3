/** Objects that are more than their properties: functions, dates, collections, buffers and so on. */
import type { Context, Shape } from "./inspect_shape";
import { closed, more, nameOf, tagOf } from "./inspect_shape";
import { accepts, apply, getter, isArrayBuffer, isSharedArrayBuffer, isView, stringSlice, typedArrayName, uncurry } from "./primordials";

const functionText = uncurry(Function.prototype.toString) as (self: unknown) => string;
const mapSize = getter<number>(Map.prototype, "size");
const setSize = getter<number>(Set.prototype, "size");
const mapEntries = uncurry(Map.prototype.entries) as (self: unknown) => IterableIterator<[unknown, unknown]>;
const setValues = uncurry(Set.prototype.values) as (self: unknown) => IterableIterator<unknown>;
const time = uncurry(Date.prototype.getTime) as (self: unknown) => number;
const iso = uncurry(Date.prototype.toISOString) as (self: unknown) => string;
const regExpText = uncurry(RegExp.prototype.toString) as (self: unknown) => string;
const isMap = accepts(mapSize), isSet = accepts(setSize), isDate = accepts(time);
const isRegExp = accepts(getter(RegExp.prototype, "source"));
const isWeakMap = accepts((self) => apply(WeakMap.prototype.has, self as WeakMap<object, unknown>, [{}]));
const isWeakSet = accepts((self) => apply(WeakSet.prototype.has, self as WeakSet<object>, [{}]));
const isWeakRef = accepts((self) => apply(WeakRef.prototype.deref, self as WeakRef<object>, []));
const BOXES: [string, (self: unknown) => unknown][] = [
  ["Number", uncurry(Number.prototype.valueOf)], ["String", uncurry(String.prototype.valueOf)],
  ["Boolean", uncurry(Boolean.prototype.valueOf)], ["Symbol", uncurry(Symbol.prototype.valueOf)],
  ["BigInt", uncurry(BigInt.prototype.valueOf)],
];
const BYTES = 50;

export function describeSpecial(context: Context, object: object, level: number, deeper: boolean): Shape | undefined {
  if (typeof object === "function") return describeFunction(context, object, level, deeper);
  const tag = tagOf(object);
  if (isMap(object) || isSet(object)) return describeCollection(context, object, level, deeper);
  if (isDate(object)) return withProperties(context, object, level, Number.isNaN(time(object)) ? "Invalid Date" : iso(object));
  if (isView(object)) return describeView(context, object, level, deeper);
  if (isArrayBuffer(object) || isSharedArrayBuffer(object)) return describeBuffer(object as ArrayBuffer, deeper);
  if (isRegExp(object) && object !== RegExp.prototype) return withProperties(context, object, level, regExpText(object));
  if (isWeakMap(object) || isWeakSet(object)) return { prefix: `${nameOf(object)} `, open: "{", close: "}", entries: ["<items unknown>"] };
  if (isWeakRef(object)) return { prefix: "WeakRef ", open: "{", close: "}", entries: [context.show((object as WeakRef<object>).deref(), level + 1)] };
  if (tag === "Arguments" || Object.prototype.toString.call(object) === "[object Arguments]") {
    return { prefix: "[Arguments] ", open: "[", close: "]", entries: Array.from(object as ArrayLike<unknown>, (item) => context.show(item, level + 1)), list: true };
  }
  for (const [name, unbox] of BOXES) {
    if (!accepts(unbox)(object)) continue;
    const text = `[${name}: ${context.show(unbox(object), level + 1)}]`;
    const skip = name === "String" ? (key: PropertyKey): boolean => typeof key === "string" && /^\d+$/.test(key) : undefined;
    return withProperties(context, object, level, text, skip);
  }
  return undefined;
}

/** Text that stands for the object, followed by the properties a program gave it. */
export function withProperties(context: Context, object: object, level: number, text: string, skip?: (key: PropertyKey) => boolean): Shape {
  const entries = context.properties(object, level, skip);
  return entries.length === 0 ? closed(text) : { prefix: `${text} `, open: "{", close: "}", entries };
}

function describeFunction(context: Context, fn: Function, level: number, deeper: boolean): Shape {
  const given: unknown = Object.getOwnPropertyDescriptor(fn, "name")?.value;
  const name = typeof given === "string" ? given : "";
  let text = "";
  try {
    text = stringSlice(functionText(fn), 0, 6);
  } catch { /* a proxy of a function */ }
  let head: string;
  if (text === "class " || text === "class{") {
    const base = Object.getPrototypeOf(fn) as Function | null;
    const baseName = base !== null && base !== Function.prototype ? base.name : "";
    head = `[class ${name || "(anonymous)"}${baseName ? ` extends ${baseName}` : ""}]`;
  } else {
    const kind = tagOf(fn) || "Function";
    head = `[${kind}${name ? `: ${name}` : " (anonymous)"}]`;
  }
  return deeper ? withProperties(context, fn, level, head) : closed(head);
}

function describeCollection(context: Context, object: object, level: number, deeper: boolean): Shape {
  const asMap = isMap(object);
  const size = asMap ? mapSize(object) : setSize(object);
  const prefix = `${nameOf(object) || (asMap ? "[Map: null prototype]" : "[Set: null prototype]")}(${size}) `;
  if (!deeper) return closed(`[${nameOf(object) || (asMap ? "Map" : "Set")}]`);
  const entries: string[] = [];
  const iterator = asMap ? mapEntries(object) : setValues(object);
  for (const item of iterator) {
    if (entries.length >= context.maxArray || context.nodes < 0 || context.room < 0) {
      entries.push(more(size - entries.length, "item"));
      break;
    }
    entries.push(asMap
      ? `${context.show((item as [unknown, unknown])[0], level + 1)} => ${context.show((item as [unknown, unknown])[1], level + 1)}`
      : context.show(item, level + 1));
  }
  return { prefix, open: "{", close: "}", entries: [...entries, ...context.properties(object, level)] };
}

function describeView(context: Context, view: ArrayBufferView, level: number, deeper: boolean): Shape {
  const kind = typedArrayName(view);
  const name = nameOf(view) || kind || "DataView";
  if (!deeper) return closed(`[${name}]`);
  if (kind === undefined) {
    return { prefix: `${name} `, open: "{", close: "}", entries: [`byteLength: ${view.byteLength}`, `byteOffset: ${view.byteOffset}`, `buffer: ${context.show(view.buffer, level + 1)}`] };
  }
  const array = view as unknown as ArrayLike<number>;
  const count = Math.min(array.length, context.maxArray);
  const entries: string[] = [];
  for (let at = 0; at < count && context.room >= 0; at++) entries.push(context.show(array[at], level + 1));
  if (entries.length < array.length) entries.push(more(array.length - entries.length, "item"));
  const extra = context.properties(view, level, (key) => typeof key === "string" && /^\d+$/.test(key));
  return { prefix: `${name}(${array.length}) `, open: "[", close: "]", entries: [...entries, ...extra], list: true };
}

function describeBuffer(buffer: ArrayBuffer, deeper: boolean): Shape {
  const name = nameOf(buffer) || "ArrayBuffer";
  if (!deeper) return closed(`[${name}]`);
  if ((buffer as unknown as { detached?: boolean }).detached) return { prefix: `${name} `, open: "{", close: "}", entries: ["(detached)", "byteLength: 0"] };
  const bytes = new Uint8Array(buffer, 0, Math.min(BYTES, buffer.byteLength));
  let hex = "";
  for (const byte of bytes) hex += `${hex && " "}${byte.toString(16).padStart(2, "0")}`;
  const rest = buffer.byteLength - bytes.length;
  return { prefix: `${name} `, open: "{", close: "}", entries: [`[Uint8Contents]: <${hex}${rest > 0 ? ` ${more(rest, "byte")}` : ""}>`, `byteLength: ${buffer.byteLength}`] };
}
