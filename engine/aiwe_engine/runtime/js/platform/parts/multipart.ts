/** multipart/form-data, both ways, and the urlencoded form of a body. */
import { type Entry, type FormData, entriesOf, makeFormData } from "./form_data";

const CRLF = "\r\n";

const escapeName = (text: string): string => text.replace(/\n/g, "%0A").replace(/\r/g, "%0D").replace(/"/g, "%22");
const unescapeName = (text: string): string => text.replace(/%0A/gi, "\n").replace(/%0D/gi, "\r").replace(/%22/g, '"');
const lines = (text: string): string => text.replace(/\r?\n|\r/g, CRLF);
const { decode, decodeAll, encode } = __I.utf8 as typeof import("../utf8");
const { concat } = __I.body as typeof import("../body");

export function encodeFormData(form: FormData): { bytes: Uint8Array; boundary: string } {
  const random = new Uint8Array(12);
  __I.host.random(random);
  const boundary = `----aiwe${(random as any).toHex()}`;
  const pieces: Uint8Array[] = [];
  for (const [name, value] of entriesOf(form)) {
    const head = `--${boundary}${CRLF}Content-Disposition: form-data; name="${escapeName(lines(name))}"`;
    if (typeof value === "string") {
      pieces.push(encode(`${head}${CRLF}${CRLF}${lines(value)}${CRLF}`));
    } else {
      pieces.push(encode(`${head}; filename="${escapeName(value.name)}"${CRLF}Content-Type: ${value.type || "application/octet-stream"}${CRLF}${CRLF}`));
      pieces.push(__I.load("blob").bytesOf(value), encode(CRLF));
    }
  }
  pieces.push(encode(`--${boundary}--${CRLF}`));
  return { bytes: concat(pieces), boundary };
}

/** The FormData that a body of this Content-Type is. */
export function decodeFormData(bytes: Uint8Array, contentType: string | null): FormData {
  const type = __I.load("blob").typeOfHeader(contentType);
  if (type?.essence === "application/x-www-form-urlencoded") {
    return makeFormData([...new __I.URLSearchParams(decodeAll(bytes))] as Entry[]);
  }
  if (type?.essence !== "multipart/form-data") {
    throw new TypeError(`The body is no form: its Content-Type is ${contentType === null ? "missing" : `"${contentType}"`}, not multipart/form-data or application/x-www-form-urlencoded.`);
  }
  const boundary: string | undefined = type.parameters.get("boundary");
  if (!boundary) throw new TypeError("The Content-Type multipart/form-data names no boundary.");
  return makeFormData(parse(bytes, encode(`--${boundary}`)));
}

const bad = (what: string): TypeError => new TypeError(`The body is no valid multipart/form-data: ${what}.`);

function parse(bytes: Uint8Array, delimiter: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  const next = concat([encode(CRLF), delimiter]);
  let at = startsWith(bytes, delimiter, 0) ? delimiter.length : skipPreamble(bytes, next);
  for (;;) {
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return entries;
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) throw bad("a boundary does not end its line");
    const end = find(bytes, encode(CRLF + CRLF), at);
    if (end < 0) throw bad("the headers of a part do not end");
    const close = find(bytes, next, end + 2);
    if (close < 0) throw bad("the last boundary is missing");
    entries.push(readPart(decode(bytes.subarray(at, end)), bytes.subarray(end + 4, Math.max(close, end + 4))));
    at = close + next.length;
  }
}

function skipPreamble(bytes: Uint8Array, next: Uint8Array): number {
  const at = find(bytes, next, 0);
  if (at < 0) throw bad("the boundary is not in it");
  return at + next.length;
}

function readPart(head: string, content: Uint8Array): Entry {
  const disposition = /(?:^|\r\n)content-disposition:[\t ]*form-data[\t ]*((?:;[^\r\n]*)?)(?=\r\n|$)/i.exec(head)?.[1];
  const name = disposition === undefined ? undefined : /;[\t ]*name="([^"]*)"/i.exec(disposition)?.[1];
  if (name === undefined) throw bad("a part has no name");
  const filename = /;[\t ]*filename="([^"]*)"/i.exec(disposition!)?.[1];
  if (filename === undefined) return [unescapeName(name), decode(content)];
  const type = /(?:^|\r\n)content-type:[\t ]*([^\r\n]*?)[\t ]*(?=\r\n|$)/i.exec(head)?.[1] ?? "text/plain";
  return [unescapeName(name), new __I.File([content], unescapeName(filename), { type })];
}

function startsWith(bytes: Uint8Array, wanted: Uint8Array, at: number): boolean {
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

function find(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (startsWith(bytes, wanted, at)) return at;
  }
  return -1;
}
