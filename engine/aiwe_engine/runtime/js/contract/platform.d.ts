// the web platform: the WinterTC minimum common API, without the DOM

type BufferSource = ArrayBufferView | ArrayBuffer;
type HeadersInit = Headers | [string, string][] | Iterable<readonly [string, string]> | Record<string, string>;
type BodyInit = string | BufferSource | Blob | FormData | URLSearchParams | ReadableStream<Uint8Array>;
type RequestInfo = Request | string;

/** How often `fetch` tries again after the first attempt, and when; times are milliseconds. */
interface RetryInit {
  attempts: number;
  /** Before the second attempt; doubled each time, with some chance in it. 300 unless said. */
  delay?: number;
  /** The longest wait, whatever Retry-After asks for. 30000 unless said. */
  maxDelay?: number;
  /** Answers that are tried again. 408, 425, 429, 500, 502, 503 and 504 unless said. */
  statuses?: number[];
}
/** `timeout` and `retry` are the engine's; the rest is WHATWG's. */
interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: "follow" | "error" | "manual";
  signal?: AbortSignal | null;
  cache?: string;
  credentials?: string;
  integrity?: string;
  keepalive?: boolean;
  mode?: string;
  referrer?: string;
  referrerPolicy?: string;
  duplex?: "half";
  /** Milliseconds for all of it: further attempts and the body too. */
  timeout?: number;
  /** Tries again when the connection fails or the server is busy; a stream can be sent only once. */
  retry?: number | RetryInit;
}
interface ResponseInit { status?: number; statusText?: string; headers?: HeadersInit }

/**
 * Refuses private networks unless the configuration allows the host (`fetch.allow_private`). Fails with a TypeError, or a
 * DOMException for `signal` and `timeout`; its `code` begins with `fetch_`, its `hint` says what to change.
 */
declare function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

interface Headers extends Iterable<[string, string]> {
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, key: string, parent: Headers) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
}
declare const Headers: { new (init?: HeadersInit): Headers; prototype: Headers };

interface Body {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  bytes(): Promise<Uint8Array>;
  formData(): Promise<FormData>;
  json(): Promise<any>;
  text(): Promise<string>;
}
interface Request extends Body {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: string;
  readonly signal: AbortSignal;
  readonly cache: string;
  readonly credentials: string;
  readonly integrity: string;
  readonly keepalive: boolean;
  readonly mode: string;
  readonly referrer: string;
  readonly duplex: "half";
  clone(): Request;
}
declare const Request: { new (input: RequestInfo | URL, init?: RequestInit): Request; prototype: Request };

interface Response extends Body {
  readonly headers: Headers;
  readonly ok: boolean;
  readonly redirected: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly type: string;
  readonly url: string;
  clone(): Response;
}
interface ResponseConstructor {
  new (body?: BodyInit | null, init?: ResponseInit): Response;
  readonly prototype: Response;
}
declare const Response: ResponseConstructor;

type FormDataEntryValue = File | string;
interface FormData extends Iterable<[string, FormDataEntryValue]> {
  append(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): FormDataEntryValue | null;
  getAll(name: string): FormDataEntryValue[];
  has(name: string): boolean;
  set(name: string, value: string | Blob, filename?: string): void;
  forEach(callback: (value: FormDataEntryValue, key: string, parent: FormData) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, FormDataEntryValue]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<FormDataEntryValue>;
}
declare const FormData: { new (): FormData; prototype: FormData };

interface BlobPropertyBag { type?: string; endings?: "transparent" | "native" }
interface Blob {
  readonly size: number;
  readonly type: string;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  slice(start?: number, end?: number, contentType?: string): Blob;
  stream(): ReadableStream<Uint8Array>;
  text(): Promise<string>;
}
declare const Blob: { new (parts?: (BufferSource | Blob | string)[], options?: BlobPropertyBag): Blob; prototype: Blob };
interface File extends Blob { readonly name: string; readonly lastModified: number }
declare const File: { new (parts: (BufferSource | Blob | string)[], name: string, options?: BlobPropertyBag & { lastModified?: number }): File; prototype: File };

