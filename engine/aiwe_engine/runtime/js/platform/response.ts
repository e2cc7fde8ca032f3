/**
 * Response: what a handler answers with. Most answers are made by `Response.json`, `html` or `text`
 * and read once by the engine, so a Response keeps its status, the type its body implies and the
 * body as given; Headers, streams and the rest come into being when somebody asks for them.
 */
import { type Body, type Owner, bodyOf, extract, isUnusable, isUsed, readers, split, streamOf } from "./body";
import { type Guard, type Headers, type HeadersInit, type Pair, HeaderList, fill, makeHeaders } from "./headers";
import { Html } from "./html";
import { shown } from "./inspect_shape";
import { defineProperty, hasOwn, jsonStringify, promiseReject, regExpTest, toWellFormed } from "./primordials";
import { byteString, dictionary, idl, need } from "./webidl";

export interface ResponseInit { status?: number; statusText?: string; headers?: HeadersInit }

/** What the engine takes from a Response. */
export interface Snapshot {
  status: number;
  /** Names in lower case, in the order they were set. */
  headers: Pair[];
  /** An async iterable gives strings and Uint8Arrays; a ReadableStream is one. */
  body: string | Uint8Array | AsyncIterable<unknown> | null;
  /** The host sends this file instead of the body. */
  file?: FileRef;
}

/** A file of the host's: kept by a program, or an asset. */
export type FileRef = ({ file: string } | { asset: string }) & { download?: boolean | string };

/** What `Response.file` needs of files; set by those who know them. */
export const files: { refer: (given: unknown) => FileRef; content: (ref: FileRef) => AsyncIterable<Uint8Array> } = {
  refer: () => { throw new TypeError("There are no files here."); },
  content: () => { throw new TypeError("There are no files here."); },
};
/** What came back from another server; header names are in lower case. */
export interface Fetched { status: number; statusText: string; url: string; redirected: boolean; headers: Pair[]; body: Body | null }

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain;charset=UTF-8";
const HTML_TYPE = "text/html;charset=utf-8";
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;
const MINE = Symbol("Response");

/** The request that is being answered, for `Response.error`; the engine says which. */
export const asked: { id: () => string | undefined } = { id: () => undefined };

const bodiless = (status: number): boolean => status === 204 || status === 205 || status === 304 || status === 101 || status === 103;
const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

/** Codes and sentences of the engine's error shape, for `Response.error(status)`. */
const ERRORS: Record<number, [code: string, message: string]> = {
  400: ["bad_request", "The request cannot be understood."],
  401: ["unauthorized", "Sign in first."],
  402: ["payment_required", "Payment is required."],
  403: ["forbidden", "This is not allowed."],
  404: ["not_found", "There is nothing here."],
  405: ["method_not_allowed", "This method is not allowed here."],
  409: ["conflict", "This conflicts with the current state."],
  410: ["gone", "This is gone."],
  413: ["payload_too_large", "The request is too large."],
  415: ["unsupported_media_type", "This type of content is not supported."],
  422: ["invalid_input", "The input is not valid."],
  429: ["rate_limited", "Too many requests."],
  500: ["internal_error", "Something went wrong."],
  501: ["not_implemented", "This is not implemented."],
  503: ["unavailable", "The service is not available now."],
};

let snapshotOf: (response: Response) => Snapshot;
let ownerOf: (response: Response) => Owner;
let own: (response: Response) => Response;
/** The Response that `fetch` gives. */
export let makeFetched: (answer: Fetched) => Response;
let isMine: (value: unknown) => value is Response;

export class Response {
  #status = 200;
  #statusText = "";
  #kind: "default" | "error" | "basic" = "default";
  #url = "";
  #redirected = false;
  /** The header list, once there is more than the type of the body to say. */
  #list: HeaderList | null = null;
  #type: string | null = null;
  #headers: Headers | null = null;
  #guard: Guard = "response";
  #body: Body | null = null;
  #file: FileRef | null = null;
  /** Made by `handedOn`: nobody else has it. */
  #own = false;

