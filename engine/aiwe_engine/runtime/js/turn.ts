/**
 * One turn: for each message in the inbox, begin or continue its invocation and let its microtasks
 * run; then hand over the outbox. A turn may be cut short at any point by the CPU limit: all its
 * state is kept here, so that `resume` blames the invocation that was running and goes on.
 *
 *   in   ["i", n, id, handler, payload]      answer a request
 *        ["p", n, kind, id, piece, show]     load a piece or run a cell
 *        ["f", n, id, name]                  call an init function
 *        ["r", call, ok, value]              a host call's answer
 *        ["t", timer]                        a timer is due
 *        ["a", n, code, message]             an invocation ends from outside
 *        ["g", n]                            its client has left, and it may go on
 *   out  ["d", n, answer]  ["x", n, error]   an invocation is over
 *        ["h", n, answer]                    its answer begins, and streams from here on
 *        ["c", n, call, capability, method, args]   a host call
 *        ["w", n, call]                      the isolate stands still until this call, which comes next, is answered
 *        ["l", n, level, text]  ["v", n, data]      a log line, a displayed value
 *        ["k", n]  ["s", n]                  ran over its CPU limit; lost its continuation by that
 *
 * What is answered while the isolate stands still comes past the inbox: see bell.ts.
 */
import { answer, withSession } from "./answer";
import { type Registered, handlers } from "./app";
import { arrived } from "./bell";
import { follow } from "./chain";
import { describe } from "./failure";
import { dropCalls, dropTimers, fire, isWaiting, log, reply, report } from "./host";
import {
  Invocation, current, emit, enter, handOver, mayAnswer, parse, promiseThen, resolved, running, stringify, takeSettling,
} from "./invocation";
import { displayData } from "./display";
import { inspect } from "./platform/inspect";
import { DOMException } from "./platform/exception";
import { charCodeAt } from "./platform/primordials";
import { Response, isResponse } from "./platform/response";
import { initialise, run } from "./program";
import { AppRequest, type Payload } from "./request";

let inbox: any[] = [];
let cursor = 0;
/** What a finished turn handed over, until the next begins: a cut that comes too late loses nothing. */
let handed: string | null = null;
let checkpoint: () => void;
let control: Int32Array;
/** Places in the control words that the worker reads while a turn runs. */
const RUNNING = 0, STEP = 1, CUT = 3;

export function prepare(microtasks: () => void, words: Int32Array): void {
  checkpoint = microtasks;
  control = words;
}

/** What has come so far of an inbox that is longer than what is read at once. */
let gathered = "";

/** Takes the next piece of a long inbox; without one, makes the pieces one text, so that V8 can free them. */
export function gather(piece?: string): void {
  if (piece === undefined) charCodeAt(gathered, 0);
  else gathered += piece;
}

export function turn(text: string): string {
  handed = null;
  const whole = gathered + text;
  gathered = "";
  inbox = parse(whole);
  cursor = 0;
  return drain();
}

/**
 * V8 swallows a termination inside `checkpoint`: the worker leaves word of it, and this evaluation ends there,
 * since it cannot be stopped a second time. `resume` does what is left.
 */
function drain(): string {
  while (cursor < inbox.length) {
    const message = inbox[cursor++];
    control[STEP] = (control[STEP]! + 1) | 0;
    const invocation = take(message);
    control[RUNNING] = invocation === null ? 0 : invocation.n;
    checkpoint();
    settleAll();
    if (control[CUT] !== 0) return "";
    enter(null);
  }
  control[RUNNING] = 0;
  return (handed = handOver());
}

/**
 * Answers for those whose handlers are done, once the microtasks have run: until then one may still issue
 * a call that its answer must wait for.
 */
function settleAll(): void {
  while (control[CUT] === 0) {
    const invocation = takeSettling();
    if (invocation === null) return;
    const { whenSettled } = invocation;
    if (invocation.done || invocation.unsettled > 0 || whenSettled === null) continue;
    invocation.whenSettled = null;
    control[RUNNING] = invocation.n;
    enter(invocation);
    whenSettled();
    enter(null);
    checkpoint();
  }
}

/** After the turn was cut short: the running invocation ends, the rest of the inbox goes on. */
export function resume(): string {
  if (handed !== null) {
    control[CUT] = 0;
    return handed;
  }
  blame();
  settleAll();
  return control[CUT] === 0 ? drain() : "";
}

/** Ends the invocation that ran over its limit, and those whose continuation went with it. */
function blame(): void {
  if (arrived()) handOver(); // the worker has what was being given to it
  const guilty = current() ?? running[control[RUNNING]!] ?? null;
  control[CUT] = 0;
  enter(null);
  if (guilty !== null && !guilty.done) {
    emit(`["k",${guilty.n}]`);
    end(guilty);
  }
  for (const n in running) {
    const other = running[n]!;
    if (!isWaiting(other) && other.whenSettled === null) {
      emit(`["s",${n}]`);
      end(other);
    }
  }
}

function take(message: any[]): Invocation | null {
  switch (message[0]) {
    case "i": return begin(new Invocation(message[1], "http", message[2]), message[3], message[4]);
    case "r": return reply(message[1], message[2], message[3]);
    case "t": return fire(message[1]);
    case "p": return load(message);
    case "f": return load(message);
    case "a": return abort(message[1], message[2], message[3]);
    case "g": return left(message[1]);
    default: return null;
  }
}

function start(invocation: Invocation): void {
  running[invocation.n] = invocation;
  control[RUNNING] = invocation.n;
  enter(invocation);
}

