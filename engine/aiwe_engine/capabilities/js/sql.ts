/**
 * `DataRepository.sql`, the half inside the isolate: a template becomes the pieces of its text and its
 * values. What JSON has no form for is marked, so that the host can tell a Date from a string.
 */
import { failure } from "../../runtime/js/failure";
import { PromiseCtor, apply, isArray } from "../../runtime/js/platform/primordials";

const { toISOString, getTime } = Date.prototype;
const { isFinite } = Number;
const hasSlot = (read: Function, value: unknown): boolean => {
  try { apply(read as any, value, []); return true; } catch { return false; }
};

/** The arguments of the host's `sql`, or the error that tells what is wrong with a call. */
export function statement(strings: any, values: unknown[]): [string[], unknown[]] | Error {
  if (!isArray(strings) || !isArray((strings as any).raw)) {
    return failure("TypeError", "sql_needs_template", "DataRepository.sql is a tag of a template, not a function of a string",
      "Write DataRepository.sql`SELECT * FROM tasks WHERE status = ${status}`: without brackets, each value in ${…}.", 400);
  }
  const texts: string[] = [];
  for (let i = 0; i < strings.length; i++) texts[i] = strings[i];
  const marked: unknown[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = mark(values[i]);
    if (value === undefined) return unusable(values[i], i + 1);
    marked[i] = value;
  }
  return [texts, marked];
}

/** A value with a mark of what it is, where JSON does not say it; undefined: it cannot be a value. */
function mark(value: any): unknown {
  switch (typeof value) {
    case "boolean": case "string": return value;
    case "number": return isFinite(value) ? value : undefined;
    case "bigint": return { int: `${value}` };
    case "object": break;
    default: return undefined;
  }
  if (value === null) return null;
  if (isArray(value)) {
    const items: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      if ((items[i] = mark(value[i])) === undefined) return undefined;
    }
    return { list: items };
  }
  if (hasSlot(getTime, value)) {
    return isFinite(apply(getTime as any, value, [])) ? { date: apply(toISOString as any, value, []) } : undefined;
  }
  return value instanceof PromiseCtor ? undefined : { json: value };
}

function unusable(value: unknown, number: number): Error {
  const what = value === undefined ? "undefined" : typeof value === "number" || typeof value === "function" || typeof value === "symbol"
    ? String(value).slice(0, 40) : value instanceof PromiseCtor ? "a promise: a value is awaited before, and a part of a statement is none" : isArray(value) ? "an array that holds something which is no value" : "an invalid Date";
  return failure("TypeError", "invalid_sql", `Value ${number} of DataRepository.sql is ${what}`,
    "Check the variable; null stands for no value, and is asked for with IS NULL.", 400);
}
