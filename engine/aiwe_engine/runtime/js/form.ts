/** Names and values as URLs and forms send them, read as the URL standard says. */
import { decodeAll, encode } from "./platform/utf8";

const { defineProperty } = Object;

/** "a=1&b&a=%C3%A4" as pairs, in their order. */
export function pairsOf(text: string): [name: string, value: string][] {
  const found: [string, string][] = [];
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    found.push(at < 0 ? [unescape(pair), ""] : [unescape(pair.slice(0, at)), unescape(pair.slice(at + 1))]);
  }
  return found;
}

/** "a=1&a=2&b" → {a: ["1", "2"], b: ""}. */
export function parseQuery(text: string): Record<string, string | string[]> {
  return text === "" ? {} : fieldsOf(pairsOf(text));
}

/** The texts of a form as an object; its files, which are numbers here, are not in it. */
export function fieldsOf(pairs: [name: string, value: string | number][]): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of pairs) if (typeof value === "string") found[name] = joined(found[name], value);
  const fields = {};
  for (const name in found) defineProperty(fields, name, { value: found[name], enumerable: true, configurable: true, writable: true });
  return fields;
}

const joined = (before: string | string[] | undefined, value: string): string | string[] =>
  before === undefined ? value : typeof before === "string" ? [before, value] : [...before, value];

function unescape(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return leniently(spaced);
  }
}

/** What is no escape stands for itself, what is no UTF-8 becomes U+FFFD. */
function leniently(text: string): string {
  const bytes = encode(text);
  let size = 0;
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at] === 0x25 ? hex(bytes[at + 1]) * 16 + hex(bytes[at + 2]) : NaN;
    if (code === code) at += 2;
    bytes[size++] = code === code ? code : bytes[at]!;
  }
  return decodeAll(bytes.subarray(0, size));
}

function hex(code: number | undefined): number {
  if (code === undefined) return NaN;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : NaN;
}
