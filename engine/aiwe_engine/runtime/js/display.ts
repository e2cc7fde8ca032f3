/**
 * How a value looks below a cell: a mime bundle made where the value lives, since it never leaves
 * its isolate. Arrays of plain objects become tables, other objects trees that fold, `html` markup
 * itself; everything has its text too, made by the platform's `inspect`.
 *
 * Looking must not change or break anything: getters are named and not called, whatever throws (a
 * proxy's trap, say) is shown as unreadable, and rows, depth and size are bounded. The colours are
 * Jupyter's own variables, so that light and dark themes both fit.
 *
 * An object may say itself how it looks: `[Symbol.for("aiwe.display")]` is a function that returns a
 * bundle, or null to show nothing.
 */
import { Html } from "./platform/html";
import { type Response, isResponse, snapshot } from "./platform/response";

export type MimeBundle = Record<string, unknown>;
type Inspect = (value: unknown) => string;

export const DISPLAY = Symbol.for("aiwe.display");

const ROWS = 100, COLUMNS = 24, NODES = 500, CHILDREN = 100, DEPTH = 8, CELL = 120, PREVIEW = 72;
const TEXT = 100_000, MARKUP = 2_000_000, IMAGE = 5_000_000;

const { apply } = Reflect;
const { getPrototypeOf, getOwnPropertyDescriptor, keys, prototype: plainPrototype } = Object;
const { isArray } = Array;
const uncurry = <T>(method: (...args: any[]) => T) => (self: unknown, ...args: unknown[]): T => apply(method, self, args);
const sizeOf = (type: Function): ((self: unknown) => number) => uncurry(getOwnPropertyDescriptor(type.prototype, "size")!.get!);
const mapSize = sizeOf(Map), setSize = sizeOf(Set);
const mapEntries = uncurry<object>(Map.prototype.entries), nextEntry = uncurry<any>(new Map().entries().next);
const setValues = uncurry<object>(Set.prototype.values), nextItem = uncurry<any>(new Set().values().next);
const bytesLength = uncurry<number>(getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), "length")!.get!);
const typeName = uncurry<string | undefined>(getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!);
const toBase64 = uncurry<string>((Uint8Array.prototype as any).toBase64);
const replace = uncurry<string>(String.prototype.replace), slice = uncurry<string>(String.prototype.slice);
const dateText = uncurry<string>(Date.prototype.toISOString);
const text = String, json = JSON.stringify;

/** What `display(value)` and the last expression of a cell show; null shows nothing. */
export function displayData(value: unknown, inspect: Inspect): MimeBundle | null {
  try {
    const own = attempt(() => ownBundle(value));
    if (own !== undefined) return own;
    const plain = attempt(() => cut(inspect(value), TEXT)) ?? "[this value cannot be shown]";
    const rich = attempt(() => richData(value));
    return rich === undefined ? { "text/plain": plain } : { "text/plain": plain, ...rich };
  } catch {
    return { "text/plain": "[this value cannot be shown]" };
  }
}

function ownBundle(value: unknown): MimeBundle | null | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  // By descriptor: a proxy that has an answer to every name has none to this one.
  let show: unknown;
  for (let at: object | null = value; at !== null && show === undefined; at = getPrototypeOf(at)) {
    show = getOwnPropertyDescriptor(at, DISPLAY)?.value;
  }
  if (typeof show !== "function") return undefined;
  const bundle = apply(show, value, []);
  if (bundle === null) return null;
  const copy = JSON.parse(json(bundle) ?? "null");
  return typeof copy === "object" && copy !== null && !isArray(copy) ? copy : undefined;
}

