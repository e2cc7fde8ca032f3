/**
 * `req.session`: what the host keeps of a visitor between requests. What it holds came with the request; what the
 * handler changes goes out with its answer, key by key, and the host has stored it before the answer leaves.
 *
 * Values are JSON: `set` takes a copy and `get` gives one, so that what a handler reads is what the next one will.
 */
import { failure } from "./failure";
import { call, log } from "./host";
import { type Invocation, type Table, parse, promiseThen, settings, stringify, table } from "./invocation";
import { getOwnPropertyNames } from "./platform/primordials";
import { encode } from "./platform/utf8";

export class Session {
  readonly #invocation: Invocation;
  /** As it came; null once it was destroyed. */
  #held: Record<string, unknown> | null;
  /** JSON text by key. */
  #values: Table<string> = table();
  /** JSON text of what was set, null for what was deleted. */
  #changes: Table<string | null> = table();
  #changed = false;
  /** Bytes of it all as JSON. */
  #size = 0;
  /** The head of the answer has left: nothing can be kept any more. */
  #closed = false;

  constructor(invocation: Invocation, held: Record<string, unknown> | null) {
    this.#invocation = invocation;
    this.#held = held;
    this.#restore();
  }

  get(key: string): any {
    const text = this.#values[checked(key, "get")];
    return text === undefined ? undefined : parse(text);
  }

  set(key: string, value: unknown): void {
    checked(key, "set");
    const text = written(key, value);
    if (this.#late("set", key)) return;
    const size = this.#size - this.#sizeOf(key) + sizeOf(key, text);
    if (size > settings.sessionLimit) {
      throw failure("RangeError", "session_too_large",
        `With ${stringify(key)} the session would hold more than ${settings.sessionLimit} bytes.`,
        "Keep ids in the session and what they stand for in DataRepository, or raise the setting session.limit.");
    }
    this.#size = size;
    this.#values[key] = text;
    this.#note(key, text);
  }

  delete(key: string): void {
    checked(key, "delete");
    if (this.#values[key] === undefined || this.#late("delete", key)) return;
    this.#size -= this.#sizeOf(key);
    delete this.#values[key];
    this.#note(key, null);
  }

  /** Gone from the store when the promise is fulfilled; what is set from here on begins another session. */
  destroy(): Promise<void> {
    this.#held = null;
    this.#restore();
    // Not by `then`, which would say that the program has looked at how it went.
    return promiseThen(call("session", "destroy", []), () => undefined) as Promise<void>;
  }

  #note(key: string, text: string | null): void {
    this.#changes[key] = text;
    this.#changed = true;
  }

  /** Forgets every change. */
  #restore(): void {
    this.#values = table();
    this.#changes = table();
    this.#changed = false;
    this.#size = 1; // each value counts with a comma, the last one's is a brace
    if (this.#held === null) return;
    for (const key of getOwnPropertyNames(this.#held)) {
      const text = stringify(this.#held[key])!;
      this.#values[key] = text;
      this.#size += sizeOf(key, text);
    }
  }

  #sizeOf(key: string): number {
    const text = this.#values[key];
    return text === undefined ? 0 : sizeOf(key, text);
  }

  #late(method: string, key: string): boolean {
    if (!this.#closed && !this.#invocation.done) return false;
    log("warn", `req.session.${method}(${stringify(key)}) came after the answer had begun, and is not kept. Change the session before you answer or begin to stream.`);
    return true;
  }

  /** What an error undoes: changes of a handler that failed are not kept. */
  static discard(session: Session | null): void {
    if (session !== null && session.#changed) session.#restore();
  }

  /** What the visitor had is gone: the host has ended their session. */
  static forget(invocation: Invocation): void {
    const { session } = invocation;
    invocation.forgot = true;
    if (session === null) return;
    session.#held = null;
    session.#restore();
  }

  /** The changes as JSON text, for the answer that leaves now; null where there are none, or they have left. */
  static close(session: Session | null): string | null {
    if (session === null || session.#closed) return null;
    session.#closed = true;
    if (!session.#changed) return null;
    let put = "", gone = "";
    for (const key in session.#changes) {
      const text = session.#changes[key]!;
      if (text === null) gone += `${gone === "" ? "" : ","}${stringify(key)}`;
      else put += `${put === "" ? "" : ","}${stringify(key)}:${text}`;
    }
    return `{"set":{${put}},"delete":[${gone}]}`;
  }
}

// As other frameworks' sessions are written: it would be kept by nobody.
Object.setPrototypeOf(Session.prototype, new Proxy(Object.prototype, {
  set(_, key): never {
    throw failure("TypeError", "session_property", `req.session keeps nothing that is set as a property: ${String(key)}.`,
      `Write req.session.set(${stringify(String(key))}, value), and req.session.get(${stringify(String(key))}) to read it.`);
  },
}));

/** A key, its value, and what stands between them in JSON. */
const sizeOf = (key: string, text: string): number => encode(stringify(key)).length + encode(text).length + 2;

function checked(key: unknown, method: string): string {
  if (typeof key === "string") return key;
  throw failure("TypeError", "invalid_argument", `req.session.${method} takes the name of a value first, not ${key === null ? "null" : typeof key}.`,
    `Write req.session.${method}("cart"${method === "set" ? ", …" : ""}).`);
}

function written(key: string, value: unknown): string {
  let text: string | undefined;
  let reason = `a ${typeof value}`;
  try {
    text = stringify(value);
  } catch (error: any) {
    reason = error.message;
  }
  if (text === undefined) {
    throw failure("TypeError", "session_not_json", `req.session cannot hold this value of ${stringify(key)}: ${reason}.`,
      value === undefined ? `To take it out, write req.session.delete(${stringify(key)}).` : "Set null, booleans, numbers, strings, arrays and plain objects.");
  }
  return text;
}

/** What a program is told that reaches its session by a name that only turns up as it runs. */
export function unseen(): Error {
  return failure("Error", "session_unseen", "req.session was reached by a computed name, so nothing was loaded for it.",
    "Write req.session, with a dot: programs that do not name it are spared the work.");
}
