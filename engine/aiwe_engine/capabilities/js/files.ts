/**
 * `UploadedFile` and `Files`, the half inside the isolate. The bytes lie with the host: what is here
 * knows a file's name and asks for its pieces when somebody reads them.
 */
import { failure } from "../../runtime/js/failure";
import type { Internals } from "../../runtime/js/internals";
import { type Invocation, current } from "../../runtime/js/invocation";
import { type FileRef, files } from "../../runtime/js/platform/response";
import { Readable, lazy } from "./readable";

const { defineProperty, freeze } = Object;
const PromiseCtor = Promise;

let call: (method: string, args: unknown[]) => Promise<any>;
let openAsset: (path: string) => Promise<number>;

/** A file that the program kept: what `save` and `Files.get` give. */
class KeptFile extends Readable {
  readonly id: string;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  readonly sha256: string;

  constructor(known: Record<string, any>) {
    super(() => call("read", [known.id]));
    this.id = known.id;
    this.filename = known.filename;
    this.contentType = known.contentType;
    this.size = known.size;
    this.sha256 = known.sha256;
  }
}

/** As the host tells of it: field, file name, content type, size. */
export type Described = [field: string, filename: string, contentType: string, size: number];

/** A file of the form that the request brought. It is there until the request ends. */
export class UploadedFile extends Readable {
  readonly field: string;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  #ask: (method: string) => Promise<any>;

  constructor([field, filename, contentType, size]: Described, place: number, invocation: Invocation) {
    const ask = (method: string): Promise<any> =>
      current() === invocation && !invocation.done ? call(method, [place]) : PromiseCtor.reject(gone());
    super(() => ask("open"));
    this.field = field;
    this.filename = filename;
    this.contentType = contentType;
    this.size = size;
    this.#ask = ask;
  }

  save(): Promise<KeptFile> { return this.#ask("save").then((known) => new KeptFile(known)); }
}

function gone(): Error {
  return failure("Error", "upload_gone", "The upload is gone: its request has ended.",
    "Read it, or keep it with save(), before the handler answers.", 410);
}

const KEPT = /^[0-9a-f]{32}$/;

/** What `Response.file` was given: a kept file or its id, an asset or its path. */
function refer(given: unknown): FileRef {
  const name = typeof given === "object" && given !== null ? (given as { id?: unknown }).id : given;
  if (typeof name === "string" && name !== "") return KEPT.test(name) ? { file: name } : { asset: name };
  throw given instanceof UploadedFile
    ? failure("TypeError", "not_saved", "Response.file was given an upload that is not kept.", "Keep it first: Response.file(await file.save()).")
    : failure("TypeError", "invalid_argument", "Response.file takes what save() returned, its id, or the path of an asset.",
      "Store the id of a saved file, as in { file: (await req.files[0].save()).id }.");
}

function contentOf(ref: FileRef): AsyncIterable<Uint8Array> {
  return lazy(() => ("file" in ref ? call("read", [ref.file]) : openAsset(ref.asset)));
}

export function installFiles(I: Internals): void {
  for (const [made, name] of [[UploadedFile, "UploadedFile"], [KeptFile, "KeptFile"]] as const) {
    defineProperty(made, "name", { value: name, configurable: true }); // minified, they have none
  }
  call = (method, args) => I.host.call("files", method, args);
  openAsset = (path) => I.host.call("assets", "open", [path]);
  files.refer = refer;
  files.content = contentOf;
  const value = freeze({
    get: (id: string) => call("get", [id]).then((known) => (known === null ? null : new KeptFile(known))),
    delete: (id: string) => call("delete", [id]),
  });
  defineProperty(globalThis, "Files", { value, configurable: true, writable: true });
}
