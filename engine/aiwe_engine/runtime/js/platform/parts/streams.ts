/** The streams of the web, and how bodies are made of them and read from them. */
import * as streams from "web-streams-polyfill";

export * from "web-streams-polyfill";

const { ReadableStream } = streams;
for (const kind of Object.values(streams)) __I.webidl.markPlatform(kind);
for (const kind of [ReadableStream, streams.WritableStream]) {
  Object.defineProperty(kind.prototype, __I.shown, {
    value(this: any) { return { locked: this.locked, state: this._state }; },
  });
}
for (const kind of [streams.TransformStream]) {
  Object.defineProperty(kind.prototype, __I.shown, {
    value(this: any) { return { readable: this.readable, writable: this.writable }; },
  });
}

export const isReadableStream = (value: unknown): boolean => value instanceof ReadableStream;
/** Read from or cancelled; the polyfill keeps the standard's [[disturbed]] under this name. */
export const isDisturbed = (stream: any): boolean => stream._disturbed === true;

/** A stream of bytes from bytes, or from an async iterable of bytes and strings. */
export function streamFrom(source: Uint8Array | AsyncIterable<unknown>): streams.ReadableStream {
  if (source instanceof Uint8Array) {
    return new ReadableStream({
      type: "bytes",
      start(controller) {
        if (source.length > 0) controller.enqueue(source.slice());
        controller.close();
        controller.byobRequest?.respond(0);
      },
    });
  }
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(typeof value === "string" ? __I.body.encode(value) : value);
    },
    async cancel(reason) { await iterator.return?.(reason); },
  }, { highWaterMark: 0 });
}

/** All bytes of a stream; its chunks must be bytes. */
export async function readAll(stream: streams.ReadableStream): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    const chunk: unknown = step.value;
    if (Object.prototype.toString.call(chunk) !== "[object Uint8Array]") {
      throw new TypeError("A body's stream gives Uint8Arrays only. Encode text with new TextEncoder().encode(text).");
    }
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
