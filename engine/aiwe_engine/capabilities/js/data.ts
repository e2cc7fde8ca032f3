/**
 * `DataRepository`, the half inside the isolate: it sends each call to the host, which checks and
 * answers. Only what JSON would hide is caught here: `{ owner: undefined }` would arrive as `{}`
 * and find every document.
 */
import { failure } from "../../runtime/js/failure";
import type { Receive } from "../../runtime/js/host";
import type { Internals } from "../../runtime/js/internals";
import { current, stringify } from "../../runtime/js/invocation";
import { defineProperty, promiseReject } from "../../runtime/js/platform/primordials";
import { statement } from "./sql";
import { type Work, transaction } from "./transaction";

const { keys } = Object;
const { isArray } = Array;

/** How a call is made, and how one is refused before it is made: with a promise, or at once. */
export interface Way {
  call(method: string, args: unknown[], receive?: Receive): any;
  refuse(error: Error): unknown;
}

/** What other libraries call these methods. */
const OTHER_NAMES = {
  find: "query", findOne: "first", findById: "get", all: "list", getAll: "list", insert: "create", add: "create",
  insertMany: "createMany", save: "upsert", set: "upsert", put: "upsert", patch: "update", remove: "delete",
  destroy: "delete", removeMany: "deleteMany",
};
const AT_TOP_LEVEL = "at the top level of a cell or file, or inside init()";

/** What stands behind every repository: names that are no methods, and say which one is. */
const HINTS = hints("DataRepository");
const SYNC_HINTS = hints("DataRepository.sync");

function hints(owner: string): object {
  const found = {};
  const hint = (name: string, error: () => Error) =>
    defineProperty(found, name, { value() { throw error(); }, configurable: true, writable: true });
  hint("transaction", () => unknown(`${owner} has no transaction`, "Use await DataRepository.transaction."));
  hint("define", () => unknown(`${owner} has no define`, `Use DataRepository.define, ${AT_TOP_LEVEL}.`));
  for (const [name, right] of Object.entries(OTHER_NAMES)) {
    hint(name, () => unknown(`${owner} has no ${name}`, `Use ${owner}.${right}.`));
  }
  return found;
}

function unknown(message: string, hint: string): Error {
  return failure("TypeError", "unknown_call", message, hint);
}

/** The methods, each once, whichever way they go. */
function methods(way: Way, behind: object): object {
  const { call } = way;
  const filtered = (method: string, args: [unknown, unknown, ...unknown[]], receive?: Receive) => {
    const error = undefinedIn(method, args[1]);
    return error === null ? call(method, args, receive) : way.refuse(error);
  };
  return {
    __proto__: behind,
    create: (collection: string, doc: object) => call("create", [collection, doc]),
    createMany: (collection: string, docs: object[]) => call("createMany", [collection, docs]),
    get: (collection: string, id: string) => call("get", [collection, id]),
    list: (collection: string, options?: object) => call("list", [collection, options], paged),
    query: (collection: string, filter?: object, options?: object) => filtered("query", [collection, filter, options], paged),
    first: (collection: string, filter?: object) => filtered("first", [collection, filter]),
    count: (collection: string, filter?: object) => filtered("count", [collection, filter]),
    update: (collection: string, id: string, patch: object, options?: object) => call("update", [collection, id, patch, options]),
    replace: (collection: string, id: string, doc: object, options?: object) => call("replace", [collection, id, doc, options]),
    upsert: (collection: string, doc: object) => call("upsert", [collection, doc]),
    modify: (collection: string, id: string, change: object) => call("modify", [collection, id, change]),
    delete: (collection: string, id: string) => call("delete", [collection, id]),
    deleteMany: (collection: string, filter: object) => filtered("deleteMany", [collection, filter]),
    sql: (strings: TemplateStringsArray, ...values: unknown[]) => {
      const args = statement(strings, values);
      return args instanceof Error ? way.refuse(args) : call("sql", args);
    },
    collections: () => call("collections", []),
  };
}

/** The documents of a page; its `cursor` asks for the next one, and is null on the last. */
function paged(answer: any): unknown[] {
  const { page, cursor } = isArray(answer) ? { page: answer, cursor: null } : answer;
  return defineProperty(page, "cursor", { value: cursor, configurable: true, writable: true });
}

function undefinedIn(method: string, filter: any): Error | null {
  if (typeof filter !== "object" || filter === null) return null;
  for (const name of keys(filter)) {
    if (filter[name] === undefined) {
      return failure("Error", "invalid_filter", `"${name}" is undefined in the filter of DataRepository.${method}`,
        "Check the variable, or write null to find documents without the field.", 400);
    }
  }
  return null;
}

type Call = Way["call"];

/** A repository whose methods go by `call`, and those of its `sync` by `callSync`, which returns or throws. */
export function repositoryOf(call: Call, callSync: Call): object {
  const repository = methods({ call, refuse: promiseReject }, HINTS);
  let sync: object | null = null;
  return defineProperty(repository, "sync", {
    configurable: true,
    get: () => (sync ??= methods({ call: callSync, refuse(error) { throw error; } }, SYNC_HINTS)),
  });
}

export function installData(I: Internals): void {
  const { host } = I;
  const value: any = repositoryOf(
    (method, args, receive) => host.call("data", method, args, receive),
    (method, args, receive) => host.callSync("data", method, args, receive),
  );
  value.transaction = (work: Work) => transaction(host, repositoryOf, work);
  /** Nobody awaits it: what is loading ends when it is done, and fails when it fails. */
  value.define = (collection: string, definition: object): void => {
    const invocation = current();
    if (invocation === null || invocation.piece === null) {
      throw failure("Error", "registration_closed", `DataRepository.define(${stringify(collection) ?? "…"}) was called while a handler runs.`,
        `Declare collections ${AT_TOP_LEVEL}.`);
    }
    host.call("data", "define", [collection, definition]);
  };
  defineProperty(globalThis, "DataRepository", { value, configurable: true, writable: true });
}
