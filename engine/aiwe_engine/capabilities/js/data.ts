/**
 * `DataRepository`, the half inside the isolate: it sends each call to the host, which checks and
 * answers. Only what JSON would hide is caught here: `{ owner: undefined }` would arrive as `{}`
 * and find every document.
 */
import { failure, notAvailable } from "../../runtime/js/failure";
import type { Internals } from "../../runtime/js/internals";

const { defineProperty, keys } = Object;
const PromiseCtor = Promise;
const reject = (error: Error) => PromiseCtor.reject(error);

/** What other libraries call these methods. */
const OTHER_NAMES = {
  find: "query", findOne: "first", findById: "get", all: "list", getAll: "list", insert: "create", add: "create",
  insertMany: "createMany", save: "upsert", set: "upsert", put: "upsert", patch: "update", remove: "delete",
  destroy: "delete", removeMany: "deleteMany",
};
const LATER = ["transaction", "sql", "define"];

export function installData(I: Internals): void {
  const call = (method: string, args: unknown[]) => I.host.call("data", method, args);
  const filtered = (method: string, args: [unknown, any, ...unknown[]]) => {
    const filter = args[1];
    if (typeof filter === "object" && filter !== null) {
      for (const name of keys(filter)) {
        if (filter[name] === undefined) {
          return reject(failure("Error", "invalid_filter", `"${name}" is undefined in the filter of DataRepository.${method}`,
            "Check the variable, or write null to find documents without the field.", 400));
        }
      }
    }
    return call(method, args);
  };
  const repository: Record<string, unknown> = {
    create: (collection: string, doc: object) => call("create", [collection, doc]),
    createMany: (collection: string, docs: object[]) => call("createMany", [collection, docs]),
    get: (collection: string, id: string) => call("get", [collection, id]),
    list: (collection: string, options?: object) => call("list", [collection, options]),
    query: (collection: string, filter?: object, options?: object) => filtered("query", [collection, filter, options]),
    first: (collection: string, filter?: object) => filtered("first", [collection, filter]),
    count: (collection: string, filter?: object) => filtered("count", [collection, filter]),
    update: (collection: string, id: string, patch: object, options?: object) => call("update", [collection, id, patch, options]),
    replace: (collection: string, id: string, doc: object, options?: object) => call("replace", [collection, id, doc, options]),
    upsert: (collection: string, doc: object) => call("upsert", [collection, doc]),
    modify: (collection: string, id: string, change: object) => call("modify", [collection, id, change]),
    delete: (collection: string, id: string) => call("delete", [collection, id]),
    deleteMany: (collection: string, filter: object) => filtered("deleteMany", [collection, filter]),
    collections: () => call("collections", []),
  };
  for (const name of LATER) hide(name, () => { throw notAvailable(`DataRepository.${name}`); });
  for (const [name, right] of Object.entries(OTHER_NAMES)) {
    hide(name, () => {
      throw failure("TypeError", "unknown_call", `DataRepository has no ${name}`, `Use DataRepository.${right}.`);
    });
  }
  defineProperty(repository, "sync", { configurable: true, get() { throw notAvailable("DataRepository.sync"); } });
  defineProperty(globalThis, "DataRepository", { value: repository, configurable: true, writable: true });

  function hide(name: string, value: () => never): void {
    defineProperty(repository, name, { value, configurable: true, writable: true });
  }
}
