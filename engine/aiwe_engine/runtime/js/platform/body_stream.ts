/**
 * The stream of a body in a program that names no class of streams: it can be read, iterated, and made
 * the body of another Response, which is what such programs do with it. With the streams part there
 * is a ReadableStream instead.
 */
import { missing } from "./parts";
import { promiseReject, promiseResolve } from "./primordials";
import { encode } from "./utf8";
import { idl } from "./webidl";

interface Step { done: boolean; value: Uint8Array | undefined }
const END: Step = { done: true, value: undefined };

export class BodyStream {
  #steps: AsyncIterator<unknown> | null = null;
  #source: Uint8Array | AsyncIterable<unknown>;
  #locked = false;
  #disturbed = false;

  constructor(source: Uint8Array | AsyncIterable<unknown>) {
    this.#source = source;
  }

  get locked(): boolean { return this.#locked; }

  getReader(options?: { mode?: unknown }): BodyReader {
    if (options?.mode !== undefined) throw missing("streams");
    if (this.#locked) throw new TypeError("The stream is locked: something reads it already.");
    this.#locked = true;
    return new BodyReader({ read: () => this.#read(), cancel: () => this.#end(), release: () => { this.#locked = false; } });
  }

  cancel(): Promise<void> {
    return this.#locked ? promiseReject(new TypeError("The stream is locked: cancel its reader.")) : this.#end();
  }

  tee(): never { throw missing("streams"); }
  pipeTo(): never { throw missing("streams"); }
  pipeThrough(): never { throw missing("streams"); }

  values(): AsyncIterableIterator<Uint8Array | undefined> { return this[Symbol.asyncIterator](); }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array | undefined> {
    const reader = this.getReader();
    return {
      [Symbol.asyncIterator]() { return this; },
      next: () => reader.read() as Promise<IteratorResult<Uint8Array | undefined>>,
      return: () => reader.cancel().then(() => END as IteratorResult<undefined>),
    };
  }

  #read(): Promise<Step> {
    this.#disturbed = true;
    const source = this.#source;
    if (source instanceof Uint8Array) {
      this.#source = new Uint8Array();
      return promiseResolve(source.length === 0 ? END : { done: false, value: source.slice() });
    }
    this.#steps ??= source[Symbol.asyncIterator]();
    return promiseResolve(this.#steps.next()).then(({ done, value }): Step =>
      done ? END : { done: false, value: typeof value === "string" ? encode(value) : (value as Uint8Array) });
  }

  #end(): Promise<void> {
    this.#disturbed = true;
    const steps = this.#steps;
    this.#source = new Uint8Array();
    return promiseResolve(steps?.return?.()).then(() => {});
  }

  static isDisturbed(stream: BodyStream): boolean { return stream.#disturbed; }
}
const { isDisturbed } = BodyStream;
Reflect.deleteProperty(BodyStream, "isDisturbed");
idl(BodyStream, "ReadableStream");
export { isDisturbed as isBodyStreamDisturbed };

class BodyReader {
  #stream: { read(): Promise<Step>; cancel(): Promise<void>; release(): void } | null;

  constructor(stream: { read(): Promise<Step>; cancel(): Promise<void>; release(): void }) { this.#stream = stream; }

  read(): Promise<Step> { return this.#stream === null ? promiseReject(released()) : this.#stream.read(); }
  cancel(): Promise<void> { return this.#stream === null ? promiseReject(released()) : this.#stream.cancel(); }

  releaseLock(): void {
    this.#stream?.release();
    this.#stream = null;
  }
}
idl(BodyReader, "ReadableStreamDefaultReader");

const released = (): TypeError => new TypeError("The reader was released.");
