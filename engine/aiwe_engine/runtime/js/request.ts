/** The request as a handler sees it: AppRequest of aiwe.d.ts, read lazily from what the host sent. */
import { failure, notAvailable } from "./failure";
import { REQUEST, readable } from "./bodies";
import { type Invocation, fromBase64, parse, settings } from "./invocation";
import type { Internals } from "./internals";
import { AbortController, type AbortSignal } from "./platform/abort";
import { type Body, bodyOf, consume, decode, encode, streamOf } from "./platform/body";
import { type Rule, hasQueryOnly, ruleOf, validated } from "./validation";

/** Where the classes of parts that are made on first use come from. */
let parts: Internals;
export function installRequest(I: Internals): void { parts = I; }

export interface Payload {
  method: string; url: string; path: string; params: Record<string, string>; query: string;
  headers: Record<string, string>; ip: string; body?: unknown; text?: string; base64?: string;
  /** The body has not come yet: it streams. */
  stream?: boolean;
  /** Where no route matched: the status, headers and body with which the engine answers. */
  missing?: [status: number, headers: [string, string][], body: string];
}

/** "a=1&a=2&b" → {a: ["1", "2"], b: ""}: names and values as sent, decoded once. */
export function parseQuery(text: string): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = Object.create(null);
  if (text === "") return found;
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = unescape(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : unescape(pair.slice(at + 1));
    const before = found[name];
    found[name] = before === undefined ? value : typeof before === "string" ? [before, value] : [...before, value];
  }
  return found;
}

function unescape(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function parseCookies(header: string | undefined): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at < 0) continue;
    const name = pair.slice(0, at).trim();
    if (!(name in found)) found[name] = unescapeCookie(pair.slice(at + 1).trim());
  }
  return found;
}

function unescapeCookie(value: string): string {
  const bare = value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  try {
    return bare.includes("%") ? decodeURIComponent(bare) : bare;
  } catch {
    return bare;
  }
}

/** Checks a request by the input that its route describes; a form's fields become what the schema says. */
export let accept: (request: AppRequest, rule: Rule) => void;

export class AppRequest {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly params: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly ip: string;
  readonly env: string;
  readonly files: unknown[] = [];
  readonly user = null;
  body: any;
  #payload: Payload;
  #invocation: Invocation;
  #query: Record<string, string | string[]> | undefined;
  #cookies: Record<string, string> | undefined;
  #accepted: { value: unknown } | undefined;
  /** The body as it streams in, where it does. */
  #incoming: Body | null;

  constructor(invocation: Invocation, payload: Payload) {
    this.id = invocation.id;
    this.method = payload.method;
    this.url = payload.url;
    this.path = payload.path;
    this.params = payload.params;
    this.headers = payload.headers;
    this.ip = payload.ip;
    this.env = settings.env;
    this.body = payload.base64 === undefined ? payload.body : fromBase64(payload.base64);
    this.#payload = payload;
    this.#invocation = invocation;
    this.#incoming = payload.stream ? bodyOf(readable(REQUEST)) : null;
  }

  get query(): Record<string, string | string[]> { return (this.#query ??= parseQuery(this.#payload.query)); }
  get cookies(): Record<string, string> { return (this.#cookies ??= parseCookies(this.headers.cookie)); }
  get signal(): AbortSignal { return (this.#invocation.controller ??= new AbortController()).signal; }
  get session(): never { throw notAvailable("req.session"); }

  async text(): Promise<string> {
    return this.#incoming === null ? this.#payload.text ?? decode(this.#bytes()) : decode(await this.#streamed());
  }

  async json(): Promise<any> {
    const text = await this.text();
    try {
      return parse(text);
    } catch (error: any) {
      throw failure("SyntaxError", "invalid_json", `The body is not JSON: ${error.message}`, "Send JSON text in the body.", 400);
    }
  }

  async bytes(): Promise<Uint8Array> { return this.#incoming === null ? this.#bytes() : this.#streamed(); }

  /** A body that streams, read whole. */
  #streamed(): Promise<Uint8Array> {
    return consume(this.#incoming).then((whole) => (typeof whole === "string" ? encode(whole) : whole));
  }

  #bytes(): Uint8Array {
    const { text, base64, body } = this.#payload;
    if (base64 !== undefined) return fromBase64(base64);
    return encode(text ?? (typeof body === "string" ? body : ""));
  }

  async formData(): Promise<unknown> {
    const form = new parts.FormData();
    for (const [name, value] of Object.entries(parseQuery(await this.text()))) {
      for (const one of Array.isArray(value) ? value : [value]) form.append(name, one);
    }
    return form;
  }

  stream(): unknown { return streamOf(this.#incoming ?? bodyOf(this.#bytes())); }

  validate(schema?: unknown): unknown {
    if (schema !== undefined) return validated(this, ruleOf(schema, "The schema given to req.validate"));
    if (this.#accepted !== undefined) return this.#accepted.value;
    throw failure("TypeError", "invalid_schema", "req.validate was called without a JSON Schema, and the route has none.",
      "Pass one, as in req.validate({ type: \"object\", required: [\"title\"] }), or describe the route with { input: … }.");
  }

  static {
    accept = (request, rule) => {
      const value = validated(request, rule);
      if (!hasQueryOnly(request)) request.body = value;
      request.#accepted = { value };
    };
  }
}