function richData(value: unknown): MimeBundle | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const image = imageType(value);
  if (image !== undefined) return { [image]: toBase64(value) };
  if (value instanceof Html) return { "text/html": cut(`${value}`, MARKUP), "text/plain": cut(`${value}`, TEXT) };
  if (isResponse(value)) return { "text/html": responseMarkup(value) };
  if (value instanceof Error) return { "text/html": errorMarkup(value) };
  // Nothing to unfold: {}, a date, a promise, an object of the platform. Its text says it best.
  if (members(value)[0] === 0) return undefined;
  return { "text/html": table(value) ?? new Tree().show(value) };
}

// ── tables ──

function table(value: object): string | undefined {
  if (!isArray(value) || value.length === 0) return undefined;
  const rows: object[] = [];
  const columns: string[] = [];
  for (let i = 0; i < value.length && i < ROWS; i++) {
    const row = own(value, text(i));
    if (!isPlain(row)) return undefined;
    rows[i] = row;
    for (const key of keys(row)) if (columns.length <= COLUMNS && !has(columns, key)) columns[columns.length] = key;
  }
  if (columns.length === 0) return undefined;
  const more = columns.length > COLUMNS;
  if (more) columns.length = COLUMNS;
  let head = "<th></th>";
  for (const column of columns) head += `<th>${escape(cut(column, CELL))}</th>`;
  let body = "";
  for (let i = 0; i < rows.length; i++) {
    body += `<tr><th>${i}</th>`;
    for (const column of columns) body += `<td>${cell(rows[i]!, column)}</td>`;
    body += more ? "<td>…</td></tr>" : "</tr>";
  }
  const note = value.length > rows.length ? aside(`${rows.length} of ${value.length} rows`) : "";
  return `<table><thead><tr>${head}${more ? "<th>…</th>" : ""}</tr></thead><tbody>${body}</tbody></table>${note}`;
}

function cell(row: object, column: string): string {
  const property = getOwnPropertyDescriptor(row, column);
  if (property === undefined) return "";
  if (!("value" in property)) return muted("[getter]");
  const value = property.value;
  if (typeof value === "string") return escape(cut(value, CELL));
  if (typeof value === "object" && value !== null) return escape(preview(value, CELL));
  return leaf(value);
}

// ── trees ──

class Tree {
  private nodes = NODES;
  private readonly above: object[] = [];

  show(value: object): string {
    const font = "font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px);line-height:1.5";
    return `<div style="${font}">${this.node("", value, true)}</div>`;
  }

  private node(key: string, value: unknown, open = false): string {
    this.nodes--;
    if (typeof value !== "object" || value === null) return `<div>${key}${leaf(value)}</div>`;
    const title = `${key}${muted(escape(label(value)))} ${escape(preview(value, PREVIEW))}`;
    if (has(this.above, value)) return `<div>${key}${muted("[circular]")}</div>`;
    if (this.above.length >= DEPTH) return `<div>${title}</div>`;
    this.above[this.above.length] = value;
    const inside = attempt(() => this.children(value)) ?? aside("[unreadable]");
    this.above.length--;
    if (inside === "") return `<div>${title}</div>`;
    return `<details${open ? " open" : ""}><summary style="cursor:pointer">${title}</summary><div style="margin-left:1.4em">${inside}</div></details>`;
  }

  /** The first members; what follows them is counted and not walked, however long it is. */
  private children(value: object): string {
    const [size, each] = members(value);
    let markup = "", count = 0;
    while (count < size && count < CHILDREN && this.nodes > 0) {
      const [key, item] = each(count++);
      markup += this.node(key, item);
    }
    return count < size ? `${markup}${aside(`… ${size - count} more`)}` : markup;
  }
}

type Member = readonly [key: string, value: unknown];

