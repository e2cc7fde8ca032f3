// data

/** A stored document: your fields plus what the engine keeps. */
/** A `createdAt` of yours is kept when it is ISO 8601; `version` and `updatedAt` are the engine's, given ones are ignored with a warning. */
type Doc<T = any> = T & { id: string; version: number; createdAt: string; updatedAt: string };

/** { field: value } for equality, or { field: { $gt, $gte, $lt, $lte, $ne, $in, $nin, $like, $exists, $contains } }, $and, $or, $not. */
type Filter = Record<string, any>;
/** cursor: one string, as it stands in req.query. sort: "field", "-field", several with commas, { field: -1 }, or "recent" (= "-createdAt"); ties by id. */
/** The array of a query has the `cursor` of the page after it, null on the last page; it is no part of its JSON. A page asked for with it begins there whatever was written meanwhile; a document's id does too. */
type Page<T> = T[] & { readonly cursor: string | null };
interface QueryOptions { limit?: number; offset?: number; cursor?: string | string[] | null; sort?: string | Record<string, 1 | -1>; fields?: string[] }

interface DataRepository {
  /** `already_exists` (409) where the id is taken. */
  create<T>(collection: string, doc: T & { id?: string }): Promise<Doc<T>>;
  createMany<T>(collection: string, docs: T[]): Promise<Doc<T>[]>;
  get<T = any>(collection: string, id: string): Promise<Doc<T> | null>;
  list<T = any>(collection: string, options?: QueryOptions): Promise<Page<Doc<T>>>;
  /** limit, offset, cursor, sort and fields may stand inside the filter, as { productId, limit: 5, sort: "recent" }; a field of such a name goes into $and. */
  query<T = any>(collection: string, filter?: Filter & QueryOptions, options?: QueryOptions): Promise<Page<Doc<T>>>;
  first<T = any>(collection: string, filter?: Filter & QueryOptions, options?: QueryOptions): Promise<Doc<T> | null>;
  count(collection: string, filter?: Filter): Promise<number>;
  /** Shallow merge. `not_found` (HTTP 404) without such a document; `ifVersion` makes it compare-and-set: `version_conflict` (HTTP 409) otherwise. */
  update<T = any>(collection: string, id: string, patch: Partial<T>, options?: { ifVersion?: number }): Promise<Doc<T>>;
  replace<T = any>(collection: string, id: string, doc: T, options?: { ifVersion?: number }): Promise<Doc<T>>;
  upsert<T>(collection: string, doc: T & { id: string }): Promise<Doc<T>>;
  /** Atomic { $inc, $push, $pull, $set, $unset, $min, $max } without a read. */
  modify<T = any>(collection: string, id: string, change: Record<string, any>): Promise<Doc<T>>;
  delete(collection: string, id: string): Promise<boolean>;
  deleteMany(collection: string, filter: Filter): Promise<number>;
  /**
   * All or nothing, serialisable; retried on conflict, so the function must be repeatable. Write with `tx` only: while it is open other writes are
   * `outside_transaction` and fetch is `fetch_in_transaction`. `transaction_conflict` (409) where it has lost too often.
   */
  transaction<R>(work: (tx: DataRepository) => Promise<R>): Promise<R>;
  /**
   * Parameterised only. Each collection is a view of the same name with its fields as columns. Read-only. The dialect is the database's, DuckDB's
   * by default; double quotes around names with large letters, as "createdAt", are understood by PostgreSQL too, which needs them.
   */
  sql<R = any>(strings: TemplateStringsArray, ...values: unknown[]): Promise<R[]>;
  /**
   * Declares fields, unique keys and indexes; checked on write; migrations are recorded per version. At top level or in init(), not awaited.
   * A write that does not fit `schema` is 400 `invalid_document`, one that takes a value of another document's `unique` key 409 `already_exists`.
   * Fields with a scalar type in `schema`, and those of `index`, are kept in columns. `owner` and `tenant` stay until one says false.
   */
  define(collection: string, definition: { schema?: JsonSchema; unique?: string[][]; index?: string[][]; tenant?: boolean; owner?: boolean }): void;
  collections(): Promise<string[]>;
  /** The same calls without promises, for code that cannot await. Each holds its isolate while it waits: prefer the others. */
  readonly sync: Record<"create" | "get" | "list" | "query" | "first" | "count" | "update" | "replace" | "upsert" | "modify" | "delete" | "deleteMany", (...args: any[]) => any>;
}
declare const DataRepository: DataRepository;
