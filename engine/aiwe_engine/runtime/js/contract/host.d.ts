// the rest of the host

/** A file of the app's pages. `filename` and `path` are the path below /assets/, `url` where it stands. */
interface StoredAsset extends StoredFile { path: string; url: string; origin: "written" | "cell" | "folder" }

/** What is written, `%%asset` cells and the folder `assets` beside the notebook; the first that has a path wins. */
interface Assets {
  /** `asset_not_found` (404) where there is none. */
  read(path: string): Promise<StoredAsset & { text(): Promise<string>; bytes(): Promise<Uint8Array>; stream(): ReadableStream<Uint8Array> }>;
  /** Kept for this app and environment, and on disk when this resolves. The content type follows the path's ending. */
  write(path: string, content: string | Uint8Array | ArrayBuffer | Blob | Html, options?: { contentType?: string }): Promise<StoredAsset>;
  list(prefix?: string): Promise<StoredAsset[]>;
  /** What was written. False: there is no such asset. */
  delete(path: string): Promise<boolean>;
  /** The address with a hash of the content in it, "/assets/app.3f2a1b9c.css": browsers keep it for good. */
  url(path: string): Promise<string>;
}
declare const Assets: Assets;

/** Cron ("*​/5 * * * *"), "every 30s", or an ISO time. One node runs each tick. */
declare function schedule(when: string, name: string, job: () => Awaitable<void>): void;
/** Messages between apps of one engine: at least once, retried with backoff, dead-lettered. */
declare const messages: { on(topic: string, handler: (data: any) => Awaitable<void>): void; send(topic: string, data: any, options?: { delay?: string }): Promise<string> };
/** HTTP POST with an HMAC signature (Standard Webhooks headers), retried with backoff; deliveries are listed in the log. */
declare const webhooks: { subscribe(event: string, url: string, options?: { secret?: string }): Promise<string>; emit(event: string, data: any): Promise<number>; unsubscribe(id: string): Promise<boolean>; list(): Promise<any[]> };

/** Tests run against the candidate version, each in a database transaction that is rolled back. */
declare function test(name: string, body: (t: { request(method: string, path: string, init?: { json?: any; form?: any; headers?: Record<string, string>; as?: string | { roles: string[] } }): Promise<Response>; graphql(query: string, variables?: any): Promise<any>; tool(name: string, args?: any): Promise<any> }) => Awaitable<void>): void;
declare function describe(name: string, body: () => void): void;
declare function beforeEach(body: () => Awaitable<void>): void;
declare function expect(actual: any): any;   // the Jest matchers

type JsonSchema = Record<string, any>;
