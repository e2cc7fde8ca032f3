/** Lines of an object: one where it fits, else one an entry, with short items of arrays in columns. */
import type { Context, Shape } from "./inspect_shape";

/** Levels of objects that may stand on one line. */
const COMPACT = 3;
const COLUMNS = 12;

export function layOut(context: Context, shape: Shape, level: number): string {
  const { prefix, open, close, list, entries } = shape;
  if (open === "") return prefix;
  if (entries.length === 0) return `${prefix}${open}${close}`;
  const indent = "  ".repeat(level + 1);
  const rows = list && entries.length > 6 ? inColumns(entries, context.breakLength - level * 2) : entries;
  if (rows === entries && context.deepest - level < COMPACT) {
    const text = entries.join(", ");
    const length = text.length + entries.length + level * 2 + prefix.length + open.length + 10;
    if (length <= context.breakLength && !text.includes("\n")) return `${prefix}${open} ${text} ${close}`;
  }
  return `${prefix}${open}\n${indent}${rows.join(`,\n${indent}`)}\n${indent.slice(2)}${close}`;
}

/** Rows of items, each column as wide as its widest item; the entries themselves where that is no gain. */
function inColumns(entries: string[], width: number): string[] {
  const isCut = entries[entries.length - 1]!.startsWith("... ");
  const items = isCut ? entries.slice(0, -1) : entries;
  if (items.some((item) => item.includes("\n"))) return entries;
  const widest = Math.max(...items.map((item) => item.length)) + 2;
  const total = items.reduce((sum, item) => sum + item.length + 2, 0);
  if (widest * 3 >= width || (total / widest <= 5 && widest > 8)) return entries;
  const typical = Math.max(widest - 3 - Math.sqrt(widest - total / items.length), 1);
  const count = Math.min(Math.round(Math.sqrt(2.5 * typical * items.length) / typical), Math.floor(width / widest), COLUMNS);
  if (count <= 1) return entries;
  const rows = setInColumns(items, count);
  return isCut ? [...rows, entries[entries.length - 1]!] : rows;
}

function setInColumns(items: string[], count: number): string[] {
  const widths: number[] = Array(count).fill(0);
  items.forEach((item, at) => { widths[at % count] = Math.max(widths[at % count]!, item.length); });
  const numbers = items.every((item) => /^-?(?:[\d.e+-]+n?|NaN|Infinity)$/.test(item));
  const rows: string[] = [];
  for (let at = 0; at < items.length; at += count) {
    const row = items.slice(at, at + count);
    rows.push(numbers
      ? row.map((item, column) => item.padStart(widths[column]!)).join(", ")
      : row.map((item, column) => (column < row.length - 1 ? `${item}, `.padEnd(widths[column]! + 2) : item)).join(""));
  }
  return rows;
}
