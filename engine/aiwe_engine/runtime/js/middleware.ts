/** `app.use` and `app.onError`: what runs around every handler, and for which paths. */
import { failure } from "./failure";
import { type Invocation, current, note, stringify } from "./invocation";
import { isArray } from "./platform/primordials";

export type Handler = (...args: any[]) => any;
interface Middleware {
  /** The decoded segments that a path begins with. */
  prefix: string[];
  run: Handler;
}

const middleware: Middleware[] = [];
export const errorHandlers: Handler[] = [];

/** Whether no middleware is registered, for any path. */
export const isBare = (): boolean => middleware.length === 0;

export function use(...given: unknown[]): void {
  const invocation = loading("app.use");
  const path = typeof given[0] === "string" ? given[0] : "/";
  const functions = typeof given[0] === "string" ? given.slice(1) : given;
  if (functions.length === 0) functions[0] = undefined;
  for (const run of functions) {
    if (typeof run !== "function") {
      const got = run === null ? "null" : isArray(run) ? "an array" : typeof run;
      throw failure("TypeError", "invalid_handler", `app.use takes functions (req, next) => …, not ${got}.`,
        'Write app.use(async (req, next) => { … return next(); }), with a path first for a part of the app: app.use("/admin", …).');
    }
  }
  const prefix = prefixOf(path);
  for (const run of functions) middleware[middleware.length] = { prefix, run: run as Handler };
  note(invocation, "use", `/${prefix.map(encodeURIComponent).join("/")}`, "", {});
}

export function onError(run: unknown): void {
  const invocation = loading("app.onError");
  if (typeof run !== "function") {
    throw failure("TypeError", "invalid_handler", "app.onError takes a function (error, req) => ….", "Return a Response from it, or nothing to leave the error as it is.");
  }
  errorHandlers[errorHandlers.length] = run as Handler;
  note(invocation, "onError", "/", "", {});
}

function loading(what: string): Invocation {
  const invocation = current();
  if (invocation !== null && invocation.piece !== null) return invocation;
  throw failure("Error", "registration_closed", `${what} was called while a handler runs.`, "Call it at the top level of a cell or file, or inside init().");
}

/** The segments of a prefix; "/admin", "/admin/" and "/admin/*" are the same. */
function prefixOf(path: string): string[] {
  if (path === "*") return [];
  if (path[0] !== "/") {
    throw failure("TypeError", "invalid_route", `app.use takes a path that begins with a slash, not ${stringify(path)}.`, `Write app.use(${stringify(`/${path}`)}, …).`);
  }
  const segments = path.slice(1).replace(/(?:^|\/)\*\w*$|\/$/, "").split("/");
  if (segments.length === 1 && segments[0] === "") return [];
  return segments.map((segment) => {
    if (segment === "" || segment[0] === ":" || segment[0] === "*") {
      throw failure("TypeError", "invalid_route", `app.use takes a path that is fixed text; ${stringify(path)} is none.`,
        "Use the part before it, and look at req.path; or put the middleware into the route's own chain: app.get(path, middleware, handler).");
    }
    const text = decoded(segment);
    if (text === null) {
      throw failure("TypeError", "invalid_route", `app.use: ${stringify(path)} has a % that begins no escape of UTF-8.`, "Write the text itself, or %25 for a percent sign.");
    }
    return text;
  });
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/**
 * What runs around the handler of a raw path, outermost first. Segments are compared as the route
 * table compares them, each decoded once: no way of writing a path leads around a guard.
 */
export function around(path: string): Handler[] {
  const segments = path.slice(1).split("/").map(decoded);
  const found: Handler[] = [];
  for (const { prefix, run } of middleware) {
    if (prefix.every((segment, at) => segment === segments[at])) found[found.length] = run;
  }
  return found;
}
