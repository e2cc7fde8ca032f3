// the rest of the host

interface Assets {
  read(path: string): Promise<StoredFile & { text(): Promise<string>; bytes(): Promise<Uint8Array> }>;
  write(path: string, content: string | Uint8Array | Blob, options?: { contentType?: string }): Promise<StoredFile>;
  list(prefix?: string): Promise<StoredFile[]>;
  delete(path: string): Promise<boolean>;
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
