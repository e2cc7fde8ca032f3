/**
 * `Assets`, the half inside the isolate: it turns a content into what can travel and back. What an asset may
 * be called, and where it lies, is the host's business.
 */
import { failure } from "../../runtime/js/failure";
import type { Internals } from "../../runtime/js/internals";
import { toBase64, wellFormed } from "../../runtime/js/invocation";
import { Html } from "../../runtime/js/platform/html";
import { isArrayBuffer, typedArrayName } from "../../runtime/js/platform/primordials";
import { Readable } from "./readable";

const { assign, defineProperty } = Object;
const PromiseCtor = Promise;
const Bytes = Uint8Array;

export function installAssets(I: Internals): void {
  const call = (method: string, args: unknown[]) => I.host.call("assets", method, args);
  const send = (path: unknown, text: string | null, bytes: Uint8Array | null, options?: { contentType?: string }) =>
    call("write", [path, text, bytes === null ? null : toBase64(bytes), options?.contentType ?? null]);

  function write(path: unknown, content: any, options?: { contentType?: string }): Promise<unknown> {
    if (typeof content === "string" || content instanceof Html) return send(path, wellFormed(`${content}`), null, options);
    if (typedArrayName(content) === "Uint8Array") return send(path, null, content as Uint8Array, options);
    if (isArrayBuffer(content)) return send(path, null, new Bytes(content as ArrayBuffer), options);
    if (I.isMade("blob") && content instanceof I.Blob) {
      const contentType = options?.contentType ?? (content.type || undefined);
      return content.bytes().then((bytes: Uint8Array) => send(path, null, bytes, { contentType }));
    }
    const got = content === null ? "null" : Array.isArray(content) ? "an array" : typeof content;
    return PromiseCtor.reject(failure("TypeError", "invalid_argument", `Assets.write needs a string, a Uint8Array or a Blob, not ${got}.`,
      "Write JSON.stringify(value) to keep a value as JSON.", 400));
  }

  /** What the host tells of an asset, and its content, which is asked for when it is read. */
  class StoredAsset extends Readable {
    constructor(known: { path: string }) {
      super(() => call("open", [known.path]));
      assign(this, known);
    }
  }

  const assets = {
    read: (path: unknown) => call("read", [path]).then((known) => new StoredAsset(known)),
    write,
    list: (prefix?: unknown) => call("list", [prefix]),
    delete: (path: unknown) => call("delete", [path]),
    url: (path: unknown) => call("url", [path]),
  };
  defineProperty(globalThis, "Assets", { value: assets, configurable: true, writable: true });
}
