/**
 * `DataRepository`, the half inside the isolate: it sends each call to the host, which checks and
 * answers. Only what JSON would hide is caught here: `{ owner: undefined }` would arrive as `{}`
 * and find every document, and so would a function.
 */
import { failure } from "../../runtime/js/failure";
import type { Receive } from "../../runtime/js/host";
import type { Internals } from "../../runtime/js/internals";
import { current, stringify } from "../../runtime/js/invocation";
import { PromiseCtor, accepts, defineProperty, getter, promiseReject } from "../../runtime/js/platform/primordials";
import { statement } from "./sql";
import { type Work, transaction } from "./transaction";

const { keys } = Object;
const { isArray } = Array;
const { isFinite } = Number;
const isRegExp = accepts(getter(RegExp.prototype, "source"));

/** How a call is made, and how one is refused before it is made: with a promise, or at once. */
export interface Way {
  call(method: string, args: unknown[], receive?: Receive): any;
  refuse(error: Error): unknown;
}

/** What other libraries call these methods. */
const OTHER_NAMES = {
  find: "query", findOne: "first", findById: "get", all: "list", getAll: "list", insert: "create", add: "create",
  insertMany: "createMany", save: "upsert", set: "upsert", put: "upsert", patch: "update", remove: "delete",
  destroy: "delete", removeMany: "deleteMany", insertOne: "create", findMany: "query", findFirst: "first", findUnique: "get",
  updateOne: "update", findOneAndUpdate: "modify", increment: "modify", deleteOne: "delete", exists: "count", aggregate: "sql",
};
const WHOLE = "A transaction is DataRepository.transaction(async (tx) => { … }): done when its function returns, undone when it throws.";
const OPTIONS = ["limit", "offset", "cursor", "sort", "fields"];
const DEEPEST = 40; // of a filter; the host takes fewer levels
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
  hint("updateMany", () => unknown(`${owner} has no updateMany`, "Query the documents, and update each in DataRepository.transaction."));
  for (const name of ["beginTransaction", "begin", "commit", "rollback"]) hint(name, () => unknown(`${owner} has no ${name}`, WHOLE));
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
    const error = hiddenIn(`DataRepository.${method}`, args[1], method === "query" || method === "first");
    return error === null ? call(method, args, receive) : way.refuse(error);
  };
  const bare = (method: string, args: unknown[], options: unknown) =>
    options === undefined ? call(method, args) : way.refuse(noOptions(method));
  return {
    __proto__: behind,
    create: (collection: string, doc: object) => call("create", [collection, doc]),
    createMany: (collection: string, docs: object[]) => call("createMany", [collection, docs]),
    get: (collection: string, id: string) => call("get", [collection, id]),
    list: (collection: string, options?: object) => call("list", [collection, options], paged),
    query: (collection: string, filter?: object, options?: object) => filtered("query", [collection, filter, options], paged),
    first: (collection: string, filter?: object, options?: object) => filtered("first", [collection, filter, options]),
    count: (collection: string, filter?: object) => filtered("count", [collection, filter]),
    update: (collection: string, id: string, patch: object, options?: object) => call("update", [collection, id, patch, options]),
    replace: (collection: string, id: string, doc: object, options?: object) => call("replace", [collection, id, doc, options]),
    upsert: (collection: string, doc: object) => call("upsert", [collection, doc]),
    modify: (collection: string, id: string, change: object, options?: object) => bare("modify", [collection, id, change], options),
    delete: (collection: string, id: string, options?: object) => bare("delete", [collection, id], options),
    deleteMany: (collection: string, filter: object) => filtered("deleteMany", [collection, filter]),
    sql: (strings: TemplateStringsArray, ...values: unknown[]) => {
      const args = statement(strings, values);
      return args instanceof Error ? way.refuse(args) : call("sql", args);
    },
    collections: () => call("collections", []),
  };
}

/** The documents of a page; its `cursor` asks for the next one, and is null on the last. */
export function paged(answer: any): unknown[] {
  const { page, cursor } = isArray(answer) ? { page: answer, cursor: null } : answer;
  return defineProperty(page, "cursor", { value: cursor, configurable: true, writable: true });
}

/** What a filter would lose on its way as JSON, and then find other documents than was meant. */
interface Hidden { place: string; what: string }

/** The refusal of such a filter; `options` may stand inside it and be undefined. */
export function hiddenIn(call: string, filter: unknown, options: boolean): Error | null {
  const hidden = filter === undefined ? null : hiddenAt(filter, "", 0, options ? OPTIONS : []);
  if (hidden === null) return null;
  const { place, what } = hidden;
  const message = place === "" ? `The filter of ${call} is ${what}` : `"${place}" is ${what} in the filter of ${call}`;
  return failure("Error", "invalid_filter", message, hintFor(what), 400);
}

function hiddenAt(value: any, place: string, depth: number, optional: string[] = []): Hidden | null {
  switch (typeof value) {
    case "undefined": return { place, what: "undefined" };
    case "function": case "symbol": return { place, what: `a ${typeof value}` };
    case "number": return isFinite(value) ? null : { place, what: `${value}` };
    case "object": break;
    default: return null;
  }
  if (value === null || depth > DEEPEST) return null;
  if (isRegExp(value)) return { place, what: "a regular expression" };
  if (value instanceof PromiseCtor) return { place, what: "a promise" };
  if (typeof value.toJSON === "function") return null;
  for (const name of keys(value)) {
    if (depth === 0 && optional.includes(name)) continue;
    const hidden = hiddenAt(value[name], place === "" ? name : `${place}.${name}`, depth + 1);
    if (hidden !== null) return hidden;
  }
  return null;
}

function hintFor(what: string): string {
  switch (what) {
    case "a regular expression": return 'Write { name: { $like: "A%" } }, or $ilike for large and small letters alike.';
    case "a function": return 'Write an object such as { status: "open", age: { $gte: 18 } }.';
    case "a promise": return "Await it before.";
    default: return "Check the variable, or write null to find documents without the field.";
  }
}

function noOptions(method: string): Error {
  return failure("TypeError", "invalid_argument", `DataRepository.${method} takes no options`,
    "ifVersion is an option of update and replace. To delete what has not changed: get, compare and delete it in DataRepository.transaction.", 400);
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
