/**
 * Reads the literal parts of an html`…` template: where does each hole stand? A tokenizer in the
 * manner of the HTML standard, cut down to what decides how a value must be written.
 */
export type Place =
  | { kind: "text" | "attribute" | "name" | "comment" | "style" }
  /** `string`: inside quotes of the script. */
  | { kind: "script" | "handler"; string: boolean }
  /** `before`: literal text of the value since it began, or since the hole before this one. */
  | { kind: "url"; first: boolean; before: string };

export interface Template { texts: string[]; places: Place[] }

const URL_ATTRIBUTES = new Set([
  "href", "src", "action", "formaction", "poster", "cite", "background", "data", "xlink:href", "manifest",
  "longdesc", "usemap", "ping", "codebase", "icon", "srcset", "imagesrcset",
]);
/** Elements whose content is text up to their end tag; script and style have rules of their own. */
const RAW = new Set(["script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"]);
const RAW_TEXT = new Set(["textarea", "title"]);

/** Whether an attribute can run code or load something: a value may not choose such a name. */
export const isPowerful = (name: string): boolean =>
  name.startsWith("on") || name === "style" || name === "srcdoc" || URL_ATTRIBUTES.has(name);

type State =
  | "text" | "tag-open" | "tag-name" | "in-tag" | "attribute-name" | "after-name" | "before-value"
  | "double" | "single" | "unquoted" | "comment" | "declaration" | "raw";

class Reader {
  state: State = "text";
  tag = "";
  closing = false;
  attribute = "";
  value = "";
  comment = "";
  /** Name of the element whose raw content is being read, and the content so far. */
  raw = "";
  content = "";
  script = new Script();
  firstHole = true;

  /** Reads one character; gives what to write for it. A value without quotes gets them. */
  read(c: string): string {
    if (this.state === "before-value" && !/[\s"'>]/.test(c)) {
      this.state = "unquoted";
      this.#take(c);
      return `"${c}`;
    }
    if (this.state === "unquoted") {
      const ends = c === ">" || /\s/.test(c);
      this.#step(c);
      return ends ? `"${c}` : c === '"' ? "&quot;" : c;
    }
    this.#step(c);
    return c;
  }

  #step(c: string): void {
    const space = /\s/.test(c);
    switch (this.state) {
      case "text":
        if (c === "<") this.#open();
        return;
      case "tag-open":
        if (c === "!") this.#enter("declaration");
        else if (c === "/" && this.tag === "" && !this.closing) this.closing = true;
        else if (/[A-Za-z]/.test(c)) { this.tag = c.toLowerCase(); this.state = "tag-name"; }
        else if (c === "?" || this.closing) this.#enter("declaration");
        else { this.state = "text"; if (c === "<") this.#open(); }
        return;
      case "tag-name":
        if (c === ">") this.#endTag();
        else if (space || c === "/") this.state = "in-tag";
        else this.tag += c.toLowerCase();
        return;
      case "in-tag":
        if (c === ">") this.#endTag();
        else if (!space && c !== "/") { this.attribute = c.toLowerCase(); this.state = "attribute-name"; }
        return;
      case "attribute-name":
        if (c === ">") this.#endTag();
        else if (c === "=") this.#beginValue();
        else if (space) this.state = "after-name";
        else if (c === "/") this.state = "in-tag";
        else this.attribute += c.toLowerCase();
        return;
      case "after-name":
        if (c === ">") this.#endTag();
        else if (c === "=") this.#beginValue();
        else if (c === "/") this.state = "in-tag";
        else if (!space) { this.attribute = c.toLowerCase(); this.state = "attribute-name"; }
        return;
      case "before-value":
        if (space) return;
        if (c === '"') this.state = "double";
        else if (c === "'") this.state = "single";
        else if (c === ">") this.#endTag();
        return;
      case "double": c === '"' ? (this.state = "in-tag") : this.#take(c); return;
      case "single": c === "'" ? (this.state = "in-tag") : this.#take(c); return;
      case "unquoted":
        if (c === ">") this.#endTag();
        else if (space) this.state = "in-tag";
        else this.#take(c);
        return;
      case "comment":
        this.comment = (this.comment + c).slice(-4);
        if (c === ">" && /^-?>$|--!?>$/.test(this.comment)) this.state = "text";
        return;
      case "declaration":
        this.content += c;
        if (this.content === "--") { this.comment = ""; this.state = "comment"; }
        else if (c === ">") this.state = "text";
        return;
      case "raw":
        this.#readRaw(c);
    }
  }

  #open(): void {
    this.state = "tag-open";
    this.tag = "";
    this.closing = false;
  }

