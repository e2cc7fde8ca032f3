/** What a handler returned, as the message that carries it to the host. */
import { failure } from "./failure";
import { NOT_AWAITED } from "./host";
import { pump } from "./bodies";
import { type Invocation, emit, promiseThen, settings, slice, stringify, toBase64, wellFormed } from "./invocation";
import { Html } from "./platform/html";
import { getPrototypeOf, isArray, isArrayBuffer, isView } from "./platform/primordials";
import { type Response, isResponse, snapshot } from "./platform/response";
import { Session } from "./visit";

const JSON_TYPE = '[["content-type","application/json"]]';
const TEXT_TYPE = '[["content-type","text/plain; charset=utf-8"]]';
const HTML_TYPE = '[["content-type","text/html; charset=utf-8"]]';

/**
 * `[status, headers, body, encoding]` as JSON text. For a stream its head is sent at once, and the
 * promise is fulfilled when the last piece was taken.
 */
export function answer(value: any, invocation: Invocation): string | Promise<string> {
  if (value === undefined) return '[204,[],"","text"]';
  if (typeof value === "string") return whole(200, TEXT_TYPE, wellFormed(value));
  if (typeof value === "object" && value !== null) {
    if (value instanceof Html) return whole(200, HTML_TYPE, wellFormed(String(value)));
    if (isResponse(value)) return respond(value, invocation);
    refuseOdd(value);
  }
  return whole(200, JSON_TYPE, json(value));
}

/** An answer's text with the changes of the session behind it, where there are any. */
export function withSession(text: string, { session }: Invocation): string {
  const changes = Session.close(session);
  return changes === null ? text : `${slice(text, 0, -1)},${changes}]`;
}

const { prototype: plainObject } = Object;
const ODD: [is: (value: any) => boolean, name: string, hint: string][] = [
  [(value) => isView(value) || isArrayBuffer(value), "bytes", "Return new Response(bytes, { headers: { \"content-type\": \"…\" } })."],
  [(value) => typeof value[Symbol.asyncIterator] === "function", "a stream", "Return Response.stream(source, { headers: { \"content-type\": \"…\" } })."],
  [(value) => value instanceof Map, "a Map", "Return Object.fromEntries(map), or [...map]."],
  [(value) => value instanceof Set, "a Set", "Return [...set]."],
  [(value) => typeof value.arrayBuffer === "function" && typeof value.type === "string", "a Blob", "Return new Response(blob)."],
];

/** What JSON would make `{}` of: its author is told what to write instead. */
function refuseOdd(value: object): void {
  if (isArray(value) || typeof (value as any).toJSON === "function") return;
  const prototype = getPrototypeOf(value);
  if (prototype === null || prototype === plainObject) return;
  for (const [is, name, hint] of ODD) {
    if (is(value)) throw failure("TypeError", "answer_not_json", `The handler returned ${name}, which has no JSON form.`, hint);
  }
}

function json(value: unknown): string {
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (error: any) {
    if (error?.code === NOT_AWAITED) throw error;
    throw failure("TypeError", "answer_not_json", `The handler's answer cannot be written as JSON: ${error.message}`,
      "Return plain objects, arrays, strings and numbers, or a Response.");
  }
  if (text === undefined) {
    throw failure("TypeError", "answer_not_json", `The handler returned a ${typeof value}, which has no JSON form.`,
      "Return an object, a string, a Response, or nothing for 204.");
  }
  return text;
}

function whole(status: number, headers: string, body: string): string {
  guard(body.length);
  return `[${status},${headers},${stringify(body)},"text"]`;
}

function binary(status: number, headers: string, bytes: Uint8Array): string {
  guard(bytes.length);
  return `[${status},${headers},"${toBase64(bytes)}","base64"]`;
}

function guard(size: number): void {
  if (size > settings.responseLimit) {
    throw failure("RangeError", "response_too_large",
      `The answer is larger than ${settings.responseLimit} bytes.`, "Answer in pages, or raise http.response_limit.");
  }
}

function respond(response: Response, invocation: Invocation): string | Promise<string> {
  const { status, headers, body, file } = snapshot(response);
  const list = stringify(headers);
  if (file !== undefined) return `[${status},${list},${stringify(file)},"file"]`;
  if (body === null) return `[${status},${list},"","text"]`;
  if (typeof body === "string") return whole(status, list, wellFormed(body));
  if (body instanceof Uint8Array) return binary(status, list, body);
  invocation.begun = true;
  emit(`["h",${invocation.n},${withSession(`[${status},${list},"","stream"]`, invocation)}]`);
  return promiseThen(pump(body, invocation), () => "null") as Promise<string>;
}
