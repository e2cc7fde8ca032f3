/** Request: what `fetch` is asked for. */
import type { Body } from "../body";
import type { Headers, HeadersInit } from "../headers";

const { idl, need, dictionary } = __I.webidl as typeof import("../webidl");
const { HeaderList, fill, headerList, isHeaders, makeHeaders } = __I.headers as typeof import("../headers");
const { extract, isUnusable, isUsed, readers, split, streamOf } = __I.body as typeof import("../body");

export interface RequestInit {
  method?: string; headers?: HeadersInit; body?: unknown; referrer?: string; referrerPolicy?: string; mode?: string;
  credentials?: string; cache?: string; redirect?: string; integrity?: string; keepalive?: boolean; signal?: any;
  duplex?: string; priority?: string; window?: null;
}

/** Options that take one word of a list. */
const WORDS = {
  referrerPolicy: ["", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
    "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"],
  mode: ["cors", "navigate", "no-cors", "same-origin", "websocket"],
  credentials: ["same-origin", "include", "omit"],
  cache: ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"],
  redirect: ["follow", "error", "manual"],
};
type Word = keyof typeof WORDS;

interface State extends Record<Word, string> {
  url: string; fragment: string; method: string; headers: InstanceType<typeof HeaderList>; referrer: string; integrity: string;
  keepalive: boolean; body: Body | null; duplex: string;
}

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
    applyWords(state, given);
    let signal: unknown = from === null ? null : signalOf(from);
    if (given.signal !== undefined) signal = given.signal;
    if (signal !== null && !__I.isAbortSignal(signal)) throw new TypeError("new Request: the signal must be an AbortSignal.");
    this.#state = state;
    this.#signal = signal === null ? new __I.AbortController().signal : __I.AbortSignal.any([signal]);
    if (given.headers !== undefined) {
      state.headers = new HeaderList();
      fill(state.headers, isHeaders(given.headers) ? headerList(given.headers).pairs : given.headers, "new Request");
    }
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

function isRequest(value: unknown): value is Request {
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
  return {
    url: url.href, fragment, method: "GET", headers: new HeaderList(), referrer: "about:client", referrerPolicy: "", mode: "cors",
    credentials: "same-origin", cache: "default", redirect: "follow", integrity: "", keepalive: false, body: null, duplex: "half",
  };
}

function applyWords(state: State, given: RequestInit): void {
  if (given.window !== undefined && given.window !== null) throw new TypeError("new Request: window can only be null.");
  if (given.referrer !== undefined) state.referrer = referrerOf(`${given.referrer}`);
  for (const name of Object.keys(WORDS) as Word[]) {
    const value = given[name];
    if (value === undefined) continue;
    if (!WORDS[name].includes(`${value}`)) throw new TypeError(`new Request: ${name} is one of ${WORDS[name].map((word) => `"${word}"`).join(", ")}, not "${value}".`);
    state[name] = `${value}`;
  }
  if (given.mode === "navigate" || given.mode === "websocket") throw new TypeError(`new Request: the mode "${given.mode}" is for browsers only.`);
  if (state.cache === "only-if-cached" && state.mode !== "same-origin") throw new TypeError('new Request: cache "only-if-cached" wants the mode "same-origin".');
  if (given.integrity !== undefined) state.integrity = `${given.integrity}`;
  if (given.keepalive !== undefined) state.keepalive = !!given.keepalive;
  if (given.priority !== undefined && !["high", "low", "auto"].includes(`${given.priority}`)) throw new TypeError('new Request: priority is one of "high", "low", "auto".');
  if (given.duplex !== undefined && `${given.duplex}` !== "half") throw new TypeError('new Request: duplex can only be "half".');
  if (given.method !== undefined) state.method = methodOf(`${given.method}`);
  if (state.mode === "no-cors" && !["GET", "HEAD", "POST"].includes(state.method)) {
    throw new TypeError(`new Request: the mode "no-cors" allows GET, HEAD and POST, not ${state.method}. Leave the mode out.`);
  }
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

function methodOf(method: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`new Request: "${method}" is not an HTTP method.`);
  const upper = method.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") throw new TypeError(`new Request: the method ${upper} is not allowed.`);
  return ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : method;
}

function bodyFor(state: State, given: RequestInit, from: Request | null): Body | null {
  const inherited = from === null ? null : stateOf(from).body;
  const own = given.body !== undefined && given.body !== null;
  if ((own || inherited !== null) && (state.method === "GET" || state.method === "HEAD")) {
    throw new TypeError(`new Request: a ${state.method} request has no body. Use the method "POST".`);
  }
  if (own) {
    const { body, type } = extract(given.body);
    if (body.source === null && given.duplex === undefined) {
      throw new TypeError('new Request: a stream as the body wants the option duplex: "half".');
    }
    if (type !== null && !state.headers.has("content-type")) state.headers.append("content-type", type);
    return body;
  }
  if (inherited === null) return null;
  if (isUnusable(inherited)) throw new TypeError("new Request: the body of the given Request was read already. Use request.clone() before reading.");
  if (given.body === null) return inherited;
  return takeOver(inherited);
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