interface URL {
  hash: string;
  host: string;
  hostname: string;
  href: string;
  readonly origin: string;
  password: string;
  pathname: string;
  port: string;
  protocol: string;
  search: string;
  readonly searchParams: URLSearchParams;
  username: string;
  toJSON(): string;
  toString(): string;
}
declare const URL: {
  new (url: string | URL, base?: string | URL): URL;
  prototype: URL;
  canParse(url: string | URL, base?: string | URL): boolean;
  parse(url: string | URL, base?: string | URL): URL | null;
};
interface URLSearchParams extends Iterable<[string, string]> {
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, key: string, parent: URLSearchParams) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  toString(): string;
}
declare const URLSearchParams: {
  new (init?: string | [string, string][] | Iterable<readonly [string, string]> | Record<string, string> | URLSearchParams): URLSearchParams;
  prototype: URLSearchParams;
};
interface URLPatternInit { protocol?: string; username?: string; password?: string; hostname?: string; port?: string; pathname?: string; search?: string; hash?: string; baseURL?: string }
interface URLPatternComponentResult { input: string; groups: Record<string, string | undefined> }
type URLPatternResult = { inputs: (string | URLPatternInit)[] } & Record<"protocol" | "username" | "password" | "hostname" | "port" | "pathname" | "search" | "hash", URLPatternComponentResult>;
interface URLPattern {
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  readonly hasRegExpGroups: boolean;
  test(input?: string | URL | URLPatternInit, base?: string): boolean;
  exec(input?: string | URL | URLPatternInit, base?: string): URLPatternResult | null;
}
declare const URLPattern: {
  new (input?: string | URLPatternInit, base?: string | { ignoreCase?: boolean }, options?: { ignoreCase?: boolean }): URLPattern;
  prototype: URLPattern;
};

interface TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}
declare const TextEncoder: { new (): TextEncoder; prototype: TextEncoder };
interface TextDecoderOptions { fatal?: boolean; ignoreBOM?: boolean }
interface TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(bytes?: BufferSource, options?: { stream?: boolean }): string;
}
declare const TextDecoder: { new (label?: string, options?: TextDecoderOptions): TextDecoder; prototype: TextDecoder };
interface TextEncoderStream { readonly encoding: string; readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<string> }
declare const TextEncoderStream: { new (): TextEncoderStream; prototype: TextEncoderStream };
interface TextDecoderStream { readonly encoding: string; readonly readable: ReadableStream<string>; readonly writable: WritableStream<BufferSource> }
declare const TextDecoderStream: { new (label?: string, options?: TextDecoderOptions): TextDecoderStream; prototype: TextDecoderStream };
type CompressionFormat = "gzip" | "deflate" | "deflate-raw";
interface CompressionStream { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<BufferSource> }
declare const CompressionStream: { new (format: CompressionFormat): CompressionStream; prototype: CompressionStream };
interface DecompressionStream extends CompressionStream {}
declare const DecompressionStream: { new (format: CompressionFormat): DecompressionStream; prototype: DecompressionStream };

