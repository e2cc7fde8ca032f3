/** `console`: what a program prints becomes lines of its log. */
import type { Internals } from "../internals";
import { format, inspect } from "./inspect";
import { formatTable } from "./table";
import { defineProperty } from "./primordials";

type Level = "debug" | "info" | "warn" | "error";

/** Groups, counters and timers belong to an invocation: several run at once. */
interface Desk { indent: string; counts: Map<string, number>; timers: Map<string, number> }

const DEEPEST = 20;
const label = (given: unknown): string => (given === undefined ? "default" : `${given as string}`);

export function makeConsole(I: Internals): object {
  const { host } = I;
  const desks = new WeakMap<object, Desk>();
  const nobody = {};

  function desk(): Desk {
    const owner = (I.current?.() as object | null | undefined) ?? nobody;
    let found = desks.get(owner);
    if (found === undefined) desks.set(owner, (found = { indent: "", counts: new Map(), timers: new Map() }));
    return found;
  }

  function write(level: Level, text: string): void {
    const { indent } = desk();
    host.log(level, indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`));
  }

  const print = (level: Level) => (...values: unknown[]): void => write(level, format(values));
  const elapsed = (name: string, begun: number, rest: unknown[]): void => {
    const more = rest.length > 0 ? ` ${format(rest)}` : "";
    write("info", `${name}: ${(host.now() - begun).toFixed(3)} ms${more}`);
  };
  const unknown = (kind: string, name: string): void => write("warn", `${kind} "${name}" does not exist.`);

  const methods = {
    debug: print("debug"),
    log: print("info"),
    info: print("info"),
    warn: print("warn"),
    error: print("error"),
    assert(condition?: unknown, ...values: unknown[]): void {
      if (condition) return;
      if (typeof values[0] === "string") values[0] = `Assertion failed: ${values[0]}`;
      else values.unshift("Assertion failed");
      write("error", format(values));
    },
    trace(...values: unknown[]): void {
      const { stack } = new Error();
      const frames = (stack ?? "").split("\n").slice(2).join("\n");
      write("info", `Trace${values.length > 0 ? `: ${format(values)}` : ""}${frames && `\n${frames}`}`);
    },
    dir(value?: unknown, options?: object): void { write("info", inspect(value, options)); },
    dirxml: print("info"),
    table(data?: unknown, columns?: string[]): void { write("info", formatTable(data, columns) ?? format([data])); },
    group(...values: unknown[]): void {
      if (values.length > 0) write("info", format(values));
      const own = desk();
      if (own.indent.length < DEEPEST * 2) own.indent += "  ";
    },
    groupCollapsed(...values: unknown[]): void { methods.group(...values); },
    groupEnd(): void {
      const own = desk();
      own.indent = own.indent.slice(2);
    },
    count(given?: unknown): void {
      const name = label(given);
      const { counts } = desk();
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      write("info", `${name}: ${count}`);
    },
    countReset(given?: unknown): void {
      const name = label(given);
      if (!desk().counts.delete(name)) unknown("The counter", name);
    },
    time(given?: unknown): void {
      const name = label(given);
      const { timers } = desk();
      if (timers.has(name)) write("warn", `The timer "${name}" runs already.`);
      else timers.set(name, host.now());
    },
    timeLog(given?: unknown, ...values: unknown[]): void {
      const name = label(given);
      const begun = desk().timers.get(name);
      if (begun === undefined) unknown("The timer", name);
      else elapsed(name, begun, values);
    },
    timeEnd(given?: unknown): void {
      const name = label(given);
      const { timers } = desk();
      const begun = timers.get(name);
      if (begun === undefined) return unknown("The timer", name);
      timers.delete(name);
      elapsed(name, begun, []);
    },
    clear(): void { desk().indent = ""; },
  };
  const console = Object.create({}) as object;
  for (const name in methods) {
    const value = (methods as Record<string, unknown>)[name];
    if ((value as Function).name !== name) defineProperty(value as object, "name", { value: name });
    defineProperty(console, name, { value, writable: true, configurable: true, enumerable: true });
  }
  defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
  return console;
}
