/** MIME types, as https://mimesniff.spec.whatwg.org/ parses and writes them. */
export interface MimeType { essence: string; parameters: Map<string, string> }

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const QUOTABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

const trimmed = (text: string): string => text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");

export function parseType(given: string): MimeType | null {
  const input = trimmed(given);
  const slash = input.indexOf("/");
  if (slash < 1) return null;
  const semicolon = input.indexOf(";", slash);
  const type = input.slice(0, slash);
  const subtype = input.slice(slash + 1, semicolon < 0 ? input.length : semicolon).replace(/[\t\n\r ]+$/, "");
  if (!TOKEN.test(type) || !TOKEN.test(subtype)) return null;
  const parameters = new Map<string, string>();
  for (let at = semicolon; at >= 0 && at < input.length;) at = readParameter(input, at + 1, parameters);
  return { essence: `${type}/${subtype}`.toLowerCase(), parameters };
}

/** Reads one parameter from `at` on; gives the place of the semicolon after it, or the end. */
function readParameter(input: string, from: number, parameters: Map<string, string>): number {
  let at = from;
  while (/[\t\n\r ]/.test(input[at] ?? "")) at++;
  let end = at;
  while (end < input.length && input[end] !== ";" && input[end] !== "=") end++;
  const name = input.slice(at, end).toLowerCase();
  if (input[end] !== "=") return end;
  let value: string;
  at = end + 1;
  if (input[at] === '"') {
    [value, at] = readQuoted(input, at);
    while (at < input.length && input[at] !== ";") at++;
  } else {
    end = input.indexOf(";", at);
    if (end < 0) end = input.length;
    value = input.slice(at, end).replace(/[\t\n\r ]+$/, "");
    at = end;
    if (value === "") return at;
  }
  if (TOKEN.test(name) && QUOTABLE.test(value) && !parameters.has(name)) parameters.set(name, value);
  return at;
}

function readQuoted(input: string, from: number): [value: string, after: number] {
  let value = "";
  let at = from + 1;
  for (; at < input.length && input[at] !== '"'; at++) {
    if (input[at] === "\\" && at + 1 < input.length) at++;
    value += input[at];
  }
  return [value, at + 1];
}

export function serializeType({ essence, parameters }: MimeType): string {
  let text = essence;
  for (const [name, value] of parameters) {
    text += `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`;
  }
  return text;
}

/** The type that a Content-Type header means, whose values may have been joined with commas. */
export function typeOfHeader(header: string | null): MimeType | null {
  if (header === null) return null;
  let found: MimeType | null = null;
  let charset: string | null = null;
  for (const value of splitValues(header)) {
    const type = parseType(value);
    if (type === null || type.essence === "*/*") continue;
    if (found === null || type.essence !== found.essence) charset = type.parameters.get("charset") ?? null;
    else if (!type.parameters.has("charset") && charset !== null) type.parameters.set("charset", charset);
    found = type;
  }
  return found;
}

function splitValues(header: string): string[] {
  const values: string[] = [];
  let from = 0, quoted = false;
  for (let at = 0; at < header.length; at++) {
    if (header[at] === '"') quoted = !quoted;
    else if (header[at] === "\\" && quoted) at++;
    else if (header[at] === "," && !quoted) {
      values.push(header.slice(from, at));
      from = at + 1;
    }
  }
  return [...values, header.slice(from)];
}
