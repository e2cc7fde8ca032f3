// realtime

interface StreamOptions {
  /** Who may connect and what they get: return false for 403, or an object kept as the connection's tags. */
  connect?: (req: AppRequest) => Awaitable<boolean | Record<string, Json> | void>;
  disconnect?: (connection: Connection) => Awaitable<void>;
  /** How many events are kept for Last-Event-ID. */
  replay?: number;
}
interface Connection { id: string; user: User | null; tags: Record<string, Json>; connectedAt: string }

/** Server-sent events at `path`. */
declare function registerWebStream(path: string, options?: StreamOptions): void;
declare function sendStreamMessage(path: string, data: any, options?: { event?: string; id?: string; to?: Filter }): Promise<number>;

interface Socket extends Connection { send(data: string | Uint8Array | object): void; close(code?: number, reason?: string): void; params: Record<string, string> }
declare function registerWebSocket(path: string, handlers: {
  connect?: (req: AppRequest) => Awaitable<boolean | Record<string, Json> | void>;
  open?: (socket: Socket) => Awaitable<void>;
  message?: (socket: Socket, data: any) => Awaitable<void>;
  close?: (socket: Socket, code: number) => Awaitable<void>;
}): void;

/** Who is here. Members leave by themselves when their connection ends; "away" after `awayAfter` seconds without a beat. */
interface Presence {
  /** Serves presence events as a stream at `path`; a client is a member while it is connected. */
  register(path: string, options?: { awayAfter?: number; profile?: (req: AppRequest) => Awaitable<Record<string, Json>> }): void;
  members(path: string): Promise<{ user: User | null; status: "online" | "away"; since: string; profile: Record<string, Json> }[]>;
}
declare const Presence: Presence;

/** Shared documents: any Yjs client (y-websocket protocol) can edit together at `path`; conflict-free, persisted. */
interface SharedDocs {
  register(path: string, options?: { authorize?: (req: AppRequest) => Awaitable<"read" | "write" | false>; onChange?: (id: string) => Awaitable<void> }): void;
  text(id: string, field?: string): Promise<string>;
}
declare const SharedDocs: SharedDocs;