interface QueuingStrategy<T = any> { highWaterMark?: number; size?: (chunk: T) => number }
declare const ByteLengthQueuingStrategy: { new (init: { highWaterMark: number }): QueuingStrategy<ArrayBufferView> };
declare const CountQueuingStrategy: { new (init: { highWaterMark: number }): QueuingStrategy };
interface StreamPipeOptions { preventAbort?: boolean; preventCancel?: boolean; preventClose?: boolean; signal?: AbortSignal }
interface ReadableStreamDefaultController<R = any> { readonly desiredSize: number | null; close(): void; enqueue(chunk?: R): void; error(reason?: any): void }
interface ReadableStreamBYOBRequest { readonly view: ArrayBufferView | null; respond(bytes: number): void; respondWithNewView(view: ArrayBufferView): void }
interface ReadableByteStreamController { readonly byobRequest: ReadableStreamBYOBRequest | null; readonly desiredSize: number | null; close(): void; enqueue(chunk: ArrayBufferView): void; error(reason?: any): void }
interface UnderlyingSource<R = any> {
  type?: undefined;
  start?(controller: ReadableStreamDefaultController<R>): any;
  pull?(controller: ReadableStreamDefaultController<R>): any;
  cancel?(reason?: any): any;
}
interface UnderlyingByteSource {
  type: "bytes";
  autoAllocateChunkSize?: number;
  start?(controller: ReadableByteStreamController): any;
  pull?(controller: ReadableByteStreamController): any;
  cancel?(reason?: any): any;
}
type ReadableStreamReadResult<T> = { done: false; value: T } | { done: true; value: T | undefined };
interface ReadableStreamDefaultReader<R = any> { readonly closed: Promise<void>; cancel(reason?: any): Promise<void>; read(): Promise<ReadableStreamReadResult<R>>; releaseLock(): void }
declare const ReadableStreamDefaultReader: { new <R = any>(stream: ReadableStream<R>): ReadableStreamDefaultReader<R> };
interface ReadableStreamBYOBReader { readonly closed: Promise<void>; cancel(reason?: any): Promise<void>; read<T extends ArrayBufferView>(view: T, options?: { min?: number }): Promise<ReadableStreamReadResult<T>>; releaseLock(): void }
declare const ReadableStreamBYOBReader: { new (stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader };
interface ReadableStream<R = any> extends AsyncIterable<R> {
  readonly locked: boolean;
  cancel(reason?: any): Promise<void>;
  getReader(): ReadableStreamDefaultReader<R>;
  getReader(options: { mode: "byob" }): ReadableStreamBYOBReader;
  pipeThrough<T>(transform: { readable: ReadableStream<T>; writable: WritableStream<R> }, options?: StreamPipeOptions): ReadableStream<T>;
  pipeTo(destination: WritableStream<R>, options?: StreamPipeOptions): Promise<void>;
  tee(): [ReadableStream<R>, ReadableStream<R>];
  values(options?: { preventCancel?: boolean }): AsyncIterableIterator<R>;
}
declare const ReadableStream: {
  new (source: UnderlyingByteSource, strategy?: { highWaterMark?: number }): ReadableStream<Uint8Array>;
  new <R = any>(source?: UnderlyingSource<R>, strategy?: QueuingStrategy<R>): ReadableStream<R>;
  prototype: ReadableStream;
  from<R>(items: Iterable<R | PromiseLike<R>> | AsyncIterable<R>): ReadableStream<R>;
};
interface WritableStreamDefaultController { readonly signal: AbortSignal; error(reason?: any): void }
interface UnderlyingSink<W = any> {
  start?(controller: WritableStreamDefaultController): any;
  write?(chunk: W, controller: WritableStreamDefaultController): any;
  close?(): any;
  abort?(reason?: any): any;
}
interface WritableStreamDefaultWriter<W = any> { readonly closed: Promise<void>; readonly desiredSize: number | null; readonly ready: Promise<void>; abort(reason?: any): Promise<void>; close(): Promise<void>; releaseLock(): void; write(chunk?: W): Promise<void> }
declare const WritableStreamDefaultWriter: { new <W = any>(stream: WritableStream<W>): WritableStreamDefaultWriter<W> };
interface WritableStream<W = any> { readonly locked: boolean; abort(reason?: any): Promise<void>; close(): Promise<void>; getWriter(): WritableStreamDefaultWriter<W> }
declare const WritableStream: { new <W = any>(sink?: UnderlyingSink<W>, strategy?: QueuingStrategy<W>): WritableStream<W>; prototype: WritableStream };
interface TransformStreamDefaultController<O = any> { readonly desiredSize: number | null; enqueue(chunk?: O): void; error(reason?: any): void; terminate(): void }
interface Transformer<I = any, O = any> {
  start?(controller: TransformStreamDefaultController<O>): any;
  transform?(chunk: I, controller: TransformStreamDefaultController<O>): any;
  flush?(controller: TransformStreamDefaultController<O>): any;
  cancel?(reason?: any): any;
}
interface TransformStream<I = any, O = any> { readonly readable: ReadableStream<O>; readonly writable: WritableStream<I> }
declare const TransformStream: {
  new <I = any, O = any>(transformer?: Transformer<I, O>, writableStrategy?: QueuingStrategy<I>, readableStrategy?: QueuingStrategy<O>): TransformStream<I, O>;
  prototype: TransformStream;
};

interface EventInit { bubbles?: boolean; cancelable?: boolean; composed?: boolean }
interface Event {
  readonly type: string;
  readonly target: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly defaultPrevented: boolean;
  readonly eventPhase: number;
  readonly isTrusted: boolean;
  readonly timeStamp: number;
  composedPath(): EventTarget[];
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}
declare const Event: { new (type: string, init?: EventInit): Event; prototype: Event };
interface CustomEvent<T = any> extends Event { readonly detail: T }
declare const CustomEvent: { new <T>(type: string, init?: EventInit & { detail?: T }): CustomEvent<T>; prototype: CustomEvent };
interface AddEventListenerOptions { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal }
type EventListenerOrObject = ((event: any) => void) | { handleEvent(event: any): void };
interface EventTarget {
  addEventListener(type: string, listener: EventListenerOrObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener(type: string, listener: EventListenerOrObject | null, options?: boolean | { capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}
declare const EventTarget: { new (): EventTarget; prototype: EventTarget };
interface AbortSignal extends EventTarget {
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((event: Event) => void) | null;
  throwIfAborted(): void;
}
declare const AbortSignal: { prototype: AbortSignal; abort(reason?: any): AbortSignal; any(signals: Iterable<AbortSignal>): AbortSignal; timeout(milliseconds: number): AbortSignal };
interface AbortController { readonly signal: AbortSignal; abort(reason?: any): void }
declare const AbortController: { new (): AbortController; prototype: AbortController };
interface DOMException extends Error { readonly code: number }
declare const DOMException: { new (message?: string, name?: string): DOMException; prototype: DOMException };

interface CryptoKey { readonly type: string; readonly extractable: boolean; readonly algorithm: any; readonly usages: string[] }
interface SubtleCrypto {
  digest(algorithm: string | { name: string }, data: BufferSource): Promise<ArrayBuffer>;
  importKey(format: "raw" | "jwk", key: BufferSource | Record<string, any>, algorithm: any, extractable: boolean, usages: string[]): Promise<CryptoKey>;
  generateKey(algorithm: any, extractable: boolean, usages: string[]): Promise<CryptoKey>;
  exportKey(format: "raw" | "jwk", key: CryptoKey): Promise<any>;
  sign(algorithm: string | { name: string }, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(algorithm: string | { name: string }, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean>;
}
interface Crypto {
  readonly subtle: SubtleCrypto;
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
}
declare const crypto: Crypto;

declare function structuredClone<T>(value: T, options?: { transfer?: any[] }): T;
declare function atob(data: string): string;
declare function btoa(data: string): string;
declare function queueMicrotask(callback: () => void): void;
declare function setTimeout<A extends any[]>(callback: (...args: A) => void, milliseconds?: number, ...args: A): number;
declare function clearTimeout(id?: number): void;
declare function setInterval<A extends any[]>(callback: (...args: A) => void, milliseconds?: number, ...args: A): number;
declare function clearInterval(id?: number): void;
declare function reportError(error: any): void;
declare const performance: { now(): number; readonly timeOrigin: number; toJSON(): any };
declare const self: typeof globalThis;
declare const navigator: { readonly userAgent: string };

/** Goes to the log of the app, and below the cell while it runs. */
interface Console {
  log(...values: any[]): void;
  info(...values: any[]): void;
  debug(...values: any[]): void;
  warn(...values: any[]): void;
  error(...values: any[]): void;
  trace(...values: any[]): void;
  dir(value: any, options?: any): void;
  dirxml(...values: any[]): void;
  table(data: any, columns?: string[]): void;
  assert(condition?: any, ...values: any[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  group(...values: any[]): void;
  groupCollapsed(...values: any[]): void;
  groupEnd(): void;
  time(label?: string): void;
  timeLog(label?: string, ...values: any[]): void;
  timeEnd(label?: string): void;
  clear(): void;
}
declare const console: Console;

/** Shows a value below the cell: objects as trees, arrays of objects as tables, html`` as HTML. */
declare function display(value: unknown): void;