  constructor(body?: unknown, init?: ResponseInit) {
    if (init === (MINE as unknown)) return;
    if (body === null || body === undefined) {
      this.#init(init, null, null, "new Response");
      return;
    }
    const found = body instanceof Html ? { body: bodyOf(toWellFormed(body.toString())), type: HTML_TYPE } : piecewise(body) ?? extract(body);
    this.#init(init, found.body, found.type, "new Response");
    this.#file = fileStreams.get(body as object) ?? null;
  }

  #init(given: unknown, body: Body | null, type: string | null, what: string): this {
    this.#type = type;
    this.#body = body;
    if (given === undefined || given === null) return this;
    const init = dictionary(given, `${what}: the options`);
    const { headers, status, statusText } = init;
    if (status !== undefined) this.#status = checkStatus(status, what);
    if (statusText !== undefined) this.#statusText = checkReason(statusText, what);
    if (headers !== undefined) {
      const list = new HeaderList();
      fill(list, headers, what);
      this.#list = list;
      if (type !== null && !list.has("content-type")) list.append("content-type", type);
      this.#type = null;
    }
    if (body !== null && bodiless(this.#status)) {
      throw new TypeError(`${what}: an answer with status ${this.#status} has no body. Pass null as the body, or use Response.noContent().`);
    }
    return this;
  }

  static json(data?: unknown, init?: ResponseInit): Response {
    need(arguments.length, 1, "Response.json");
    const text = jsonStringify(data);
    if (text === undefined) throw new TypeError(`Response.json: ${data === undefined ? "undefined" : `a ${typeof data}`} has no JSON form. Pass an object, or use Response.noContent().`);
    return blank().#init(init, bodyOf(toWellFormed(text)), JSON_TYPE, "Response.json");
  }

  static html(markup: unknown, init?: ResponseInit): Response {
    need(arguments.length, 1, "Response.html");
    const text = typeof markup === "string" ? markup : markup instanceof Html ? markup.toString() : `${markup as string}`;
    return blank().#init(init, bodyOf(toWellFormed(text)), HTML_TYPE, "Response.html");
  }

  static text(text: unknown, init?: ResponseInit): Response {
    need(arguments.length, 1, "Response.text");
    return blank().#init(init, bodyOf(toWellFormed(`${text as string}`)), TEXT_TYPE, "Response.text");
  }

  static redirect(url: string, status: number = 302): Response {
    need(arguments.length, 1, "Response.redirect");
    const location = locationOf(`${url as string}`);
    const code = Number(status) & 0xffff;
    if (!isRedirect(code)) throw new RangeError(`Response.redirect: ${status} is not a redirect. Use 301, 302, 303, 307 or 308.`);
    const response = blank();
    response.#status = code;
    response.#list = new HeaderList();
    response.#list.append("location", location);
    response.#guard = "immutable";
    return response;
  }

  static file(file: unknown, init?: ResponseInit & { download?: boolean | string }): Response {
    need(arguments.length, 1, "Response.file");
    const ref = files.refer(file);
    const download = init === undefined || init === null ? undefined : dictionary(init, "Response.file: the options").download;
    if (download !== undefined) ref.download = typeof download === "string" ? toWellFormed(download) : Boolean(download);
    const response = blank().#init(init, bodyOf(files.content(ref)), null, "Response.file");
    response.#file = ref;
    return response;
  }

  static stream(source: unknown, init?: ResponseInit): Response {
    need(arguments.length, 1, "Response.stream");
    return blank().#init(init, streamBody(source), null, "Response.stream");
  }

  static noContent(): Response {
    const response = blank();
    response.#status = 204;
    return response;
  }