/** How many members an object has, and the n-th of them (asked for in order). */
function members(value: object): readonly [number, (n: number) => Member] {
  const map = attempt(() => mapSize(value)), set = attempt(() => setSize(value));
  if (map !== undefined) {
    const entries = mapEntries(value);
    return [map, () => { const [key, item] = nextEntry(entries).value; return [`${short(key)} ${muted("→")} `, item]; }];
  }
  if (set !== undefined) {
    const items = setValues(value);
    return [set, () => ["", nextItem(items).value]];
  }
  const list = listLength(value);
  if (list !== undefined) return [list, (n) => [name(text(n)), own(value, text(n), GETTER)]];
  const names = keys(value);
  return [names.length, (n) => [name(names[n]!), own(value, names[n]!, GETTER)]];
}

/** The length of an array or a typed array. */
const listLength = (value: object): number | undefined =>
  isArray(value) ? value.length : typeName(value) !== undefined ? bytesLength(value) : undefined;

const GETTER = { [DISPLAY]: null };

/** A value that does not unfold. */
function leaf(value: unknown): string {
  switch (typeof value) {
    case "string": return color("string", escape(json(cut(value, 1000))));
    case "number": return color("number", text(value));
    case "bigint": return color("number", `${value}n`);
    case "boolean": return color("keyword", text(value));
    case "undefined": return muted("undefined");
    case "symbol": return color("atom", escape(text(value)));
    case "function": return muted(`ƒ ${escape(cut(text(own(value, "name") ?? ""), CELL))}()`);
    default: return value === null ? color("keyword", "null") : escape(label(value as object));
  }
}

/** One line about an object, for a folded node or a table's cell. */
function preview(value: object, limit: number): string {
  if (value === GETTER) return "[getter]";
  return attempt(() => {
    if (value instanceof Date) return dateText(value);
    if (value instanceof Error) return cut(`${text(value.name)}: ${text(value.message)}`, limit);
    if (value instanceof RegExp) return cut(text(value), limit);
    const length = listLength(value), list = length !== undefined;
    const names = list ? undefined : keys(value);
    const count = length ?? names!.length;
    if (count === 0) return list ? "[]" : isPlain(value) ? "{}" : "";
    let line = "";
    for (let i = 0; i < count; i++) {
      if (line.length > limit) { line = cut(line, limit); break; }
      const key = list ? text(i) : names![i]!;
      const item = own(value, key, GETTER);
      line += (i === 0 ? "" : ", ") + (list ? "" : `${key}: `) + word(item);
    }
    return list ? `[${line}]` : `{ ${line} }`;
  }) ?? "[unreadable]";
}

function word(value: unknown): string {
  if (typeof value === "string") return json(cut(value, 40));
  if (typeof value === "object" && value !== null) {
    if (value === GETTER) return "[getter]";
    return isArray(value) ? `[${value.length}]` : value instanceof Date ? dateText(value) : "{…}";
  }
  if (typeof value === "function") return "ƒ";
  return typeof value === "bigint" ? `${value}n` : text(value);
}

function short(key: unknown): string {
  return typeof key === "object" && key !== null ? escape(preview(key, 40)) : leaf(key);
}

function label(value: object): string {
  if (value === GETTER) return "";
  return attempt(() => {
    if (isArray(value)) return `Array(${value.length})`;
    const map = attempt(() => mapSize(value)), set = attempt(() => setSize(value));
    if (map !== undefined) return `Map(${map})`;
    if (set !== undefined) return `Set(${set})`;
    const typed = typeName(value);
    if (typed !== undefined) return `${typed}(${bytesLength(value)})`;
    return isPlain(value) ? "" : className(value);
  }) ?? "Object";
}

// ── particular objects ──

function errorMarkup(error: Error): string {
  const stack = attempt(() => text(own(error, "stack") ?? "")) ?? "";
  const frames = cut(replace(stack, /^[\s\S]*?(?=^\s+at )/m, ""), 2000);
  const title = `${attempt(() => text(error.name)) ?? "Error"}: ${attempt(() => text(error.message)) ?? ""}`;
  const hint = attempt(() => text((error as any).hint ?? "")) ?? "";
  const red = "color:var(--jp-error-color1,#c62828)";
  return `<div><b style="${red}">${escape(cut(title, 2000))}</b>`
    + (hint === "" ? "" : `<div>${escape(cut(hint, 1000))}</div>`)
    + (frames === stack ? "" : aside(`<pre>${escape(frames)}</pre>`)) + "</div>";
}

