/** `data:` URLs, which hold what they name: https://fetch.spec.whatwg.org/#data-urls */
import { decodeBase64 } from "./base64";
import { parseType, serializeType } from "./parts/mime";
import { encode } from "./utf8";

const SCHEME = /^data:/i;
const UNSEEN = /^[\0- ]+|[\0- ]+$|[\t\n\r]/g;
const PLAIN = "text/plain;charset=US-ASCII";

export interface DataUrl { type: string; bytes: Uint8Array }

const HIDDEN = /[\0-\x1f\x7f-\uffff]+/g;
/** The place of a server in such a URL, with a port that is none. */
const NO_PLACE = /^data:\/\/[^/?#]*:[^/?#]*[^0-9/?#]/;

/** The URL as it is compared and shown; null where it is of another scheme. */
export function dataUrl(given: string): string | null {
  const url = given.replace(UNSEEN, "");
  if (!SCHEME.test(url)) return null;
  const at = url.indexOf("#");
  const rest = at < 0 ? url.slice(5) : url.slice(5, at);
  return `data:${rest.replace(HIDDEN, (text) => encodeURIComponent(text.toWellFormed()))}`;
}

/** What a `data:` URL holds; null where it is none that can be read. */
export function readDataUrl(url: string): DataUrl | null {
  const comma = url.indexOf(",");
  if (comma < 0 || NO_PLACE.test(url)) return null;
  let type = url.slice(5, comma).replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "");
  let bytes = unescape(encode(url.slice(comma + 1)));
  const packed = /;[ ]*base64$/i.exec(type);
  if (packed !== null) {
    type = type.slice(0, packed.index);
    try {
      bytes = decodeBase64(toBinary(bytes));
    } catch {
      return null;
    }
  }
  const parsed = parseType(type.startsWith(";") ? `text/plain${type}` : type);
  return { type: parsed === null ? PLAIN : serializeType(parsed), bytes };
}

function unescape(bytes: Uint8Array): Uint8Array {
  let size = 0;
  for (let at = 0; at < bytes.length; at++, size++) {
    const high = bytes[at] === 0x25 ? digit(bytes[at + 1]) : -1;
    const low = high < 0 ? -1 : digit(bytes[at + 2]);
    if (low < 0) bytes[size] = bytes[at]!;
    else {
      bytes[size] = high * 16 + low;
      at += 2;
    }
  }
  return bytes.slice(0, size);
}

function digit(code: number | undefined): number {
  return code === undefined ? -1 : "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase());
}

function toBinary(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}
