/**
 * html`…`: markup in which every value is escaped for the place where it stands. The literal parts
 * are read once per template by a small HTML tokenizer that knows, for each hole, whether it is in
 * text, in an attribute (and which), in a script or in a style.
 */
import { isArray, jsonStringify } from "./primordials";
import { type Place, isPowerful, readTemplate } from "./template";

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text with the five characters that mean something to HTML written as entities. */
export function escapeHtml(text: unknown): string {
  const given = typeof text === "string" ? text : plain(text);
  return /[&<>"']/.test(given) ? given.replace(/[&<>"']/g, (character) => ENTITIES[character]!) : given;
}

const MINE = Symbol("Html");

/** Markup that is safe to send: made by html`…` alone. */
export class Html {
  #markup: string;

  constructor(key: symbol, markup: string) {
    if (key !== MINE) throw new TypeError("Html is made by the template html`…`.");
    this.#markup = markup;
  }

  toString(): string { return this.#markup; }
  toJSON(): string { return this.#markup; }
}

const templates = new WeakMap<TemplateStringsArray, ReturnType<typeof readTemplate>>();

export function html(strings: TemplateStringsArray, ...values: unknown[]): Html {
  if (!isArray(strings) || !isArray(strings.raw)) {
    throw new TypeError("html is a template tag: write html`<p>${text}</p>`. For markup in a string use Response.html(markup).");
  }
  let template = templates.get(strings);
  if (template === undefined) templates.set(strings, (template = readTemplate(strings)));
  let markup = template.texts[0]!;
  let address = "";
  for (let at = 0; at < template.places.length; at++) {
    const place = template.places[at]!;
    if (place.kind === "url") {
      address = (place.first ? "" : address) + place.before;
      const written = asAddress(values[at], address);
      address += written;
      markup += escapeHtml(written);
    } else markup += write(place, values[at]);
    markup += template.texts[at + 1]!;
  }
  return new Html(MINE, markup);
}

function write(place: Exclude<Place, { kind: "url" }>, value: unknown): string {
  switch (place.kind) {
    case "text": return asText(value);
    case "attribute": return asAttribute(value);
    case "name": return asName(value);
    case "comment": return ` ${plain(value).replace(/[<>&-]/g, reference)} `;
    case "script": return place.string ? inScriptString(value) : inScript(value);
    case "handler": return escapeHtml(place.string ? inScriptString(value) : inScript(value));
    case "style": return inStyle(value);
  }
}

/** What a value says: nothing for null, undefined and false, so that `${condition && …}` works. */
function plain(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined || value === false) return "";
  return isArray(value) ? value.map(plain).join("") : `${value as string}`;
}

function asText(value: unknown): string {
  if (typeof value === "string") return escapeHtml(value);
  if (value instanceof Html) return value.toString();
  if (isArray(value)) {
    let markup = "";
    for (let at = 0; at < value.length; at++) markup += asText(value[at]);
    return markup;
  }
  return escapeHtml(value);
}

/** Markup in an attribute keeps its entities and loses its power. */
function asAttribute(value: unknown): string {
  if (value instanceof Html) return value.toString().replace(/[<>"']/g, (character) => ENTITIES[character]!);
  return isArray(value) ? value.map(asAttribute).join("") : escapeHtml(value);
}

const reference = (character: string): string => `&#${character.charCodeAt(0)};`;

function asName(value: unknown): string {
  const name = plain(value);
  if (name === "" || (/^[A-Za-z][\w:-]*$/.test(name) && !isPowerful(name.toLowerCase()))) return name;
  throw unsafe(`"${name}" stands where html\`…\` expects the name of an attribute`,
    "Put values inside quotes, as in <div class=\"${name}\">; only plain attribute names such as checked may be a value here.");
}

const SAFE_SCHEME = /^(?:https?|mailto|tel|sms|ftp|blob|geo|webcal):/i;
const SAFE_DATA = /^data:image\/(?:png|gif|jpe?g|webp|avif);/i;
/** What browsers leave out when they look for the scheme of an address. */
const IGNORED = /[\u0000-\u0020\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202f\ufeff]/g;

/** Up to the value of a query parameter, which ends at & and #. */
const IN_QUERY = /\?(?:[^#]*&)?[^=&#]*=[^&#]*$/;

function asAddress(value: unknown, before: string): string {
  const text = plain(value instanceof Html ? value.toString() : value);
  const whole = (before + text).replace(IGNORED, "");
  const scheme = /^[^/?#]*?:/.exec(whole);
  if (scheme === null || SAFE_SCHEME.test(whole) || SAFE_DATA.test(whole)) {
    return IN_QUERY.test(before) ? text.replace(/[&#\s]/g, encodeURIComponent) : text;
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(before.replace(IGNORED, ""))) {
    throw unsafe(`The address begins with "${scheme[0]}", in which no value is safe`, "Use a listener in a script, or an address that begins with https: or /.");
  }
  return "about:invalid";
}

const unicode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * A value as an expression of JavaScript. Even where the reading of the script went wrong and this
 * lands in a string, nothing that runs can come of it: what could is written as an escape.
 */
function inScript(value: unknown): string {
  const text = jsonStringify(value instanceof Html ? value.toString() : value);
  return text === undefined ? "undefined" : text.replace(/[^\w\s"\\,:{}[\].+-]|[\u2028\u2029]/g, unicode);
}

const inScriptString = (value: unknown): string =>
  plain(value instanceof Html ? value.toString() : value).replace(/[^\w .,]/g, unicode);

const inStyle = (value: unknown): string =>
  plain(value).replace(/[^\w #.,%+-]/g, (character) => `\\${character.charCodeAt(0).toString(16)} `);

function unsafe(what: string, hint: string): Error {
  return Object.assign(new TypeError(`${what}.`), { code: "html_unsafe_place", hint });
}