function responseMarkup(response: Response): string {
  let rows = "";
  const answer = attempt(() => snapshot(response));
  for (const [key, value] of answer?.headers ?? []) {
    rows += `<div>${color("property", escape(cut(text(key), CELL)))}: ${escape(cut(text(value), 500))}</div>`;
  }
  const tone = response.ok ? "var(--jp-success-color1,#2e7d32)" : "var(--jp-warn-color1,#b26a00)";
  const status = escape(`${response.status} ${response.statusText}`);
  return `<div style="font-family:var(--jp-code-font-family,monospace)"><b style="color:${tone}">${status}</b>`
    + rows + bodyMarkup(answer === undefined ? undefined : answer.body) + "</div>";
}

function bodyMarkup(body: unknown): string {
  if (body === undefined) return aside("its body was read");
  if (body === null) return aside("no body");
  if (typeof body === "string") return `<pre style="margin:4px 0 0">${escape(cut(body, 2000))}</pre>`;
  return aside(typeName(body) === undefined ? "a stream" : `${bytesLength(body)} bytes`);
}

const SIGNATURES: [string, number[]][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
];

function imageType(value: object): string | undefined {
  if (typeName(value) !== "Uint8Array" || bytesLength(value) > IMAGE) return undefined;
  const bytes = value as Uint8Array;
  for (const [type, signature] of SIGNATURES) {
    let at = 0;
    while (at < signature.length && bytes[at] === signature[at]) at++;
    if (at === signature.length) return type;
  }
  return undefined;
}

// ── looking without touching ──

function own(object: object, key: string, getter: unknown = undefined): unknown {
  const property = getOwnPropertyDescriptor(object, key);
  return property === undefined ? undefined : "value" in property ? property.value : getter;
}

function className(value: object): string {
  for (let at: object | null = value; at !== null; at = getPrototypeOf(at)) {
    const tag = getOwnPropertyDescriptor(at, Symbol.toStringTag)?.value;
    if (typeof tag === "string" && tag !== "") return cut(tag, CELL);
  }
  for (let at = getPrototypeOf(value); at !== null; at = getPrototypeOf(at)) {
    const made = own(at, "constructor");
    const title = typeof made === "function" ? own(made, "name") : undefined;
    if (typeof title === "string" && title !== "") return cut(title, CELL);
  }
  return "Object";
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || isArray(value)) return false;
  const prototype = getPrototypeOf(value);
  return prototype === null || prototype === plainPrototype;
}

function has(list: readonly unknown[], item: unknown): boolean {
  for (let i = 0; i < list.length; i++) if (list[i] === item) return true;
  return false;
}

function attempt<T>(look: () => T): T | undefined {
  try { return look(); } catch { return undefined; }
}

// ── words ──

const cut = (line: string, limit: number): string => (line.length > limit ? slice(line, 0, limit) + "…" : line);
const name = (key: string): string => `${color("property", escape(cut(key, CELL)))}: `;
const MUTED = 'style="color:var(--jp-ui-font-color2,#777)"';
const muted = (markup: string): string => `<span ${MUTED}>${markup}</span>`;
const aside = (markup: string): string => `<div ${MUTED}>${markup}</div>`;
const COLORS = { string: "#a31515", number: "#098658", keyword: "#0000ff", atom: "#8a5a00", property: "#05a" };
const color = (kind: keyof typeof COLORS, markup: string): string =>
  `<span style="color:var(--jp-mirror-editor-${kind}-color,${COLORS[kind]})">${markup}</span>`;
const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (line: string): string => replace(line, /[&<>"']/g, (mark: string) => ENTITIES[mark]!);
