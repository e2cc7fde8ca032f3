/**
 * The isolate's side of everything that crosses to the host: calls, timers, log lines, randomness
 * and the clock. Calls are collected in the outbox of a turn; answers come back in a later inbox.
 * Only a synchronous call goes out at once, and its isolate stands still until the answer is there.
 */
import { collect, pass } from "./bell";
import { failure } from "./failure";
import {
  type Invocation, PromiseCtor, type Table, apply, current, emit, enter, handOverBy, mayAnswer, parse, promiseThen, settings, slice, stringify, table, wish,
} from "./invocation";
import { indexOf } from "./platform/primordials";

const { captureStackTrace } = Error as unknown as { captureStackTrace(object: object, below: Function): void };

export const NOT_AWAITED = "not_awaited";

/** Whose outcome the answer waits for; others are dropped with it. */
const SETTLED = table<true>();
SETTLED.data = SETTLED.files = SETTLED.auth = SETTLED.tokens = SETTLED.messages = SETTLED.session = true;

/** Who asks these decides by the outcome whom to let in, and a promise is always true: unlooked at, it fails the answer. */
const DECIDES = table<string>();
DECIDES["secrets.matches"] = "Secrets.matches";
DECIDES["tokens.verifyToken"] = "Auth.verifyToken";

/**
 * The promise of a host call. `await` of a subclass goes through `then`, which is how the engine
 * knows whether anybody looked at the outcome.
 */
class HostCall extends Promise<any> {
  looked = false;
  static override get [Symbol.species](): PromiseConstructor { return PromiseCtor; }
  override then(...args: any[]): any {
    this.looked = true;
    return apply(contextual.then, this, args);
  }
  /** In JSON or a text it would be `{}` or "[object Promise]", and nobody would know why. */
  toJSON(): never { throw notAwaited(); }
  override toString(): never { throw notAwaited(); }
}
Object.defineProperty(HostCall.prototype, "constructor", { value: HostCall, writable: true, configurable: true });
/** `Promise.prototype.then` as programs see it, once the context is installed. */
const contextual = { then: Promise.prototype.then as any };
export function useThen(then: any): void { contextual.then = then; }

/** What becomes of an answer before the program has it. */
export type Receive = (answer: any) => unknown;
interface Waiting { invocation: Invocation; promise: HostCall; settles: boolean; decides: string | undefined; here: { stack: string }; receive?: Receive | undefined; resolve(value: unknown): void; reject(error: unknown): void }
const calls: Table<Waiting> = table();
let lastCall = 0;

export function call(capability: string, method: string, args: unknown[], receive?: Receive): Promise<any> {
  const invocation = current();
  if (invocation === null || invocation.done) {
    return PromiseCtor.reject(noInvocation(`${capability}.${method}`));
  }
  let text: string;
  try {
    text = asText(capability, method, args);
  } catch (error) {
    return PromiseCtor.reject(error);
  }
  const id = ++lastCall;
  let resolve!: (value: unknown) => void;
  let reject!: (error: unknown) => void;
  const promise = new HostCall((yes, no) => { resolve = yes; reject = no; });
  const decides = DECIDES[`${capability}.${method}`];
  const settles = decides !== undefined || SETTLED[capability] === true;
  if (settles) invocation.unsettled++;
  invocation.waiting++;
  const here = { stack: "" };
  captureStackTrace(here, call); // where the program asked: V8 writes it down when it is read
  calls[id] = { invocation, promise, settles, decides, here, receive, resolve, reject };
  emit(`["c",${invocation.n},${id},${text}]`);
  return promise;
}

/** A promise for `work`, which makes several calls: the answer waits for it, and fails with it, as for one call. */
export function whole(invocation: Invocation, work: Promise<unknown>): Promise<any> {
  let resolve!: (value: unknown) => void;
  let reject!: (error: unknown) => void;
  const promise = new HostCall((yes, no) => { resolve = yes; reject = no; });
  invocation.unsettled++;
  promiseThen(work, (value: unknown) => {
    resolve(value);
    settled(invocation);
  }, (error: unknown) => {
    invocation.failed = { promise, error, next: invocation.failed };
    reject(error);
    settled(invocation);
  });
  return promise;
}

function settled(invocation: Invocation): void {
  if (--invocation.unsettled === 0 && invocation.whenSettled !== null) mayAnswer(invocation);
}

/** The same call without a promise: what was called before goes out first, and nothing else runs here meanwhile. */
export function callSync(capability: string, method: string, args: unknown[], receive?: Receive): any {
  const invocation = current();
  if (invocation === null || invocation.done) throw noInvocation(`${capability}.${method}`);
  const text = asText(capability, method, args);
  const id = ++lastCall;
  emit(`["w",${invocation.n},${id}],["c",${invocation.n},${id},${text}]`);
  handOverBy((outbox) => pass(outbox, id));
  const answer = parse(collect());
  if (answer[2]) return receive === undefined ? answer[3] : receive(answer[3]);
  const here = { stack: "" };
  captureStackTrace(here, callSync);
  throw asError(answer[3], here);
}

/** Capability, method and arguments as they stand in a message. */
function asText(capability: string, method: string, args: unknown[]): string {
  try {
    return `${stringify(capability)},${stringify(method)},${stringify(args)}`;
  } catch (error: any) {
    if (error?.code === NOT_AWAITED) throw error;
    throw failure("TypeError", "not_json", `${capability}.${method} takes JSON values only: ${error.message}`,
      "Remove functions, BigInts and cycles from what you pass.", 400);
  }
}

function notAwaited(): Error {
  return failure("TypeError", NOT_AWAITED, "A promise stands where its value is meant: the call has not been awaited.",
    "Write await before the call, as in { tasks: await DataRepository.list(\"tasks\") }.");
}