  #enter(state: State): void {
    this.state = state;
    this.content = "";
  }

  #beginValue(): void {
    this.state = "before-value";
    this.value = "";
    this.firstHole = true;
    this.script = new Script();
  }

  #take(c: string): void {
    this.value += c;
    this.script.read(c);
  }

  #endTag(): void {
    this.state = "text";
    if (this.closing || !(RAW.has(this.tag) || RAW_TEXT.has(this.tag))) return;
    this.raw = this.tag;
    this.#enter("raw");
    this.script = new Script();
  }

  #readRaw(c: string): void {
    this.content = (this.content + c).slice(-this.raw.length - 3);
    this.script.read(c);
    if (this.raw === "script" && this.content.endsWith("<!--")) throw bad("A script may not hold <!--, after which its end tag may not end it.");
    const end = `</${this.raw}`;
    const tail = this.content.toLowerCase();
    if (this.raw === "plaintext" || !tail.slice(0, -1).endsWith(end) || !/[\s/>]/.test(c)) return;
    this.closing = true;
    this.tag = this.raw;
    this.state = c === ">" ? "text" : "in-tag";
  }

  /** What to write before the hole that stands here: the quote of a value that begins with it. */
  opening(): string {
    if (this.state !== "before-value") return "";
    this.state = "unquoted";
    return '"';
  }

  /** The hole that stands here; the reader goes on as after a value. */
  hole(): Place {
    switch (this.state) {
      case "text": return { kind: "text" };
      case "comment": this.comment = "    "; return { kind: "comment" };
      case "unquoted": case "double": case "single": return this.#valuePlace();
      case "raw": return this.#rawPlace();
      case "declaration": throw bad("A value stands inside a declaration such as <!doctype …>, where none is safe.");
      default:
        if (this.state !== "in-tag" && this.state !== "after-name") {
          throw bad("A value is part of the name of a tag or attribute. Write the name in the template; choose between two templates where it varies.");
        }
        this.attribute = "";
        this.state = "attribute-name";
        return { kind: "name" };
    }
  }

  #valuePlace(): Place {
    const { attribute, firstHole: first } = this;
    const before = this.value;
    this.value = "";
    this.firstHole = false;
    if (attribute.startsWith("on")) return { kind: "handler", string: this.script.hole() };
    if (attribute === "style") return { kind: "style" };
    if (URL_ATTRIBUTES.has(attribute) || this.#animates()) return { kind: "url", first, before };
    if (attribute === "srcdoc") throw bad("No value is safe inside srcdoc, which is a document in itself. Serve the document at an address and use src.");
    return { kind: "attribute" };
  }

  /** SVG's animations can set an href. */
  #animates(): boolean {
    return (this.tag === "set" || this.tag.startsWith("animate")) && /^(?:to|from|by|values)$/.test(this.attribute);
  }

  #rawPlace(): Place {
    this.content = "";
    if (RAW_TEXT.has(this.raw)) return { kind: "text" };
    if (this.raw === "style") return { kind: "style" };
    if (this.raw === "script") return { kind: "script", string: this.script.hole() };
    throw bad(`No value is safe inside <${this.raw}>.`);
  }

  end(): void {
    if (this.state === "text") return;
    throw bad(this.state === "raw"
      ? `The template ends inside <${this.raw}>. Write its end tag in the same template.`
      : "The template ends inside a tag or comment. Write the whole tag in one template.");
  }
}

/** As much of JavaScript's lexis as tells whether a place is inside a string. */
class Script {
  #quote = "";
  #escaped = false;
  #last = "";

  read(c: string): void {
    if (this.#quote === "//" || this.#quote === "/*") {
      if (this.#quote === "//" ? c === "\n" : this.#last + c === "*/") this.#quote = "";
      this.#last = c;
      return;
    }
    if (this.#quote !== "") {
      if (this.#escaped) this.#escaped = false;
      else if (c === "\\") this.#escaped = true;
      else if (c === this.#quote || (c === "\n" && this.#quote !== "`")) this.#quote = "";
      return;
    }
    if (c === '"' || c === "'" || c === "`") this.#quote = c;
    else if (this.#last === "/" && (c === "/" || c === "*")) this.#quote = `/${c}`;
    this.#last = c;
  }

  hole(): boolean {
    if (this.#quote.startsWith("/")) throw bad("A value stands inside a comment of a script, where none is safe.");
    this.#last = "";
    return this.#quote !== "";
  }
}

function bad(message: string): Error {
  return Object.assign(new SyntaxError(message), { code: "html_unsafe_place", hint: "See html`…` in the documentation for the places a value may stand in." });
}

export function readTemplate(strings: readonly string[]): Template {
  const reader = new Reader();
  const places: Place[] = [];
  const texts: string[] = [];
  for (let index = 0; index < strings.length; index++) {
    const text = strings[index];
    if (text === undefined) throw new SyntaxError("The template holds an escape that is none, such as \\u without digits.");
    let written = "";
    for (const character of text) written += reader.read(character);
    if (index === strings.length - 1) {
      texts.push(written);
      break;
    }
    texts.push(written + reader.opening());
    places.push(reader.hole());
  }
  reader.end();
  return { texts, places };
}
