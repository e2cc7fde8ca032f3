/**
 * `fetch`, the half inside the isolate: https://fetch.spec.whatwg.org/#fetch-method. What it is asked for goes
 * to the host in one call, and a small answer comes back whole; larger bodies stream both ways. The
 * number of a request stands for all of it: what is cancelled under it is given up, whatever its state.
 */
import { pump } from "../../runtime/js/bodies";
import { typeFailure } from "../../runtime/js/failure";
import { call, forget } from "../../runtime/js/host";
import type { Internals } from "../../runtime/js/internals";
import { type Invocation, PromiseCtor, current, enter, fromBase64, toBase64 } from "../../runtime/js/invocation";
import { isAbortSignal, whenAborted } from "../../runtime/js/platform/abort";
import { type Asked, type RequestInit, applyHeaders, applyOptions, bodyOf as givenBody, plain } from "../../runtime/js/platform/asking";
import { badPort } from "../../runtime/js/platform/bad_ports";
import { type Body, bodyOf, consume, isUnusable } from "../../runtime/js/platform/body";
import { dataUrl, readDataUrl } from "../../runtime/js/platform/data_url";
import { DOMException } from "../../runtime/js/platform/exception";
import type { Pair } from "../../runtime/js/platform/headers";
import { defineProperty, promiseReject, promiseResolve, toWellFormed } from "../../runtime/js/platform/primordials";
import { type Response, makeFetched } from "../../runtime/js/platform/response";
import { dictionary, need } from "../../runtime/js/platform/webidl";

/** What the host answers: see `Fetch.call` in fetch.py. */
type Answer = [status: number, reason: string, url: string, redirected: boolean, headers: Pair[], body: string | null, form: "text" | "base64" | "none" | "stream"];
type Signal = any;
/** Where in the program `fetch` was called: what fails later is told of there. */
interface Here { stack: string }
const SAFE = ["GET", "HEAD", "OPTIONS"];
const END = { done: true, value: undefined } as const;
const nothing = (): void => {};
const { captureStackTrace } = Error as unknown as { captureStackTrace(object: object, below: Function): void };

export function installFetch(I: Internals): void {
  const fetch = function fetch(input: unknown, init: unknown = undefined): Promise<Response> {
    try {
      need(arguments.length, 1, "fetch");
      const { asked, signal } = ask(I, input, init);
      if (signal !== null && signal.aborted) return promiseReject(signal.reason);
      if (asked.integrity !== "") throw typeFailure("fetch_bad_option", "fetch: the option integrity is not checked here, so it is not taken.", "Leave it out, and compare a digest of the body: crypto.subtle.digest.");
      const data = dataUrl(asked.url);
      if (data !== null) return promiseResolve(local(data));
      const port = badPort(asked.url);
      if (port !== null) throw typeFailure("fetch_bad_port", `fetch: the port ${port} belongs to another protocol than HTTP.`, "The Fetch standard blocks such ports; let the server listen on another one.");
      const here = { stack: "" };
      captureStackTrace(here, fetch);
      return begin(asked, signal, here);
    } catch (error) {
      return promiseReject(error);
    }
  };
  defineProperty(fetch, "name", { value: "fetch", configurable: true });
  defineProperty(globalThis, "fetch", { value: fetch, writable: true, configurable: true, enumerable: true });
}

function ask(I: Internals, input: unknown, init: unknown): { asked: Asked; signal: Signal } {
  if (I.isMade("fetch") && I.load("fetch").isRequest(input)) {
    const { Request, askedOf } = I.load("fetch");
    return askedOf(init === undefined ? new Request(input) : new Request(input, init));
  }
  const given: RequestInit = dictionary(init, "fetch: the options");
  const asked = plain(toWellFormed(`${input as string}`));
  applyOptions(asked, given, "fetch");
  const signal = given.signal ?? null;
  if (signal !== null && !isAbortSignal(signal)) throw new TypeError("fetch: the signal must be an AbortSignal.");
  applyHeaders(asked, given, "fetch");
  asked.body = givenBody(asked, given, "fetch");
  return { asked, signal };
}

function local(url: string): Response {
  const found = readDataUrl(url);
  if (found === null) throw typeFailure("fetch_bad_url", "fetch: this data: URL cannot be read.", 'Write "data:text/plain,…", or "data:text/plain;base64,…" with base64 after the comma.');
  return makeFetched({ status: 200, statusText: "OK", url, redirected: false, headers: [["content-type", found.type]], body: bodyOf(found.bytes) });
}

function begin(asked: Asked, signal: Signal, here: Here): Promise<Response> {
  const invocation = current();
  const { body } = asked;
  const loading = invocation !== null && invocation.piece !== null;
  if (body !== null && isUnusable(body)) throw new TypeError("fetch: the body was read already, and can be sent once.");
  const streams = body !== null && typeof body.source !== "string" && !(body.source instanceof Uint8Array);
  // What is sent while a program loads is compared with what was sent before: it must be known whole.
  if (streams && loading) return consume(body).then((whole) => begin({ ...asked, body: bodyOf(whole) }, signal, here));
  return new Exchange(asked, signal, invocation, here).promise;
}

