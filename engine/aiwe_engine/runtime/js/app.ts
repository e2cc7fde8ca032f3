/** Registration: `app`, `register`, and what the contract names that later versions bring. */
import { described } from "./description";
import { DISPLAY } from "./display";
import { failure, notAvailable } from "./failure";
import { require, rolesOf } from "./guard";
import { type Invocation, type Limit, type Table, current, defineProperty, note, settings, stringify, table } from "./invocation";
import { type Handler, onError, use } from "./middleware";
import type { Promised } from "./validation";

export interface Registered extends Promised { chain: (Handler | string)[] }

/** Every handler of this isolate, by the key under which the host knows it. */
export const handlers: Table<Registered> = table();

const METHODS = ["get", "post", "put", "patch", "delete", "options"];

function route(method: string, path: unknown, chain: unknown[]): object {
  const invocation = current();
  const call = `app.${method === "*" ? "all" : method.toLowerCase()}`;
  if (invocation === null || invocation.piece === null) {
    throw failure("Error", "registration_closed", `${call}(${stringify(path) ?? "…"}) was called while a handler runs.`,
      "Register routes at the top level of a cell or file, or inside init().");
  }
  if (typeof path !== "string") {
    throw failure("TypeError", "invalid_route", `${call} takes a path first, as in ${call}("/tasks/:id", handler).`);
  }
  if (chain.length === 0) throw missing(call, path, "nothing");
  for (const one of chain) {
    if (typeof one !== "function" && typeof one !== "string") throw missing(call, path, one === null ? "null" : typeof one);
  }
  if (rolesOf(chain[chain.length - 1]) !== null) throw missing(call, path, "Auth.require alone");
  const key = `${method} ${path}`;
  const registered: Registered = { path: key, chain: chain as Handler[] };
  handlers[key] = registered;
  const info: Record<string, unknown> = { __proto__: null } as any;
  for (const one of chain) demand(info, one);
  const { limits } = note(invocation, method, path, key, info);
  return handle(info, registered, limits, invocation);
}

/** Notes what a guard of the route asks for. */
function demand(info: Record<string, unknown>, run: unknown): void {
  const roles = rolesOf(run);
  if (roles !== null) info.requires = [...(info.requires as unknown[] | undefined ?? []), roles];
}

function missing(call: string, path: string, got: string): Error {
  return failure("TypeError", "invalid_handler", `${call}("${path}", …) takes a function as its handler, not ${got}.`,
    `Write ${call}("${path}", (req) => …), and define a named handler above the line that registers it.`);
}

/** What a registration returns: describe, limit and require chain. */
function handle(info: Record<string, unknown>, registered: Registered, limits: Limit[], invocation: Invocation): object {
  const open = (name: "limit" | "require"): void => {
    if (current() === invocation && invocation.piece !== null) return;
    throw failure("Error", "registration_closed", `${name} was called after the route had been registered.`,
      `Write it behind the route: app.get("/tasks", list).${name}(${name === "limit" ? '"100/min"' : ""}).`);
  };
  const self = {
    describe(more: Record<string, unknown>) {
      if (typeof more !== "object" || more === null) {
        throw failure("TypeError", "invalid_route", "describe takes an object, as in .describe({ summary: \"…\" }).");
      }
      Object.assign(info, described(registered, more));
      return self;
    },
    limit(rule: unknown) {
      if (typeof rule !== "string") {
        throw failure("TypeError", "invalid_limit", `limit takes a rule such as "100/min", not ${rule === null ? "null" : typeof rule}.`,
          'Write .limit("100/min"), or .limit("1000/day per key").');
      }
      open("limit");
      limits[limits.length] = { rule, at: new Error().stack ?? "" };
      return self;
    },
    require(...roles: unknown[]) {
      open("require");
      const guard = require(...roles);
      registered.chain = [guard, ...registered.chain];
      demand(info, guard);
      return self;
    },
  };
  // A cell that ends in a registration shows what went live, not this object.
  return defineProperty(self, DISPLAY, { value: () => null });
}

const LATER = [
  "action", "registerWebStream", "sendStreamMessage", "registerWebSocket", "registerGraphQLQuery",
  "registerGraphQLMutation", "registerGraphQLSubscription", "registerGraphQLSchema", "sendSubscriptionMessage",
  "registerMCPTool", "registerMCPResource", "registerMCPPrompt", "notifyResourceChanged", "McpClient",
  "schedule", "test", "describe", "beforeEach", "expect",
];
const LATER_OBJECTS: Record<string, string[]> = {
  Presence: ["register", "members"],
  SharedDocs: ["register", "text"],
  messages: ["on", "send"],
  webhooks: ["subscribe", "emit", "unsubscribe", "list"],
};

const later = (what: string) => Object.defineProperty(function () { throw notAvailable(what); }, "name", { value: what });

export function installApp(): void {
  const app: Record<string, unknown> = {};
  for (const method of METHODS) app[method] = (path: unknown, ...chain: unknown[]) => route(method.toUpperCase(), path, chain);
  app.all = (path: unknown, ...chain: unknown[]) => route("*", path, chain);
  app.use = use;
  app.onError = onError;
  for (const name of ["name", "env", "version", "config"] as const) {
    const field = name === "name" ? "app" : name;
    defineProperty(app, name, { get: () => settings[field], enumerable: true });
  }
  define("app", app);
  define("register", (path: unknown, handler: unknown, method: unknown = "GET") => {
    const name = String(method).toUpperCase();
    return route(name === "ALL" ? "*" : name, path, [handler]);
  });
  for (const name of LATER) define(name, later(name));
  for (const [name, methods] of Object.entries(LATER_OBJECTS)) {
    define(name, Object.fromEntries(methods.map((method) => [method, later(`${name}.${method}`)])));
  }
}

export function define(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
