/** The grid of `console.table`. */
import { inspect } from "./inspect";

const INDEX = "(index)", VALUES = "Values";
const ROWS = 200, COLUMNS = 30, CELL = 60;

/** Undefined where `data` is nothing that has rows. */
export function formatTable(data: unknown, wanted?: readonly string[]): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const rows: Map<string, string>[] = [];
  const columns = new Set<string>([INDEX]);
  let plainValues = false;
  for (const [index, row] of entriesOf(data)) {
    if (rows.length === ROWS) break;
    const cells = new Map([[INDEX, index]]);
    if (typeof row === "object" && row !== null) {
      for (const key of Object.keys(row)) {
        if ((wanted && !wanted.includes(key)) || columns.size > COLUMNS) continue;
        columns.add(key);
        cells.set(key, cell((row as Record<string, unknown>)[key]));
      }
    } else {
      plainValues = true;
      cells.set(VALUES, cell(row));
    }
    rows.push(cells);
  }
  if (plainValues) columns.add(VALUES);
  return draw([...columns], rows);
}

function entriesOf(data: object): [string, unknown][] {
  if (data instanceof Map) return [...data].map(([key, value], at) => [`${at}`, { Key: key, Values: value }]);
  if (data instanceof Set) return [...data].map((value, at) => [`${at}`, value]);
  return Object.entries(data);
}

function cell(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity });
  return text.length > CELL ? `${text.slice(0, CELL - 1)}…` : text;
}

function draw(columns: string[], rows: Map<string, string>[]): string {
  const widths = columns.map((name) => Math.max(name.length, ...rows.map((row) => row.get(name)?.length ?? 0)) + 2);
  const line = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const row = (texts: string[]): string =>
    `│${texts.map((text, at) => ` ${text}`.padEnd(widths[at]!)).join("│")}│`;
  return [
    line("┌", "┬", "┐"), row(columns), line("├", "┼", "┤"),
    ...rows.map((cells) => row(columns.map((name) => cells.get(name) ?? ""))),
    line("└", "┴", "┘"),
  ].join("\n");
}
