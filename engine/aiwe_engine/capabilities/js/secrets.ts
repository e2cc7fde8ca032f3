/**
 * `Secrets`, the half inside the isolate. What `get` and `basic` give is text that the host made up; no value
 * ever comes here. See `vault/injection.py` for where it goes.
 */
import { typeFailure } from "../../runtime/js/failure";
import type { Internals } from "../../runtime/js/internals";
import { toBase64 } from "../../runtime/js/invocation";
import { defineProperty, promiseReject } from "../../runtime/js/platform/primordials";

const { freeze } = Object;
const { isView } = ArrayBuffer;
const Bytes = Uint8Array;

export function installSecrets(I: Internals): void {
  const ask = (method: string, ...args: unknown[]): any => I.host.callSync("secrets", method, args);
  const value = freeze({
    get: (id: string): string => ask("get", id),
    basic: (user: string, id: string): string => ask("basic", user, id),
    exists: (id: string): boolean => ask("exists", id),
    list: (): string[] => ask("list"),
    hmac: (id: string, options: object, data: string | Uint8Array): Promise<string> => {
      try {
        return I.host.call("secrets", "hmac", [id, options, signed(data)]);
      } catch (error) {
        return promiseReject(error);
      }
    },
    matches: (id: string, candidate: string): Promise<boolean> => I.host.call("secrets", "matches", [id, candidate]),
  });
  defineProperty(globalThis, "Secrets", { value, configurable: true, writable: true });
}

/** What is to be signed, as the host takes it. */
function signed(data: unknown): unknown {
  if (typeof data === "string") return data;
  if (data instanceof ArrayBuffer) return { base64: toBase64(new Bytes(data)) };
  if (isView(data)) return { base64: toBase64(new Bytes(data.buffer, data.byteOffset, data.byteLength)) };
  throw typeFailure("invalid_argument", "Secrets.hmac signs a string or a Uint8Array.",
    "Sign the bytes that were sent, as in await req.text(), not what they were parsed to.");
}
