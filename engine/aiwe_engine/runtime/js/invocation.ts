/**
 * What an isolate knows of the invocations it is running. One `Invocation` lives from its message
 * in the inbox to its answer in the outbox.
 *
 * The machinery of a turn must go on when a program patches the language: it keeps its tables in
 * objects without a prototype, writes its messages as text, and calls only functions that were
 * captured here before any program ran.
 */
import type { AbortController } from "./platform/abort";
import type { Session } from "./visit";
import { create, jsonParse, jsonStringify, uncurry } from "./platform/primordials";

export {
  PromiseCtor, apply, defineProperty, jsonParse as parse, jsonStringify as stringify,
  promiseResolve as resolved, promiseThen, stringSlice as slice, toWellFormed as wellFormed,
} from "./platform/primordials";
export const toBase64 = uncurry((Uint8Array.prototype as any).toBase64) as (bytes: Uint8Array) => string;
export const fromBase64 = (Uint8Array as any).fromBase64.bind(Uint8Array) as (text: string) => Uint8Array;

/** A table by number or name that no prototype reaches into. */
export type Table<T> = Record<string | number, T | undefined>;
export const table = <T>(): Table<T> => create(null);

/** What a route's `limit` was given, and the stack of that call. */
export interface Limit { rule: string; at: string }
/** A route, or a hook of the app, as the host is told of it. */
export interface Registration { method: string; path: string; handler: string; info: object; limits: Limit[]; at: string }

/** Who uses the app: `User` of aiwe.d.ts. */
export interface User { id: string; username: string; email: string | null; roles: string[]; via: string; claims: Record<string, unknown>; tenant: string | null }

export class Invocation {
  /** Host calls whose outcome the answer must wait for (data, auth, messages). */
  unsettled = 0;
  /** Calls of any kind that the host has not answered. */
  waiting = 0;
  /** Those the answer waits for that failed, latest first; looked at when the answer is made. */
  failed: { promise: { looked: boolean }; error: unknown; next: any } | null = null;
  /** What is wrong with the token or key that came with the request. */
  refused = "";
  whenSettled: (() => void) | null = null;
  /** Where it stands among those that may be answered. */
  queued = false;
  behind: Invocation | null = null;
  /** The head of a streamed answer has left. */
  begun = false;
  /** Timers set and not fired: dropped with the answer. */
  timers: Table<true> | null = null;
  /** The number of its latest own body: see bodies.ts. */
  lastBody = 0;
  /** The number of its latest transaction. */
  lastTransaction = 0;
  logged = 0;
  cut = false;
  done = false;
  controller: AbortController | null = null;
  /** Made when the program first asks for it. */
  session: Session | null = null;
  /** Who sent the request, where that is known. */
  user: User | null = null;
  /** The same as the program has it: a copy, made when it first asks. */
  known: User | null = null;
  /** Its visitor's session was ended: what came with the request is not theirs any more. */
  forgot = false;
  /** The piece that is loading, while registering is allowed. */
  piece: string | null = null;
  /** What the piece registered so far. */
  readonly routes: Registration[] = [];

  constructor(readonly n: number, readonly kind: string, readonly id: string) {}
}

/** Who sent a request, for the program; null where nobody knows. */
export function userOf(invocation: Invocation): User | null {
  if (invocation.user === null) return null;
  return (invocation.known ??= jsonParse(jsonStringify(invocation.user)) as User);
}

/** Tells the host of a registration: a route, or a hook of the app ("use", "onError"). */
export function note(invocation: Invocation, method: string, path: string, handler: string, info: object): Registration {
  return (invocation.routes[invocation.routes.length] = { method, path, handler, info, limits: [], at: new Error().stack ?? "" });
}

declare let __aiwe_cur: Invocation | null;
export const current = (): Invocation | null => __aiwe_cur;
export const enter = (invocation: Invocation | null): void => { __aiwe_cur = invocation; };

export const running = table<Invocation>();

/** Invocations whose handler is done and that may have nothing left to wait for: looked at after the microtasks. */
let settling: Invocation | null = null;

export function mayAnswer(invocation: Invocation): void {
  if (invocation.queued) return;
  invocation.queued = true;
  invocation.behind = settling;
  settling = invocation;
}

/** The next of them, null when there is none. */
export function takeSettling(): Invocation | null {
  const invocation = settling;
  if (invocation === null) return null;
  settling = invocation.behind;
  invocation.behind = null;
  invocation.queued = false;
  return invocation;
}

/** What the host fixes for an isolate when it makes it. */
export const settings = {
  app: "", env: "dev", version: "", config: {} as Record<string, unknown>,
  logLimit: 262_144, responseLimit: 10_485_760, sessions: false, sessionLimit: 65_536,
};

let outbox = "";
/** Appends one message, already JSON text, to what the turn hands over. */
export function emit(message: string): void {
  outbox = outbox === "" ? message : outbox + "," + message;
}
let wishes = "";
/** A wish to the worker itself: timers. Kept apart so that it need not read the outbox. */
export function wish(message: string): void {
  wishes = wishes === "" ? message : wishes + "," + message;
}
/** Everything since the last time, `wishes` and `outbox` on a line each. */
export function handOver(): string {
  const text = wishes + "\n" + outbox;
  outbox = "";
  wishes = "";
  return text;
}
/** The same before the turn ends: it stays here until `pass` has given it away, since a cut may come in between. */
export function handOverBy(pass: (text: string) => void): void {
  pass(wishes + "\n" + outbox);
  handOver();
}
