/**
 * A program in an isolate: its pieces, how they load, and which functions run by themselves.
 * Compiled text calls the three functions installed here and nothing else of the machinery.
 */
import { failure } from "./failure";
import { PromiseCtor, type Table, current, table } from "./invocation";

type Body = () => Promise<unknown>;
type Factory = (exports: object, require: (name: string) => unknown) => Promise<void>;
interface Module { factory: Factory; exports: object; loading: Promise<void> | null }

const cells: Table<Body> = table();
const modules: Table<Module> = table();

/** Runs a piece that was defined before; resolves to the value of its last expression. */
export async function run(name: string): Promise<unknown> {
  const body = cells[name];
  if (body !== undefined) {
    delete cells[name];
    return await body(); // not the promise itself: resolving with one would call a patched `then`
  }
  await load(name, name);
  return undefined;
}

async function load(name: string, from: string): Promise<object> {
  const module = modules[name];
  if (module === undefined) throw notFound(name, from);
  module.loading ??= module.factory(module.exports, (wanted) => {
    const found = modules[wanted];
    if (found === undefined) throw notFound(wanted, name);
    return found.exports;
  });
  await module.loading;
  return module.exports;
}

function notFound(name: string, from: string): Error {
  return failure("Error", "module_not_found", `${from} imports "${name}", which is not part of this program.`,
    "Import other files of the same folder by a relative path, as in import { f } from \"./lib.js\". There are no packages and no node modules here.");
}

/** Calls a top-level function `init` or `initSomething`. */
export async function initialise(name: string): Promise<void> {
  const found = (globalThis as any)[name];
  if (typeof found === "function") await found();
}

/** What compiled text reaches: `__aiwe_enter`, `__aiwe_define`, `__aiwe_import`. */
export function installProgram(): void {
  const hidden = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, writable: false, configurable: false, enumerable: false });
  hidden("__aiwe_enter", (name: string, body: Body) => { cells[name] = body; });
  hidden("__aiwe_define", (name: string, factory: Factory) => {
    modules[name] = { factory, exports: {}, loading: null };
  });
  hidden("__aiwe_import", (name: unknown) => {
    const from = current()?.piece ?? "the program";
    return typeof name === "string" ? load(name, from) : PromiseCtor.reject(notFound(String(name), from));
  });
}
