/** Errors: the stack, then what else they carry, and their causes. */
import type { Context, Shape } from "./inspect_shape";
import { closed, nameOf } from "./inspect_shape";
import { getOwnPropertyDescriptor, getPrototypeOf, hasOwn } from "./primordials";

const isError = (Error as unknown as { isError?(value: unknown): boolean }).isError;
const CHAIN = 50;

function looksLikeError(object: object): boolean {
  if (isError?.(object)) return true;
  let at: object | null = object;
  for (let step = 0; at !== null && step < CHAIN; step++) {
    if (at === Error.prototype) return true;
    at = getPrototypeOf(at);
  }
  return false;
}

export function describeError(context: Context, error: object, level: number): Shape | undefined {
  if (!looksLikeError(error) || error === Error.prototype) return undefined;
  const text = indent(stackOf(error), level);
  if (level > context.depth) return closed(text);
  const entries = context.properties(error, level, (key) => key === "stack" || key === "message" || key === "cause" || key === "errors" || isRepeatedName(error, key));
  if (hasOwn(error, "cause")) entries.push(`[cause]: ${own(context, error, "cause", level)}`);
  if (hasOwn(error, "errors")) entries.push(`[errors]: ${own(context, error, "errors", level)}`);
  return entries.length === 0 ? closed(text) : { prefix: `${text} `, open: "{", close: "}", entries };
}

function own(context: Context, error: object, key: string, level: number): string {
  const property = getOwnPropertyDescriptor(error, key)!;
  return "value" in property ? context.show(property.value, level + 1) : "[Getter]";
}

/** `error.name = "X"` is in the first line already. */
function isRepeatedName(error: object, key: PropertyKey): boolean {
  return key === "name" && typeof (error as { name?: unknown }).name === "string";
}

/** The stack with a first line that says what the error says now. */
function stackOf(error: object): string {
  const name = read(error, "name") || nameOf(error) || "Error";
  const message = read(error, "message");
  const title = message === "" ? name : `${name}: ${message}`;
  const stack = read(error, "stack");
  const frames = /(?:^|\n)\s+at [\s\S]*$/.exec(stack)?.[0] ?? "";
  if (stack === "") return `[${title}]`;
  if (frames === "") return stack.startsWith(title) ? `[${stack}]` : `[${title}]`;
  return title + (frames.startsWith("\n") ? frames : `\n${frames}`);
}

function read(error: object, key: string): string {
  try {
    const value: unknown = (error as Record<string, unknown>)[key];
    return typeof value === "string" ? value : "";
  } catch {
    return "";
  }
}

const indent = (text: string, level: number): string => (level === 0 ? text : text.replaceAll("\n", `\n${"  ".repeat(level)}`));
