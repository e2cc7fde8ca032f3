/** The request as a handler sees it: AppRequest of aiwe.d.ts, read lazily from what the host sent. */
import { failure } from "./failure";
import { type Described, UploadedFile } from "../../capabilities/js/files";
import { REQUEST, readable } from "./bodies";
import { fieldsOf, parseQuery } from "./form";
import { type Invocation, type User, fromBase64, parse, resolved, settings, slice, userOf } from "./invocation";
import type { Internals } from "./internals";
import { AbortController, type AbortSignal } from "./platform/abort";
import { type Body, bodyOf, consume, decode, encode, streamOf } from "./platform/body";
import { type Rule, hasQueryOnly, ruleOf, validated } from "./validation";
import { Session, unseen } from "./visit";

/** Where the classes of parts that are made on first use come from. */
let parts: Internals;
export function installRequest(I: Internals): void { parts = I; }

export interface Payload {
  method: string; url: string; path: string; params: Record<string, string>; query: string;
  headers: Record<string, string>; ip: string; body?: unknown; text?: string; base64?: string;
  /** The exact bytes, where they are not the text in UTF-8. */
  raw?: string;
  /** A form with files: names with texts, or with the places of files. */
  form?: [name: string, value: string | number][];
  files?: Described[];
  /** The body has not come yet: it streams. */
  stream?: boolean;
  /** Where no route matched: the status, headers and body with which the engine answers. */
  missing?: [status: number, headers: [string, string][], body: string];
  /** Who sent it, where that is known. */
  user?: User;
  /** What is wrong with the token or key that came with it. */
  refused?: string;
  /** What the visitor's session holds, where there is one. */
  session?: Record<string, unknown>;
}

function parseCookies(header: string | undefined): Record<string, string> {
  const found = new Map<string, string>();
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at < 0) continue;
    const name = pair.slice(0, at).trim();
    if (!found.has(name)) found.set(name, unescapeCookie(pair.slice(at + 1).trim()));
  }
  return Object.fromEntries(found);
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
  readonly files: UploadedFile[];
  body: any;
  #payload: Payload;
  #invocation: Invocation;
  #query: Record<string, string | string[]> | undefined;
  #user: User | null | undefined;
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
    invocation.user = payload.user ?? null;
    invocation.refused = payload.refused ?? "";
    this.body = payload.base64 !== undefined ? fromBase64(payload.base64) : payload.form !== undefined ? fieldsOf(payload.form) : payload.body;
    this.files = payload.files === undefined ? [] : payload.files.map((file, place) => new UploadedFile(file, place, invocation));
    this.#payload = payload;
    this.#invocation = invocation;
    this.#incoming = payload.stream ? bodyOf(readable(REQUEST)) : null;
  }

  get query(): Record<string, string | string[]> { return (this.#query ??= parseQuery(this.#payload.query)); }
  set query(own: Record<string, string | string[]>) { this.#query = own; } // middleware may, as it may every other field
  get cookies(): Record<string, string> { return (this.#cookies ??= parseCookies(this.headers.cookie)); }
  set cookies(own: Record<string, string>) { this.#cookies = own; }
  get user(): User | null { return this.#user === undefined ? userOf(this.#invocation) : this.#user; }
  set user(own: User | null) { this.#user = own; } // as other middleware knows them; the engine's guards ask the engine
  get signal(): AbortSignal { return (this.#invocation.controller ??= new AbortController()).signal; }
  get session(): Session {
    if (!settings.sessions) throw unseen();
    const invocation = this.#invocation;
    if (invocation.session === null) {
      invocation.session = new Session(invocation, invocation.forgot ? null : this.#payload.session ?? null);
      if (invocation.begun) Session.close(invocation.session); // first named by what streams: too late to be kept
    }
    return invocation.session;
  }
  set session(_own: unknown) {
    throw failure("TypeError", "invalid_session", "req.session cannot be replaced by another object.",
      'Keep values in it, as in req.session.set("name", value).');
  }

  async text(): Promise<string> {
    if (this.#incoming !== null) return decode(await this.#streamed());
    const { text, body, base64 } = this.#payload;
    if (text !== undefined) return text;
    if (typeof body !== "string" || base64 !== undefined) return decode(this.#bytes());
    return body[0] === "\ufeff" ? slice(body, 1) : body; // `req.body` is all that was sent
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
    const { text, raw, base64, body, form } = this.#payload;
    if (form !== undefined) {
      throw failure("TypeError", "body_parsed", "The body is a form with files, which was read already.",
        "It stands in req.body and req.files, or use await req.formData(). To have it as it comes, describe the route with { body: \"stream\" }.");
    }
    if (raw !== undefined || base64 !== undefined) return fromBase64((raw ?? base64)!);
    return encode(text ?? (typeof body === "string" ? body : ""));
  }

  formData(): Promise<unknown> {
    const { form, files } = this.#payload;
    if (form === undefined) {
      return this.bytes().then((bytes) => parts.load("fetch").decodeFormData(bytes, this.headers["content-type"] ?? null));
    }
    const data = new parts.FormData();
    let filled: Promise<void> = resolved(undefined) as Promise<void>;
    for (const [name, value] of form) { // with then, which keeps the invocation that reads, and in their order
      if (typeof value === "string") {
        filled = filled.then(() => { data.append(name, value); });
        continue;
      }
      const upload = new UploadedFile(files![value]!, value, this.#invocation);
      filled = filled.then(() => upload.bytes()).then((bytes) => {
        data.append(name, new parts.File([bytes], upload.filename, { type: upload.contentType }));
      });
    }
    return filled.then(() => data);
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
