/** Errors on their way out: what was thrown, as a value the host can read. */
import { stringify } from "./invocation";

/** An Error as the contract has them: a stable `code`, a `hint`, and the HTTP status it stands for. */
export function failure(name: string, code: string, message: string, hint?: string, status = 500): Error {
  const error: any = new Error(message);
  error.name = name;
  error.code = code;
  if (hint) error.hint = hint;
  error.status = status;
  return error;
}

/** The same as a TypeError, which is what the web's standards throw. */
export function typeFailure(code: string, message: string, hint?: string, status = 500): Error {
  const { name, ...about } = failure("TypeError", code, message, hint, status) as any;
  return Object.assign(new TypeError(message), about);
}

/** What the contract promises and this version does not have yet. */
export function notAvailable(what: string): Error {
  return failure("NotAvailableError", "not_available", `${what} is not part of this version of aiwe yet.`,
    "The contract names it so that programs keep their shape; leave the call out until a later version brings it.", 501);
}

const text = (value: unknown): string | null =>
  typeof value === "string" ? value : value === undefined || value === null ? null : safeString(value);

/** How a thrown value that is no Error is told; set when the platform is there. */
let show: (value: unknown) => string = safeString;
export function useShow(inspect: (value: unknown) => string): void { show = inspect; }

function safeString(value: unknown): string {
  try { return String(value); } catch { return "a value that cannot be shown"; }
}

function read(value: any, name: string): unknown {
  try { return value[name]; } catch { return undefined; }
}

/** `{name, message, code, hint, status, details, stack}` as JSON text; never throws. */
export function describe(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null) {
    return stringify({ __proto__: null, name: "Error", message: safeString(thrown), code: null, hint: null, status: null, details: null, stack: null });
  }
  const status = read(thrown, "status");
  const details = read(thrown, "details");
  const fields: any = {
    __proto__: null,
    name: text(read(thrown, "name")) ?? "Error",
    message: text(read(thrown, "message")) ?? `a value was thrown that is no Error: ${show(thrown)}`,
    code: typeof read(thrown, "code") === "string" ? read(thrown, "code") : null,
    hint: text(read(thrown, "hint")),
    status: typeof status === "number" && status >= 400 && status <= 599 ? status : null,
    details: details ?? null,
    stack: text(read(thrown, "stack")),
  };
  try {
    return stringify(fields);
  } catch {
    fields.details = null;
    return stringify(fields);
  }
}