function begin(invocation: Invocation, key: string, payload: any): Invocation {
  start(invocation);
  try {
    const request = new AppRequest(invocation, payload);
    const handler = payload.missing === undefined ? handlers[key]! : unmatched(payload.missing);
    const value: any = follow(handler, request);
    if (typeof value === "object" && value !== null && typeof value.then === "function") {
      promiseThen(resolved(value), (v: unknown) => settle(invocation, v), (e: unknown) => rejected(invocation, e));
    } else {
      settle(invocation, value);
    }
  } catch (error) {
    rejected(invocation, error);
  }
  return invocation;
}

/** A Response that is thrown is an answer, as elsewhere on the web. */
function rejected(invocation: Invocation, thrown: unknown): void {
  if (isResponse(thrown)) settle(invocation, thrown);
  else fail(invocation, thrown);
}

/** What stands at the end of the chain where no route matched: the engine's own answer. */
function unmatched([status, headers, body]: NonNullable<Payload["missing"]>): Registered {
  return { path: "", chain: [() => new Response(status === 204 ? null : body, { status, headers })] };
}

function load(message: any[]): Invocation {
  const isInit = message[0] === "f";
  const invocation = isInit ? new Invocation(message[1], "load", message[2]) : new Invocation(message[1], message[2], message[3]);
  const name: string = isInit ? message[3] : message[4];
  const show: boolean = !isInit && message[5];
  invocation.piece = name;
  start(invocation);
  const task = isInit ? initialise(name) : run(name);
  promiseThen(task, (value: unknown) => {
    enter(invocation);
    afterCalls(invocation, () => {
      const result = show && value !== undefined ? displayData(value, inspect) : null;
      finish(invocation, `{"result":${stringify(result)},"routes":[${routesText(invocation)}]}`);
    });
  }, (error: unknown) => fail(invocation, error));
  return invocation;
}

/** The registrations as JSON, member by member: a program may have given every object a `toJSON`. */
function routesText({ routes }: Invocation): string {
  let text = "";
  for (let i = 0; i < routes.length; i++) {
    const { method, path, handler, info, limits, at } = routes[i]!;
    let given = "";
    for (let k = 0; k < limits.length; k++) given += `${k > 0 ? "," : ""}{"rule":${stringify(limits[k]!.rule)},"at":${stringify(limits[k]!.at)}}`;
    text += `${i > 0 ? "," : ""}{"method":${stringify(method)},"path":${stringify(path)},"handler":${stringify(handler)},"info":${stringify(info)},"limits":[${given}],"at":${stringify(at)}}`;
  }
  return text;
}

/** The handler is done: the answer waits for the host calls that must not be lost. */
function settle(invocation: Invocation, value: unknown): void {
  afterCalls(invocation, () => {
    const text = answer(value, invocation);
    if (typeof text === "string") finish(invocation, text);
    else promiseThen(text, (t: string) => afterCalls(invocation, () => finish(invocation, t)), (e: unknown) => fail(invocation, e));
  });
}

function afterCalls(invocation: Invocation, then: () => void): void {
  const go = (): void => {
    try {
      for (let f = invocation.failed; f !== null; f = f.next) if (!f.promise.looked) throw f.error;
      then();
    } catch (error) {
      fail(invocation, error);
    }
  };
  invocation.whenSettled = go;
  if (invocation.unsettled === 0) mayAnswer(invocation);
}

function finish(invocation: Invocation, text: string): void {
  if (invocation.done) return;
  const answered = invocation.session === null || invocation.begun ? text : withSession(text, invocation);
  end(invocation);
  emit(`["d",${invocation.n},${answered}]`);
}

function fail(invocation: Invocation, error: unknown): void {
  if (invocation.done) return;
  const text = describe(error); // may run the program's getters: it is not over before that
  end(invocation);
  emit(`["x",${invocation.n},${text}]`);
}

function end(invocation: Invocation, answered = true): void {
  const dropped = dropCalls(invocation) + dropTimers(invocation);
  if (answered && dropped > 0 && invocation.kind === "http") {
    const before = current();
    enter(invocation);
    log("warn", `${dropped} timer${dropped > 1 ? "s" : ""} or call${dropped > 1 ? "s" : ""} that nobody awaited ended with the answer. Await them, or use schedule and messages for work that outlives a request.`);
    enter(before);
  }
  invocation.done = true;
  delete running[invocation.n];
}

function abort(n: number, code: string, message: string): Invocation | null {
  const invocation = running[n];
  if (invocation === undefined) return null;
  end(invocation, false); // what it waited for may well have been awaited
  enter(invocation);
  try {
    invocation.controller?.abort(new DOMException(message, code === "deadline" ? "TimeoutError" : "AbortError"));
  } catch {
    // A listener of the program threw: the invocation is over all the same.
  }
  return invocation;
}

/** The client has left: `req.signal` says so, and what runs may go on. */
function left(n: number): Invocation | null {
  const invocation = running[n];
  if (invocation === undefined) return null;
  enter(invocation);
  try {
    invocation.controller?.abort(new DOMException("The client has left.", "AbortError"));
  } catch (error) {
    report(error);
  }
  return invocation;
}

/** `display(value)`: shows a value in the cell's output, or logs it where there is no cell. */
export function display(value: unknown): void {
  const invocation = current();
  if (invocation !== null && invocation.kind === "cell") emit(`["v",${invocation.n},${stringify(displayData(value, inspect))}]`);
  else log("info", inspect(value));
}