  static error(status?: number, message?: string): Response {
    const response = blank();
    if (status === undefined) {
      response.#kind = "error";
      response.#status = 0;
      response.#guard = "immutable";
      return response;
    }
    const code = Number(status);
    if (!(code >= 400 && code <= 599)) {
      throw new RangeError(`Response.error: ${status} is not the status of an error. Use 400 to 499 for the caller's, 500 to 599 for your own.`);
    }
    const [name, sentence] = hasOwn(ERRORS, code) ? ERRORS[code]! : code < 500 ? ERRORS[400]! : ERRORS[500]!;
    const said = message === undefined ? sentence : `${message}`;
    const shape = { error: { code: name, message: said, request_id: asked.id() } };
    return response.#init({ status: code }, bodyOf(toWellFormed(jsonStringify(shape))), JSON_TYPE, "Response.error");
  }

  get type(): string { return this.#kind; }
  get url(): string { return this.#url; }
  get redirected(): boolean { return this.#redirected; }
  get status(): number { return this.#status; }
  get ok(): boolean { return this.#status >= 200 && this.#status <= 299; }
  get statusText(): string { return this.#statusText; }
  get headers(): Headers { return (this.#headers ??= makeHeaders(this.#listed(), this.#guard)); }
  get body(): unknown {
    const stream = streamOf(this.#body);
    if (this.#file !== null) fileStreams.set(stream, this.#file);
    return stream;
  }
  get bodyUsed(): boolean { return isUsed(this.#body); }

  clone(): Response {
    if (isUnusable(this.#body)) throw new TypeError("response.clone: the body was read already or is locked. Clone it before reading.");
    return this.#like(this.#guard, split(this.#body));
  }

  #like(guard: Guard, body: Body | null): Response {
    const copy = blank();
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#kind = this.#kind;
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    copy.#list = this.#list === null ? null : this.#list.copy();
    copy.#type = this.#type;
    copy.#guard = guard;
    copy.#body = body;
    copy.#file = this.#file;
    return copy;
  }

  text(): Promise<string> { return read(this, "text") as Promise<string>; }
  json(): Promise<any> { return read(this, "json"); }
  bytes(): Promise<Uint8Array> { return read(this, "bytes") as Promise<Uint8Array>; }
  arrayBuffer(): Promise<ArrayBuffer> { return read(this, "arrayBuffer") as Promise<ArrayBuffer>; }
  blob(): Promise<any> { return read(this, "blob"); }
  formData(): Promise<any> { return read(this, "formData"); }

  /** The header list, made from the type of the body where there is none yet. */
  #listed(): HeaderList {
    if (this.#list === null) {
      this.#list = new HeaderList();
      if (this.#type !== null) this.#list.append("content-type", this.#type);
      this.#type = null;
    }
    return this.#list;
  }

  static {
    makeFetched = ({ status, statusText, url, redirected, headers, body }) => {
      const response = blank();
      response.#status = status;
      response.#statusText = statusText;
      response.#kind = "basic";
      response.#url = url;
      response.#redirected = redirected;
      response.#list = new HeaderList();
      response.#list.pairs = headers;
      response.#guard = "immutable";
      response.#body = body;
      return response;
    };
    isMine = (value): value is Response => typeof value === "object" && value !== null && #status in value;
    ownerOf = (response) => ({ body: response.#body, contentType: () => response.#listed().get("content-type") });
    own = (response) => {
      if (response.#own || response.#kind === "error") return response;
      const body = response.#body;
      const kept = body !== null && !body.used && body.stream === null && typeof body.source === "string";
      const copy = response.#like("response", kept ? bodyOf(body.source) : body);
      copy.#own = true;
      return copy;
    };
    snapshotOf = (response) => {
      const body = response.#body;
      if (response.#kind === "error") {
        throw new TypeError("The handler answered with Response.error(), a network error that cannot be sent. Give it a status: Response.error(500).");
      }
      if (body !== null && isUnusable(body)) {
        throw new TypeError("The body of this Response was read already, so it cannot be sent. Answer with response.clone() taken before reading, or a new Response.");
      }
      const type = response.#type;
      const seen: Snapshot = {
        status: response.#status,
        headers: response.#list !== null ? response.#list.pairs : type === null ? [] : [["content-type", type]],
        body: body === null ? null : body.source ?? body.stream,
      };
      if (response.#file !== null) seen.file = response.#file;
      return seen;
    };
  }
}
idl(Response, "Response");
defineProperty(Response.prototype, shown, {
  value(this: Response) {
    const { status, statusText, url, redirected, headers, ok, bodyUsed } = this;
    const { body } = ownerOf(this);
    return { status, statusText, ...(url === "" ? {} : { url, redirected }), headers, body: body === null ? null : body.stream ?? body.source, bodyUsed, ok };
  },
});

/** Streams of files that nobody has read: a Response made of one is an answer with that file, ranges and all. */
const fileStreams = new WeakMap<object, FileRef>();

/** A body that an async iterable gives piece by piece; streams have rules of their own. */
function piecewise(given: unknown): { body: Body; type: null } | null {
  if (typeof given !== "object" || given === null || "getReader" in given) return null;
  return typeof (given as any)[Symbol.asyncIterator] === "function" ? { body: bodyOf(given as AsyncIterable<unknown>), type: null } : null;
}

function blank(): Response {
  return new Response(null, MINE as unknown as ResponseInit);
}

function read(response: Response, how: keyof typeof readers): Promise<unknown> {
  let owner: Owner;
  try {
    owner = ownerOf(response);
  } catch {
    return promiseReject(new TypeError(`${how} was called on what is no Response.`));
  }
  return readers[how](owner);
}

function checkStatus(given: unknown, what: string): number {
  const status = Number(given);
  if (!(status >= 200 && status <= 599)) {
    throw new RangeError(`${what}: the status must be from 200 to 599, not ${String(given)}.`);
  }
  return Math.trunc(status);
}

function checkReason(given: unknown, what: string): string {
  const text = byteString(given, `${what}: statusText`);
  if (!regExpTest(REASON, text)) throw new TypeError(`${what}: statusText may not hold line breaks or control characters.`);
  return text;
}

/** A Location that a header can carry. Relative addresses stay relative; escapes stay as they are. */
function locationOf(url: string): string {
  const text = toWellFormed(url).trim();
  if (/^https?:(?!\/\/[^/?#\s]+)/i.test(text) || /^https?:\/\/[^/?#]*:(?!\d*(?:[/?#]|$))/i.test(text.replace(/\/\/[^/?#]*@/, "//"))) {
    throw new TypeError(`Response.redirect: "${url}" is not an address. Use one like "/tasks/7" or "https://example.org/".`);
  }
  return encodeURI(text).replaceAll("%25", "%").replaceAll("%5B", "[").replaceAll("%5D", "]");
}

function streamBody(source: unknown): Body {
  if (typeof source === "object" && source !== null) {
    const { body } = Symbol.asyncIterator in source && !("getReader" in source)
      ? { body: bodyOf(source as AsyncIterable<unknown>) }
      : extract(source);
    if (body.stream !== null || typeof body.source === "object") return body;
  }
  throw new TypeError("Response.stream takes an async iterable, such as an async generator's, or a ReadableStream. For text use Response.text.");
}

/** Whether `value` is a Response, whatever a program made of the global of that name. */
export const isResponse = (value: unknown): value is Response => isMine(value);

/**
 * What `next()` gives for a Response: one whose headers can be changed, though it be a redirect, and
 * whose changes do not stay on a Response that the program keeps between requests.
 */
export function handedOn(response: Response): Response {
  return own(response);
}

/** What the engine sends; makes nothing that was not made. Throws where the body cannot be sent. */
export function snapshot(response: Response): Snapshot {
  return snapshotOf(response);
}
