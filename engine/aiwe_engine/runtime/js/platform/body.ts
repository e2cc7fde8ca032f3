/**
 * What a Response or a Request carries, and the methods by which it is read. A body that is text or
 * bytes stays so, and costs nothing, until somebody asks for its stream; parts are made only when
 * a body is, or is wanted as, an object of theirs.
 */
import type { Internals } from "../internals";
import { BodyStream, isBodyStreamDisturbed } from "./body_stream";
import { isMade, isThere } from "./parts";
import {
  isArrayBuffer, isSharedArrayBuffer, isView, jsonParse, promiseReject, promiseResolve, toWellFormed,
  typedArrayName,
} from "./primordials";
import { decode, encode } from "./utf8";

export { decode, encode };

let I: Internals;
export function installBody(internals: Internals): void { I = internals; }

/** A ReadableStream of the streams part, or what stands for one. */
type Stream = any;

export interface Body {
  /** Text, bytes, or an async iterable of chunks; null when only the stream is left. */
  source: string | Uint8Array | AsyncIterable<unknown> | null;
  stream: Stream | null;
  /** Read to the end, or being read, by one of the methods below. */
  used: boolean;
}

export interface Extracted { body: Body; type: string | null }

export const bodyOf = (source: Body["source"]): Body => ({ source, stream: null, used: false });

/** The body that `new Response(given)` or `new Request(url, { body: given })` gets. */
export function extract(given: unknown): Extracted {
  if (typeof given === "string") return { body: bodyOf(toWellFormed(given)), type: "text/plain;charset=UTF-8" };
  if (typeof given === "object" && given !== null) {
    const found = fromPart(given);
    if (found !== null) return found;
    if (isView(given) || isArrayBuffer(given)) return { body: bodyOf(copyOf(given as ArrayBuffer | ArrayBufferView)), type: null };
    if (isSharedArrayBuffer(given)) throw new TypeError("A SharedArrayBuffer cannot be a body: copy it into a Uint8Array first.");
  }
  return { body: bodyOf(toWellFormed(`${given as string}`)), type: "text/plain;charset=UTF-8" };
}

function fromPart(given: object): Extracted | null {
  if (given instanceof BodyStream || (isMade("streams") && I.load("streams").isReadableStream(given))) {
    const stream = given as Stream;
    if (stream.locked || wasRead(stream)) {
      throw new TypeError("The stream was read already or is locked, so it cannot be a body. Use the two streams of stream.tee().");
    }
    return { body: { source: null, stream, used: false }, type: null };
  }
  if (isMade("blob") && I.load("blob").isBlob(given)) {
    return { body: bodyOf(I.load("blob").bytesOf(given)), type: (given as { type: string }).type || null };
  }
  if (isMade("url") && given instanceof I.URLSearchParams) {
    return { body: bodyOf(String(given)), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (isMade("fetch") && given instanceof I.FormData) {
    const { bytes, boundary } = I.load("fetch").encodeFormData(given);
    return { body: bodyOf(bytes), type: `multipart/form-data; boundary=${boundary}` };
  }
  return null;
}

function copyOf(given: ArrayBuffer | ArrayBufferView): Uint8Array {
  const view = isView(given) ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength) : new Uint8Array(given);
  return new Uint8Array(view);
}

/** `response.body`: makes the stream of a body that has none yet. */
export function streamOf(body: Body | null): Stream | null {
  if (body === null) return null;
  if (body.stream === null) {
    const source = typeof body.source === "string" ? encode(body.source) : body.source!;
    body.stream = isThere("streams") ? I.load("streams").streamFrom(source) : new BodyStream(source);
    if (body.used) exhaust(body.stream);
    if (typeof body.source !== "string" && !(body.source instanceof Uint8Array)) body.source = null;
  }
  return body.stream;
}

/** What was read by text() and the like is locked for good. */
function exhaust(stream: Stream): void {
  void stream.getReader().cancel();
}

const wasRead = (stream: Stream): boolean =>
  (stream instanceof BodyStream ? isBodyStreamDisturbed(stream) : I.load("streams").isDisturbed(stream));
export const isUsed = (body: Body | null): boolean => body !== null && (body.used || (body.stream !== null && wasRead(body.stream)));
export const isUnusable = (body: Body | null): boolean => isUsed(body) || (body !== null && body.stream !== null && body.stream.locked);

/** Two bodies of one: what `clone` gives its copy. */
export function split(body: Body | null): Body | null {
  if (body === null) return null;
  if (typeof body.source === "string" || body.source instanceof Uint8Array) return bodyOf(body.source);
  const [mine, other] = streamOf(body).tee();
  body.stream = mine;
  return { source: null, stream: other, used: false };
}

const alreadyRead = (): TypeError =>
  new TypeError("The body was read already, and can be read once. Keep the first result, or read response.clone().");

/** Text or bytes of the body, whole; marks it as read. */
export function consume(body: Body | null): Promise<string | Uint8Array> {
  if (body === null) return promiseResolve("");
  if (isUnusable(body)) return promiseReject(alreadyRead());
  const { source, stream } = body;
  if (typeof source === "string" || source instanceof Uint8Array) {
    body.used = true;
    if (stream !== null) exhaust(stream);
    return promiseResolve(source);
  }
  return readAll(streamOf(body));
}

/**
 * All bytes of a stream; its chunks must be bytes. Written with `then`, which keeps the invocation
 * that reads, where an `await` of ours would lose it.
 */
function readAll(stream: Stream): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  const step = ({ done, value }: { done: boolean; value?: unknown }): Uint8Array | Promise<Uint8Array> => {
    if (done) return concat(chunks);
    if (typedArrayName(value) !== "Uint8Array") {
      throw new TypeError("A body's stream gives Uint8Arrays only. Encode text with new TextEncoder().encode(text).");
    }
    chunks[chunks.length] = value as Uint8Array;
    return reader.read().then(step);
  };
  return reader.read().then(step);
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** What a body is read for: the owner's headers tell its type. */
export interface Owner { body: Body | null; contentType(): string | null }

export const readers = {
  text: (owner: Owner): Promise<string> => consume(owner.body).then(asText),
  json: (owner: Owner): Promise<unknown> => consume(owner.body).then((whole) => jsonParse(asText(whole))),
  bytes: (owner: Owner): Promise<Uint8Array> => consume(owner.body).then((whole) => new Uint8Array(asBytes(whole))),
  arrayBuffer: (owner: Owner): Promise<ArrayBuffer> =>
    consume(owner.body).then((whole) => new Uint8Array(asBytes(whole)).buffer),
  blob: (owner: Owner): Promise<unknown> => consume(owner.body).then((whole) => {
    const { makeBlob, mimeType } = I.load("blob");
    return makeBlob(asBytes(whole), mimeType(owner.contentType()));
  }),
  formData: (owner: Owner): Promise<unknown> => consume(owner.body).then((whole) =>
    I.load("fetch").decodeFormData(asBytes(whole), owner.contentType())),
};

/** A byte order mark is no part of the text, whichever way the text came. */
const asText = (whole: string | Uint8Array): string =>
  typeof whole === "string" ? (whole.startsWith("\ufeff") ? whole.slice(1) : whole) : decode(whole);
const asBytes = (whole: string | Uint8Array): Uint8Array => (typeof whole === "string" ? encode(whole) : whole);
