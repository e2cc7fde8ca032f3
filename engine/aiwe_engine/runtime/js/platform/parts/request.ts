/** Request: what `fetch` is asked for. */
import type { Asked, RequestInit } from "../asking";
import type { Body } from "../body";
import type { Headers } from "../headers";

const { idl, need, dictionary } = __I.webidl as typeof import("../webidl");
const { makeHeaders } = __I.headers as typeof import("../headers");
const { isUnusable, isUsed, readers, split, streamOf } = __I.body as typeof import("../body");
const { applyHeaders, applyOptions, bodyOf, mayHaveBody, plain } = __I.asking as typeof import("../asking");
const WHAT = "new Request";

interface State extends Asked { fragment: string }

let stateOf: (request: Request) => State;
let signalOf: (request: Request) => any;

export class Request {
  #state: State;
  #headers: Headers;
  #signal: any;
  static {
    stateOf = (request) => request.#state;
    signalOf = (request) => request.#signal;
  }

  constructor(input: unknown, init?: RequestInit) {
    need(arguments.length, 1, "new Request");
    const from = isRequest(input) ? input : null;
    const given: RequestInit = dictionary(init, "new Request: the options");
    const state = from === null ? fresh(`${input as string}`) : { ...stateOf(from), body: null, headers: stateOf(from).headers.copy() };
    if (given.referrer !== undefined) state.referrer = referrerOf(`${given.referrer}`);
    applyOptions(state, given, WHAT);
    let signal: unknown = from === null ? null : signalOf(from);
    if (given.signal !== undefined) signal = given.signal;
    if (signal !== null && !__I.isAbortSignal(signal)) throw new TypeError("new Request: the signal must be an AbortSignal.");
    this.#state = state;
    this.#signal = signal === null ? new __I.AbortController().signal : __I.AbortSignal.any([signal]);
    applyHeaders(state, given, WHAT);
    this.#headers = makeHeaders(state.headers, "request");
    state.body = bodyFor(state, given, from);
  }

  get method(): string { return this.#state.method; }
  get url(): string { return this.#state.url + this.#state.fragment; }
  get headers(): Headers { return this.#headers; }
  get destination(): string { void this.#state; return ""; }
  get referrer(): string { return this.#state.referrer; }
  get referrerPolicy(): string { return this.#state.referrerPolicy; }
  get mode(): string { return this.#state.mode; }
  get credentials(): string { return this.#state.credentials; }
  get cache(): string { return this.#state.cache; }
  get redirect(): string { return this.#state.redirect; }
  get integrity(): string { return this.#state.integrity; }
  get keepalive(): boolean { return this.#state.keepalive; }
  get isReloadNavigation(): boolean { void this.#state; return false; }
  get isHistoryNavigation(): boolean { void this.#state; return false; }
  get signal(): any { return this.#signal; }
  get duplex(): string { return this.#state.duplex; }
  get body(): unknown { return streamOf(this.#state.body); }
  get bodyUsed(): boolean { return isUsed(this.#state.body); }

  clone(): Request {
    if (isUnusable(this.#state.body)) throw new TypeError("request.clone: the body was read already or is locked. Clone it before reading.");
    const copy = new Request(this.url, { signal: this.#signal });
    copy.#state = { ...this.#state, headers: this.#state.headers.copy(), body: split(this.#state.body) };
    copy.#headers = makeHeaders(copy.#state.headers, "request");
    return copy;
  }

  text(): Promise<string> { return read(this, "text") as Promise<string>; }
  json(): Promise<any> { return read(this, "json"); }
  bytes(): Promise<Uint8Array> { return read(this, "bytes") as Promise<Uint8Array>; }
  arrayBuffer(): Promise<ArrayBuffer> { return read(this, "arrayBuffer") as Promise<ArrayBuffer>; }
  blob(): Promise<any> { return read(this, "blob"); }
  formData(): Promise<any> { return read(this, "formData"); }
}
idl(Request, "Request");
Object.defineProperty(Request.prototype, __I.shown, {
  value(this: Request) {
    const { method, url, headers, body, bodyUsed, signal } = this;
    return { method, url, headers, body, bodyUsed, signal };
  },
});

export function isRequest(value: unknown): value is Request {
  try {
    stateOf(value as Request);
    return true;
  } catch {
    return false;
  }
}

function read(request: Request, how: keyof typeof readers): Promise<unknown> {
  if (!isRequest(request)) return Promise.reject(new TypeError(`${how} was called on what is no Request.`));
  const { body, headers } = stateOf(request);
  return readers[how]({ body, contentType: () => headers.get("content-type") });
}

function fresh(address: string): State {
  let url: any;
  try {
    url = new __I.URL(address, __I.base);
  } catch (cause) {
    throw new TypeError(`new Request: "${address}" is not an absolute URL. Write one like "https://example.org/path".`, { cause });
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("new Request: the URL holds a user name or password. Send an Authorization header instead.");
  }
  const { hash: fragment } = url;
  url.hash = "";
  return { ...plain(url.href), fragment };
}

function referrerOf(referrer: string): string {
  if (referrer === "") return "no-referrer";
  try {
    const { href } = new __I.URL(referrer, __I.base);
    return href === "about:client" ? href : href;
  } catch (cause) {
    throw new TypeError(`new Request: the referrer "${referrer}" is not an absolute URL.`, { cause });
  }
}

function bodyFor(state: State, given: RequestInit, from: Request | null): Body | null {
  const inherited = from === null ? null : stateOf(from).body;
  if (inherited !== null) mayHaveBody(state, WHAT);
  const own = bodyOf(state, given, WHAT);
  if (own !== null || inherited === null) return own;
  if (isUnusable(inherited)) throw new TypeError("new Request: the body of the given Request was read already. Use request.clone() before reading.");
  if (given.body === null) return inherited;
  return takeOver(inherited);
}

/** What `fetch` sends of a Request, and the signal that ends it. The body counts as read from here on. */
export function askedOf(request: Request): { asked: Asked; signal: any } {
  return { asked: stateOf(request), signal: signalOf(request) };
}

/** The body moves to the new request, and the old one counts as read. */
function takeOver(body: Body): Body {
  const moved: Body = { source: body.source, stream: null, used: false };
  if (body.stream !== null) {
    moved.stream = body.stream.pipeThrough(new __I.TransformStream());
    if (typeof body.source !== "string" && !(body.source instanceof Uint8Array)) moved.source = null;
  }
  body.used = true;
  return moved;
}