/** One request, from its call to the end of its answer's body. */
class Exchange {
  readonly promise: Promise<Response>;
  #number: number;
  #invocation: Invocation | null;
  #here: Here;
  /** What the host was asked and has not answered: the request, then each piece. */
  #asked: Promise<any> | null = null;
  #over = false;
  /** Ends listening to the signal. */
  #ignore = nothing;
  /** Rejects what the program is waiting for: the answer, then each piece of its body. */
  #reject: (error: unknown) => void = nothing;
  #failed: { error: unknown } | null = null;

  constructor(asked: Asked, signal: Signal, invocation: Invocation | null, here: Here) {
    this.#invocation = invocation;
    this.#here = here;
    this.#number = invocation === null ? -1 : --invocation.lastBody;
    this.promise = new PromiseCtor((resolve, reject) => {
      this.#reject = reject;
      if (signal !== null) this.#ignore = whenAborted(signal, () => this.#abort(signal.reason));
      this.#asked = call("fetch", SAFE.includes(asked.method) ? "ask" : "send", [this.#number, this.#outgoing(asked)]);
      this.#asked.then((answer: Answer) => resolve(this.#respond(answer)), (error: unknown) => this.#fail(standard(error, here)));
    });
  }

  #outgoing({ url, method, headers, redirect, timeout, retry, body }: Asked): object {
    const outgoing: Record<string, unknown> = { url, method, headers: headers.pairs, redirect, timeout, retry };
    if (body === null) return outgoing;
    const { source } = body;
    if (typeof source === "string") outgoing.text = source;
    else if (source instanceof Uint8Array) outgoing.base64 = toBase64(source);
    else {
      outgoing.stream = true;
      promiseResolve().then(() => this.#upload(source ?? body.stream)); // after the call that begins the request
    }
    body.used = true;
    return outgoing;
  }

  #upload(source: AsyncIterable<unknown>): void {
    const invocation = this.#invocation;
    if (invocation === null || this.#failed !== null) return;
    pump(source, invocation, this.#number).then(() => this.#tell("end"), (error: any) => {
      if (error?.code === "no_such_body") return; // the answer was there before all was sent
      this.#tell("fail", `${error?.message ?? error}`);
      this.#fail(error);
    });
  }

  #respond([status, statusText, url, redirected, headers, text, form]: Answer): Response {
    let body: Body | null = null;
    if (form === "stream") body = bodyOf(this.#pieces());
    else {
      this.#end();
      if (form !== "none") body = bodyOf(form === "text" ? text! : fromBase64(text!));
    }
    return makeFetched({ status, statusText, url, redirected, headers, body });
  }

  /** The pieces of the answer's body, each asked for when it is wanted. */
  #pieces(): AsyncIterableIterator<Uint8Array> {
    const self: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => self,
      next: () => new PromiseCtor((resolve, reject) => {
        if (this.#over) return resolve(END);
        if (this.#failed !== null) return reject(this.#failed.error);
        this.#reject = reject;
        this.#asked = call("body", "read", [this.#number]);
        this.#asked.then((text: string | null) => resolve(text === null ? this.#end() : { done: false, value: fromBase64(text) }),
          (error: unknown) => this.#fail(standard(error, this.#here)));
      }),
      return: () => {
        if (!this.#over && this.#failed === null) this.#tell("cancel");
        return promiseResolve(this.#end());
      },
    };
    return self;
  }

  #end(): IteratorReturnResult<undefined> {
    this.#over = true;
    this.#ignore();
    return END;
  }

  #abort(reason: unknown): void {
    if (this.#asked !== null) forget(this.#asked);
    this.#tell("cancel");
    this.#fail(reason);
  }

  #fail(error: unknown): void {
    this.#failed ??= { error };
    this.#ignore();
    this.#reject(error);
  }

  /** Tells the host, on behalf of whose request it is; nobody waits for what it says. */
  #tell(method: string, ...more: string[]): void {
    const before = current();
    enter(this.#invocation);
    const told = call("body", method, [this.#number, ...more]);
    told.then(nothing, nothing);
    forget(told);
    enter(before);
  }
}

/** An error of the host as the Fetch standard has it. */
function standard(error: any, here: Here): unknown {
  const { name, code, message, hint, status } = error;
  const ours = typeof code === "string" && code.startsWith("fetch_");
  const type = name === "TimeoutError" || name === "AbortError" ? name : "TypeError";
  const told: any = !ours ? error : type === "TypeError" ? typeFailure(code, message, hint, status) : new DOMException(message, type);
  const stack = `${ours ? type : name}: ${message}${here.stack.slice(here.stack.indexOf("\n"))}`;
  for (const [key, value] of [["code", code], ["hint", hint], ["status", status], ["stack", stack]] as const) {
    if (value !== undefined) defineProperty(told, key, { value, writable: true, configurable: true });
  }
  return told;
}