function undecided(what: string, { stack }: { stack: string }): Error {
  const error = failure("TypeError", NOT_AWAITED, `${what} was not awaited: a promise is always true, whatever comes of it.`,
    `Write await ${what}(…).`);
  return asked(error, stack);
}

function noInvocation(what: string): Error {
  return failure("Error", "no_invocation", `${what} was called where no request is being answered.`,
    "Call it inside a handler, a cell or init(), and await what you start there: after the answer nothing runs on.");
}

/** The host's answer to call `id`. */
export function reply(id: number, ok: boolean, value: any): Invocation | null {
  const waiting = calls[id];
  if (waiting === undefined) return null;
  delete calls[id];
  const { invocation } = waiting;
  invocation.waiting--;
  enter(null);
  if (ok) {
    if (waiting.decides !== undefined && !waiting.promise.looked) {
      invocation.failed = { promise: waiting.promise, error: undecided(waiting.decides, waiting.here), next: invocation.failed };
    }
    waiting.resolve(waiting.receive === undefined ? value : waiting.receive(value));
  } else {
    const error = asError(value, waiting.here);
    if (waiting.settles) invocation.failed = { promise: waiting.promise, error, next: invocation.failed };
    waiting.reject(error);
  }
  if (waiting.settles) settled(invocation);
  return invocation;
}

/** The host's refusal as an Error of the place that asked. */
function asError(value: any, { stack }: { stack: string }): Error {
  const error = failure(value.name ?? "Error", value.code, value.message, value.hint, value.status);
  if (value.details !== undefined) (error as any).details = value.details;
  return asked(error, stack);
}

/** The error with the stack of where the program asked. */
function asked(error: Error, stack: string): Error {
  const frames = indexOf(stack, "\n    at ");
  error.stack = `${error.name}: ${error.message}${frames < 0 ? "" : slice(stack, frames)}`;
  return error;
}

/** Nobody wants the outcome of a call any more: it is not missed when its invocation ends. */
export function forget(promise: Promise<any>): void {
  for (const id in calls) {
    const { promise: made, invocation } = calls[id]!;
    if (made !== promise) continue;
    invocation.waiting--;
    delete calls[id];
  }
}

/** Forgets the calls of an invocation that ended; returns how many nobody waited for. */
export function dropCalls(invocation: Invocation): number {
  const dropped = invocation.waiting;
  if (dropped > 0) for (const id in calls) if (calls[id]!.invocation === invocation) delete calls[id];
  return dropped;
}

/** Whether the host still owes this invocation something: an answer or a timer. */
export function isWaiting(invocation: Invocation): boolean {
  if (invocation.timers !== null) for (const _ in invocation.timers) return true;
  return invocation.waiting > 0;
}

interface Timer { invocation: Invocation; callback: () => void; milliseconds: number; repeat: boolean; quiet: boolean }
const timers: Table<Timer> = table();
let lastTimer = 0;

/** `quiet`: nobody is told when the timer ends with its invocation, as for one that nobody could clear. */
export function setTimer(callback: () => void, milliseconds: number, repeat: boolean, quiet = false): number {
  const invocation = current();
  if (invocation === null || invocation.done) throw noInvocation("A timer");
  const id = ++lastTimer;
  timers[id] = { invocation, callback, milliseconds, repeat, quiet };
  (invocation.timers ??= table())[id] = true;
  wish(`["t",${id},${+milliseconds}]`);
  return id;
}

export function clearTimer(id: number): void {
  const timer = timers[id];
  if (timer === undefined) return;
  delete timers[id];
  if (timer.invocation.timers !== null) delete timer.invocation.timers[id];
  wish(`["x",${id}]`);
}

export function fire(id: number): Invocation | null {
  const timer = timers[id];
  if (timer === undefined) return null;
  if (timer.repeat) wish(`["t",${id},${timer.milliseconds}]`);
  else {
    delete timers[id];
    if (timer.invocation.timers !== null) delete timer.invocation.timers[id];
  }
  enter(timer.invocation);
  try {
    timer.callback();
  } catch (error) {
    report(error);
  }
  return timer.invocation;
}

export function dropTimers(invocation: Invocation): number {
  let dropped = 0;
  if (invocation.timers !== null) {
    for (const id in invocation.timers) {
      if (!timers[id]!.quiet) dropped++;
      clearTimer(+id);
    }
  }
  return dropped;
}

const STREAM_EVERY = 100; // milliseconds
const clock = Date.now;
let streamed = 0;
/** A person watches a cell: its lines do not wait for the turn to end. */
function stream(): void {
  const now = clock();
  if (now - streamed < STREAM_EVERY) return;
  streamed = now;
  handOverBy(pass);
}

const reporter = { show: (error: unknown): string => String(error) };
export function useInspect(show: (value: unknown) => string): void { reporter.show = show; }
export function report(error: unknown): void { log("error", `Uncaught ${reporter.show(error)}`); }

/** One log line of the running invocation; what is over the limit is cut here, inside JavaScript. */
export function log(level: string, text: string): void {
  const invocation = current();
  if (invocation === null) return emit(`["l",0,${stringify(level)},${stringify(slice(text, 0, 10_000))}]`);
  if (invocation.cut) return;
  const room = settings.logLimit - invocation.logged;
  invocation.logged += text.length;
  if (text.length <= room) {
    emit(`["l",${invocation.n},${stringify(level)},${stringify(text)}]`);
    if (invocation.kind === "cell") stream();
    return;
  }
  invocation.cut = true;
  emit(`["l",${invocation.n},${stringify(level)},${stringify(slice(text, 0, room))}]`);
  emit(`["l",${invocation.n},"warn",${stringify(`The log of this invocation is cut at ${settings.logLimit} characters.`)}]`);
}
