// the application

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Awaitable<T> = T | Promise<T>;

interface User {
  id: string;
  username: string;
  email: string | null;
  roles: string[];
  /** How the caller proved who they are. */
  via: "session" | "jwt" | "api_key" | "oidc" | "jupyter";
  claims: Record<string, Json>;
  tenant: string | null;
}

/** One HTTP request. Header, query and cookie names are as sent, headers lower-cased. */
interface AppRequest {
  id: string;
  method: string;
  url: string;
  path: string;
  params: Record<string, string>;
  query: Record<string, string | string[]>;
  headers: Record<string, string>;
  cookies: Record<string, string>;
  /** JSON, urlencoded and multipart bodies parsed; text as string; anything else as Uint8Array. */
  body: any;
  files: UploadedFile[];
  user: User | null;
  session: Session;
  ip: string;
  env: string;
  /** Aborted when the client goes away or the deadline passes. */
  signal: AbortSignal;
  text(): Promise<string>;
  json(): Promise<any>;
  bytes(): Promise<Uint8Array>;
  stream(): ReadableStream<Uint8Array>;
  formData(): Promise<FormData>;
  /**
   * What the request brings, checked by a JSON Schema (2020-12, formats included): the body; for GET, HEAD and a DELETE
   * without a body the query, whose texts become the types that the schema names, as do a form's. 400 `invalid_input`
   * with a list of {path, message} unless it fits. Without a schema: what the route's `describe({ input })` checked.
   */
  validate<T = any>(schema?: JsonSchema): T;
}

/** One file of a form. It is there until the request ends; what is saved stays. */
interface UploadedFile {
  field: string;
  filename: string;
  contentType: string;
  size: number;
  /** Streams from disk: a large upload is never held in memory. */
  stream(): ReadableStream<Uint8Array>;
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  /** Keeps the upload; the returned file can be served with Response.file. `storage_full` (507) over the app's limit. */
  save(): Promise<KeptFile>;
}

interface StoredFile { id: string; filename: string; contentType: string; size: number; sha256: string }

/** A file that was saved. Keep its `id`, for instance in a document, to serve or read it later. */
interface KeptFile extends StoredFile {
  stream(): ReadableStream<Uint8Array>;
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
}

/** The files that this app has saved in this environment. */
interface Files {
  /** null where there is no such file. */
  get(id: string): Promise<KeptFile | null>;
  /** Whether there was one. */
  delete(id: string): Promise<boolean>;
}
declare const Files: Files;

/** Server-side session, opaque cookie, created on first write. Changes are stored before the answer leaves; a handler that throws changes nothing. */
interface Session {
  /** A copy of the value. */
  get<T = any>(key: string): T | undefined;
  /** Keeps a copy of any JSON value; `session_too_large` where there is no room for it. */
  set(key: string, value: Json): void;
  delete(key: string): void;
  /** Deleted at once. What is set afterwards begins a session with another id: do so where somebody logs in. */
  destroy(): Promise<void>;
}

/** Response, Html (→ text/html), a plain object/array (→ JSON), a string (→ text/plain: markup wants html`` or Response.html, and in dev the log says so), undefined (→ 204). */
type HandlerResult = Response | Html | Json | object | string | void;
type Handler = (req: AppRequest) => Awaitable<HandlerResult>;
type Middleware = (req: AppRequest, next: () => Promise<Response>) => Awaitable<HandlerResult>;

interface RouteInfo {
  /** "stream": the body is not parsed before the handler runs; req.stream() has it. */
  body?: "parsed" | "stream";
  bodyLimit?: number;
  summary?: string;
  description?: string;
  tags?: string[];
  /** What the parameters of the path look like, by name; checked as the input is. */
  params?: Record<string, JsonSchema>;
  /** What the route takes, body or query: checked just before the handler runs, as by `req.validate`. */
  input?: JsonSchema;
  /** What it answers on success. In dev an answer that does not fit is told in the log. */
  output?: JsonSchema;
  /** Answers by status, where `output` does not say it all: `{ 201: "Made", 404: { description: "No such task" } }`. */
  responses?: Record<number | string, string | { description?: string; schema?: JsonSchema; contentType?: string }>;
  public?: boolean;
  /** Leaves the route out of /openapi.json. */
  hidden?: boolean;
}

/** Patterns: "/tasks/:id", "/files/*path". Most specific wins. In a draft the later of two equal routes wins and is reported; in serve, check and deploy a clash is an error. */
interface App {
  get(path: string, handler: Handler): RouteHandle;
  get(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  post(path: string, handler: Handler): RouteHandle;
  post(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  put(path: string, handler: Handler): RouteHandle;
  put(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  patch(path: string, handler: Handler): RouteHandle;
  patch(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  delete(path: string, handler: Handler): RouteHandle;
  delete(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  options(path: string, handler: Handler): RouteHandle;
  options(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  all(path: string, handler: Handler): RouteHandle;
  all(path: string, ...chain: [...Middleware[], Handler]): RouteHandle;
  use(...middleware: Middleware[]): void;
  use(prefix: string, ...middleware: Middleware[]): void;
  onError(handler: (error: Error, req: AppRequest) => Awaitable<HandlerResult>): void;
  readonly name: string;
  readonly env: string;
  readonly version: string;
  /** What `[apps.NAME.config]` of aiwe.toml says, for this environment. It cannot be changed. */
  readonly config: Record<string, Json>;
}
interface RouteHandle {
  describe(info: RouteInfo): RouteHandle;
  /** How often one may ask: "100/min", "10/5min", "1000/day per key" (user, key or address), or several with commas between them. */
  limit(rule: string): RouteHandle;
  require(...roles: string[]): RouteHandle;
}
declare const app: App;

/** The short form, GET unless said. `handler` may be the name of a top-level function. A user's own `function register` wins. */
declare function register(path: string, handler: Handler | string, method?: string): RouteHandle;

/**
 * One definition, every protocol: an HTTP route with OpenAPI, a GraphQL field, an MCP tool and an HTML
 * form, all validated by the same JSON Schema and all giving the same answer.
 */
declare function action<I = any, O = any>(
  name: string,
  definition: {
    description: string;
    input?: JsonSchema;
    output?: JsonSchema;
    http?: string | false;               // "POST /tickets"
    graphql?: "query" | "mutation" | false;
    mcp?: boolean;
    form?: string | false;               // "/tickets/new"
    roles?: string[];
    limit?: string;
  },
  handler: (args: I, ctx: { user: User | null; env: string; signal: AbortSignal }) => Awaitable<O>,
): void;

/**
 * Called once per load when the program defines it, as is every top-level function named `initSomething`
 * that the program did not call itself. Host effects inside run once per activation of a version;
 * other isolates of the same version see the recorded results.
 */
declare function init(): Awaitable<void>;
// Host effects at top level follow the same rule. Writes and fetches are matched by call, ordinal and arguments; reads run live.
