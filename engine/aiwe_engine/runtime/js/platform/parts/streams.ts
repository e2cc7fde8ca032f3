/** The streams of the web, and how bodies are made of them and read from them. */
import * as streams from "web-streams-polyfill";

export {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TransformStreamDefaultController, WritableStreamDefaultController, WritableStreamDefaultWriter,
} from "web-streams-polyfill";

const CALLBACKS = ["start", "pull", "cancel", "write", "close", "abort", "transform", "flush"];

/** A source, sink or transformer whose methods run for the invocation that makes the stream. */
function bound(given: any): any {
  if (typeof given !== "object" || given === null) return given;
  return new Proxy(given, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function" || !CALLBACKS.includes(key as string)) return value;
      return __I.host.bind((...args: unknown[]) => Reflect.apply(value, target, args));
    },
  });
}

function binding<T extends { prototype: object }>(kind: T): T {
  __I.webidl.markPlatform(kind);
  const made = new Proxy(kind as any, {
    construct: (target, args, asked) => Reflect.construct(target, args.length === 0 ? [] : [bound(args[0]), ...args.slice(1)], asked),
  });
  Object.defineProperty(kind.prototype, "constructor", { value: made });
  return made;
}

export const ReadableStream = binding(streams.ReadableStream);
export const WritableStream = binding(streams.WritableStream);
export const TransformStream = binding(streams.TransformStream);

// The polyfill's own stand-in for this prototype is as good, but not the same object.
const AsyncIteratorPrototype: object = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype);
Object.setPrototypeOf(Object.getPrototypeOf(new ReadableStream().values()), AsyncIteratorPrototype);

for (const kind of [ReadableStream, WritableStream]) {
  Object.defineProperty(kind.prototype, __I.shown, { value(this: any) { return { locked: this.locked, state: this._state }; } });
}
Object.defineProperty(TransformStream.prototype, __I.shown, {
  value(this: any) { return { readable: this.readable, writable: this.writable }; },
});

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
    pull: (controller) => Promise.resolve(iterator.next()).then(({ done, value }) => {
      if (done) controller.close();
      else controller.enqueue(typeof value === "string" ? __I.utf8.encode(value) : value);
    }),
    cancel: (reason) => Promise.resolve(iterator.return?.(reason)).then(() => {}),
  }, { highWaterMark: 0 });
}
