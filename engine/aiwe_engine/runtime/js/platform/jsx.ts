/**
 * JSX on the server: `h` and `Fragment` make Html at once. An element is a template of html`…` that
 * is written here, so that every value is escaped for its place by the same rules. A component is a
 * function of its properties, with what stands inside as `children`.
 */
import { type Html, html } from "./html";
import { arrayJoin } from "./primordials";

type Properties = Record<string, unknown>;
type Component = (properties: Properties) => unknown;

const VOID = new Set(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]);
const RENAMED: Record<string, string | undefined> = { __proto__: null, className: "class", htmlFor: "for" } as any;
const NAME = /^[A-Za-z][\w:.-]*$/;

/** Templates by their text: html`…` reads each one once. */
const templates = new Map<string, TemplateStringsArray>();
const KEPT = 1000;

function template(strings: string[]): TemplateStringsArray {
  const key = arrayJoin(strings, "\0");
  let found = templates.get(key);
  if (found === undefined) {
    if (templates.size >= KEPT) templates.clear();
    templates.set(key, (found = Object.assign(strings, { raw: strings }) as unknown as TemplateStringsArray));
  }
  return found;
}

/** One element: a tag's name or a component, its properties, what stands inside. */
export function h(tag: string | Component, properties: Properties | null, ...children: unknown[]): Html {
  const given = properties ?? {};
  const inside = children.length > 0 ? children : given.children;
  if (typeof tag === "function") return Fragment({ children: tag({ ...given, children: inside }) });
  const name = named(tag, "element");
  const strings: string[] = [];
  const values: unknown[] = [];
  let text = `<${name}`;
  for (const property of Object.keys(given)) {
    const value = given[property];
    if (property === "children" || property === "key" || value === null || value === undefined || value === false) continue;
    text += ` ${named(RENAMED[property] ?? property, "attribute")}`;
    if (value === true) continue;
    strings.push(`${text}="`);
    values.push(value);
    text = '"';
  }
  if (VOID.has(name.toLowerCase())) strings.push(`${text}>`);
  else {
    strings.push(`${text}>`, `</${name}>`);
    values.push(inside);
  }
  return html(template(strings), ...values);
}

function named(name: unknown, what: string): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new TypeError(`JSX has no ${what} of the name ${String(name)}.`);
}

const BARE = template(["", ""]);

/** `<>…</>`: its children and nothing around them. */
export function Fragment({ children }: Properties): Html { return html(BARE, children); }
