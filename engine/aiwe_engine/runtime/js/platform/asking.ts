/**
 * What a request asks for, and the options that say so: what `fetch`, which stands in every isolate, and the
 * class Request, which is a part, have in common.
 */
import { typeFailure } from "../failure";
import { type Body, extract } from "./body";
import { type HeadersInit, HeaderList, fill, headerList, isHeaders } from "./headers";
import { isArray, isInteger, ownKeys } from "./primordials";

export interface RequestInit {
  method?: string; headers?: HeadersInit; body?: unknown; referrer?: string; referrerPolicy?: string; mode?: string;
  credentials?: string; cache?: string; redirect?: string; integrity?: string; keepalive?: boolean; signal?: any;
  duplex?: string; priority?: string; window?: null; timeout?: number; retry?: number | Partial<Retry>;
}

/** How often to try again; times are milliseconds. */
export interface Retry { attempts: number; delay?: number; maxDelay?: number; statuses?: number[] }

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

export interface Asked extends Record<Word, string> {
  url: string; method: string; headers: HeaderList; referrer: string; integrity: string; keepalive: boolean;
  body: Body | null; duplex: string; timeout: number | null; retry: Retry | null;
}

export const plain = (url: string): Asked => ({
  url, method: "GET", headers: new HeaderList(), referrer: "about:client", referrerPolicy: "", mode: "cors",
  credentials: "same-origin", cache: "default", redirect: "follow", integrity: "", keepalive: false, body: null,
  duplex: "half", timeout: null, retry: null,
});

/** Reads the options, all but `referrer`, `body` and `signal`. */
export function applyOptions(asked: Asked, given: RequestInit, what: string): void {
  if (given.window !== undefined && given.window !== null) throw new TypeError(`${what}: window can only be null.`);
  for (const name of ownKeys(WORDS) as Word[]) {
    const value = given[name];
    if (value === undefined) continue;
    if (!WORDS[name].includes(`${value}`)) throw new TypeError(`${what}: ${name} is one of ${WORDS[name].map((word) => `"${word}"`).join(", ")}, not "${value}".`);
    asked[name] = `${value}`;
  }
  if (given.mode === "navigate" || given.mode === "websocket") throw new TypeError(`${what}: the mode "${given.mode}" is for browsers only.`);
  if (asked.cache === "only-if-cached" && asked.mode !== "same-origin") throw new TypeError(`${what}: cache "only-if-cached" wants the mode "same-origin".`);
  if (given.integrity !== undefined) asked.integrity = `${given.integrity}`;
  if (given.keepalive !== undefined) asked.keepalive = !!given.keepalive;
  if (given.priority !== undefined && !["high", "low", "auto"].includes(`${given.priority}`)) throw new TypeError(`${what}: priority is one of "high", "low", "auto".`);
  if (given.duplex !== undefined && `${given.duplex}` !== "half") throw new TypeError(`${what}: duplex can only be "half".`);
  if (given.method !== undefined) asked.method = methodOf(`${given.method}`, what);
  if (asked.mode === "no-cors" && !["GET", "HEAD", "POST"].includes(asked.method)) {
    throw new TypeError(`${what}: the mode "no-cors" allows GET, HEAD and POST, not ${asked.method}. Leave the mode out.`);
  }
  if (given.timeout !== undefined) asked.timeout = timeoutOf(given.timeout, what);
  if (given.retry !== undefined) asked.retry = retryOf(given.retry, what);
}

export function applyHeaders(asked: Asked, given: RequestInit, what: string): void {
  if (given.headers === undefined) return;
  asked.headers = new HeaderList();
  fill(asked.headers, isHeaders(given.headers) ? headerList(given.headers).pairs : given.headers, what);
}

function methodOf(method: string, what: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`${what}: "${method}" is not an HTTP method.`);
  const upper = method.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") throw new TypeError(`${what}: the method ${upper} is not allowed.`);
  return ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : method;
}

export function mayHaveBody({ method }: Asked, what: string): void {
  if (method === "GET" || method === "HEAD") throw new TypeError(`${what}: a ${method} request has no body. Use the method "POST".`);
}

/** The body that is given; its type becomes a header where none is set. Null where none is given. */
export function bodyOf(asked: Asked, given: RequestInit, what: string): Body | null {
  if (given.body === undefined || given.body === null) return null;
  mayHaveBody(asked, what);
  const { body, type } = extract(given.body);
  if (body.source === null && given.duplex === undefined) {
    throw new TypeError(`${what}: a stream as the body wants the option duplex: "half".`);
  }
  if (type !== null && !asked.headers.has("content-type")) asked.headers.append("content-type", type);
  return body;
}

const LONGEST = 86_400_000, MOST = 100;
const isTime = (value: unknown, least: number): value is number => typeof value === "number" && value >= least && value <= LONGEST;

const bad = (message: string, hint: string): Error => typeFailure("fetch_bad_option", message, hint);

function timeoutOf(given: unknown, what: string): number {
  if (isTime(given, 1)) return given;
  throw bad(`${what}: timeout is a number of milliseconds, from 1 to ${LONGEST}.`, "Write { timeout: 2000 } for two seconds.");
}

function retryOf(given: unknown, what: string): Retry {
  const hint = "Write { retry: 3 }, or { retry: { attempts: 3, delay: 300, maxDelay: 30000, statuses: [503] } } with times in milliseconds.";
  const retry: any = typeof given === "number" ? { attempts: given } : given;
  if (typeof retry !== "object" || retry === null || isArray(retry)) throw bad(`${what}: retry is a number of further attempts, or an object.`, hint);
  const { attempts, delay, maxDelay, statuses, ...others } = retry;
  for (const name of ownKeys(others)) throw bad(`${what}: retry has no option "${String(name)}".`, hint);
  if (!isInteger(attempts) || attempts < 0 || attempts > MOST) throw bad(`${what}: retry takes a whole number of further attempts, from 0 to ${MOST}.`, hint);
  for (const time of [delay, maxDelay]) if (time !== undefined && !isTime(time, 0)) throw bad(`${what}: the delays of retry are milliseconds.`, hint);
  if (statuses !== undefined && !(isArray(statuses) && statuses.every((one) => isInteger(one) && one >= 200 && one <= 599))) {
    throw bad(`${what}: the statuses of retry are a list of numbers from 200 to 599.`, hint);
  }
  return { attempts, delay, maxDelay, statuses };
}
