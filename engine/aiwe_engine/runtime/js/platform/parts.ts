/**
 * Platform parts: what is too large to stand in every isolate. The host evaluates `part-NAME.js`
 * before a program that names one of the part's globals; the part is instantiated when the program
 * first touches one. `built/parts.json` is this table, for the host.
 */
import type { Internals } from "../internals";
import language from "./language.json";
import { create, defineProperty } from "./primordials";

interface Part { globals: string[]; needs: string[]; bring?: string[] }

/**
 * `globals` are those the part defines; naming one loads the part and all that it `needs`.
 * `bring` are globals of the core, and members, whose use wants the part as well.
 */
export const PARTS: Record<string, Part> = {
  url: { globals: ["URL", "URLSearchParams"], needs: ["tr46"] },
  tr46: { globals: [], needs: [] },
  streams: {
    globals: [
      "ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "ReadableStreamDefaultController",
      "ReadableByteStreamController", "ReadableStreamBYOBRequest", "WritableStream", "WritableStreamDefaultWriter",
      "WritableStreamDefaultController", "TransformStream", "TransformStreamDefaultController",
      "ByteLengthQueuingStrategy", "CountQueuingStrategy",
    ],
    needs: [],
    bring: [".clone", ".tee", ".pipeTo", ".pipeThrough", ".closed"],
  },
  blob: { globals: ["Blob", "File"], needs: ["streams"], bring: [".blob"] },
  fetch: { globals: ["Request", "FormData"], needs: ["url", "streams", "blob"], bring: [".formData"] },
  encoding: { globals: ["TextDecoder"], needs: [] },
  "encoding-streams": { globals: ["TextDecoderStream", "TextEncoderStream"], needs: ["encoding", "streams"] },
  urlpattern: { globals: ["URLPattern"], needs: ["url"] },
  zlib: { globals: ["CompressionStream", "DecompressionStream"], needs: ["streams"] },
  crypto: { globals: ["SubtleCrypto", "CryptoKey"], needs: [], bring: ["crypto"] },
  "structured-clone": { globals: ["structuredClone"], needs: [] },
  schema: { globals: [], needs: [], bring: [".validate", ".describe"] },
};

/** Functions of the global object are enumerable, its classes are not. */
const ENUMERABLE = new Set(["structuredClone"]);

type Factory = (I: Internals, module: { exports: any }, exports: object) => void;
const factories: Record<string, Factory> = create(null);
const made: Record<string, any> = create(null);

/** Whether a part was instantiated: before that, no object of it can exist. */
export const isMade = (part: string): boolean => part in made;

/** Whether a part came with the program. */
export const isThere = (part: string): boolean => part in made || part in factories;

function load(I: Internals, part: string): any {
  if (part in made) return made[part];
  const factory = factories[part];
  if (!factory) throw missing(part);
  const module = { exports: {} as any };
  delete factories[part];
  factory(I, module, module.exports);
  return (made[part] = module.exports);
}

/** The error of what needs a part that did not come with the program. */
export function missing(part: string): Error {
  const { globals = [], bring = [] } = PARTS[part] ?? {};
  const name = globals[0] ?? bring[0] ?? "URL";
  return Object.assign(new Error(`This needs the platform part "${part}", which was not loaded with the program.`), {
    code: "part_not_loaded",
    hint: `Parts are loaded by name: name ${name} somewhere in the program, as in a line "${name};".`,
  });
}

/** Makes `I.load`, a getter `I.NAME` for each part's globals, and `__aiwe_part` by which parts arrive. */
export function prepareParts(I: Internals): void {
  I.load = (part) => load(I, part);
  I.isMade = isMade;
  I.language = {};
  for (const name of language) I.language[name] = (globalThis as Record<string, unknown>)[name];
  for (const part in PARTS) for (const name of PARTS[part]!.globals) {
    defineProperty(I, name, { get: () => load(I, part)[name], configurable: true });
  }
  defineProperty(globalThis, "__aiwe_part", {
    value: (part: string, factory: Factory): void => {
      if (!(part in factories) && !(part in made)) factories[part] = factory;
    },
    configurable: true,
  });
}

/** Defines the globals of the parts that have arrived (or of `names` alone), each made on first use. */
export function installParts(I: Internals, names: readonly string[] = Object.keys(factories)): void {
  for (const part of names) for (const name of PARTS[part]?.globals ?? []) lazy(I, part, name);
}

function lazy(I: Internals, part: string, name: string): void {
  const enumerable = ENUMERABLE.has(name);
  const settle = (value: unknown): void => {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
  };
  const get = (): unknown => {
    const value = load(I, part)[name];
    settle(value);
    return value;
  };
  defineProperty(globalThis, name, { get, set: settle, configurable: true, enumerable });
}
