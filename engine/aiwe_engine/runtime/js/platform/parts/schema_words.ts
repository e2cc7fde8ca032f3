/**
 * What a validator found, in words for the one who sent the value: each a predicate of the place that
 * `path` names. Of alternatives that all fail, the words are about the one that was meant.
 */
import { type Problem, type Schema, at, escape } from "./schema_link";

export interface Found { keyword: string; schemaPath: string; instancePath: string; params: any }
/** `at` is the schema's place, by which what belongs together is found; `kind` is the keyword. */
interface Told extends Problem { at: string; kind: string; allowed?: unknown[] }

const A: Record<string, string> = {
  string: "a string", number: "a number", integer: "a whole number", boolean: "true or false", array: "an array",
  object: "an object", null: "null",
};
const FORMATS: Record<string, string> = {
  email: "an email address", "idn-email": "an email address", date: "a date such as 2026-01-31",
  "date-time": "a date and time such as 2026-01-31T12:00:00Z", time: "a time such as 12:00:00Z",
  duration: "a duration such as P3DT12H", uri: "a URI such as https://example.com/page", url: "a URL such as https://example.com/page",
  "uri-reference": "a URI or a part of one", uuid: "a UUID", hostname: "a host name", ipv4: "an IPv4 address", ipv6: "an IPv6 address",
  regex: "a regular expression", "json-pointer": "a JSON Pointer",
};
const SHOWN = 300;

const json = (value: unknown): string => JSON.stringify(value) ?? String(value);
const short = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
const name = (key: string): string => (/^[A-Za-z_$][\w$-]*$/.test(key) ? key : short(json(key)));
const count = (n: number, what: string): string => `${n} ${n === 1 ? what : what === "property" ? "properties" : `${what}s`}`;
const unique = (values: string[]): string[] => [...new Set(values)];

function either(words: string[]): string {
  const last = words.at(-1) ?? "nothing";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return value === undefined ? "nothing" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function oneOf(values: unknown[]): string {
  const texts = unique(values.map(json));
  return short(texts.length === 1 ? `must be ${texts[0]}` : `must be one of ${texts.join(", ")}`);
}

function ofType(types: string[], value: unknown): string {
  if (types.includes("integer") && typeof value === "number") return `must be ${either(types.map((type) => A[type] ?? type))}`;
  return `must be ${either(types.map((type) => A[type] ?? type))}, not ${kindOf(value)}`;
}

function declares(schema: any, key: string): boolean {
  return Object.hasOwn(schema.properties ?? {}, key) ||
    ["allOf", "anyOf", "oneOf"].some((keyword) => (schema[keyword] ?? []).some((one: Schema) => declares(one, key)));
}

/** Words that need nothing but the keyword's own parameters. */
const PLAIN: Record<string, (params: any) => string> = {
  minLength: ({ limit }) => (limit === 1 ? "must not be empty" : `must have at least ${count(limit, "character")}`),
  maxLength: ({ limit }) => `must have at most ${count(limit, "character")}`,
  pattern: ({ pattern }) => short(`must match the pattern ${pattern}`),
  format: ({ format }) => `must be ${FORMATS[format] ?? `in the format "${format}"`}`,
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `must be at most ${limit}`,
  exclusiveMinimum: ({ limit }) => `must be more than ${limit}`,
  exclusiveMaximum: ({ limit }) => `must be less than ${limit}`,
  multipleOf: ({ multipleOf }) => `must be a multiple of ${multipleOf}`,
  minItems: ({ limit }) => `must have at least ${count(limit, "item")}`,
  maxItems: ({ limit }) => `must have at most ${count(limit, "item")}`,
  minProperties: ({ limit }) => `must have at least ${count(limit, "property")}`,
  maxProperties: ({ limit }) => `must have at most ${count(limit, "property")}`,
  contains: ({ minContains, maxContains }) => (maxContains === undefined
    ? `must contain at least ${count(minContains, "item")} of the wanted form`
    : `must contain ${minContains} to ${maxContains} items of the wanted form`),
};

export class Words {
  #told: Told[] = [];

  /** `again` finds what is wrong with a value by a schema that stands inside. */
  constructor(readonly schema: Schema, readonly value: unknown, readonly again: (schema: Schema, value: unknown) => Found[]) {}

  tell(errors: Found[]): Problem[] {
    for (const error of errors) this.#take(error);
    const seen = new Set<string>();
    return this.#told.flatMap(({ path, message }) => {
      const key = `${path}\n${message}`;
      if (seen.has(key)) return [];
      seen.add(key);
      return [{ path, message }];
    });
  }

  #add({ keyword, schemaPath, instancePath }: Found, message: string, step?: string | number, allowed?: unknown[]): void {
    const path = step === undefined ? instancePath : `${instancePath}/${escape(String(step))}`;
    this.#told.push({ path, message, at: schemaPath, kind: keyword, allowed });
  }

  /** Takes back what was told of the schemas below `place`, the latest ones. */
  #back(place: string): Told[] {
    let from = this.#told.length;
    while (from > 0 && this.#told[from - 1]!.at.startsWith(place)) from--;
    return this.#told.splice(from);
  }

  #take(error: Found): void {
    const { keyword, schemaPath, instancePath, params } = error;
    const plain = PLAIN[keyword];
    if (plain !== undefined) return this.#add(error, plain(params));
    const value = at(this.value, instancePath);
    switch (keyword) {
      case "type": {
        const types = [params.type].flat() as string[];
        return this.#add(error, ofType(types, value), undefined, types);
      }
      case "enum": return this.#add(error, oneOf(params.allowedValues), undefined, params.allowedValues);
      case "const": return this.#add(error, oneOf([params.allowedValue]), undefined, [params.allowedValue]);
      case "required":
        for (const key of params.requiredProperties) this.#add(error, "is required", key);
        return;
      case "dependentRequired": case "dependencies":
        for (const key of params.dependencies ?? []) {
          if (!Object.hasOwn(value, key)) this.#add(error, `is required where ${name(params.property)} is given`, key);
        }
        return;
      case "boolean": return this.#add(error, this.#unexpected(schemaPath));
      case "unevaluatedProperties": return this.#unevaluated(error, params.unevaluatedProperties);
      case "unevaluatedItems": return this.#unevaluated(error, params.unevaluatedItems);
      case "uniqueItems":
        for (const index of params.duplicateItems) this.#add(error, "is the same as an item before it", index);
        return;
      case "propertyNames": {
        const reasons = unique(this.#back(`${schemaPath}/propertyNames`).map(({ message }) => message));
        for (const key of params.propertyNames) this.#add(error, short(`cannot be a name here: it ${reasons.join(" and ") || "is not allowed"}`), key);
        return;
      }
      case "not": return this.#add(error, this.#excluded(schemaPath));
      case "if": return this.#then(error, value);
      case "anyOf": case "oneOf": return this.#alternatives(error, value);
      case "additionalProperties": return; // told of each property already
      default: return this.#add(error, `does not fit the schema's "${keyword}"`);
    }
  }

  #unexpected(place: string): string {
    const [, parent] = /^(.*)\/additionalProperties$/.exec(place) ?? [];
    const properties = parent === undefined ? undefined : at(this.schema, parent.slice(1))?.properties;
    const known = Object.keys(properties ?? {}).map(name);
    return known.length === 0 ? "is not expected here" : short(`is not expected here, only ${known.join(", ")}`);
  }

  /** What is wrong inside counts as not evaluated, and what stands beside it: that was told already. */
  #unevaluated(error: Found, steps: (string | number)[]): void {
    const inner = this.#told.some(({ path }) => path.startsWith(`${error.instancePath}/`));
    const schema = at(this.schema, error.schemaPath.slice(1));
    for (const step of steps) {
      if (!inner || (typeof step === "string" && !declares(schema, step))) this.#add(error, "is not expected here", step);
    }
  }

  #excluded(place: string): string {
    const schema = at(this.schema, place.slice(1))?.not;
    if (typeof schema === "object" && schema !== null && Object.keys(schema).length === 1) {
      if ("type" in schema) return `must not be ${either([schema.type].flat().map((type: string) => A[type] ?? type))}`;
      if ("const" in schema) return short(`must not be ${json(schema.const)}`);
      if ("enum" in schema) return short(`must be none of ${schema.enum.map(json).join(", ")}`);
      if ("required" in schema) return short(`must not have ${either(schema.required.map(name))}`);
    }
    return 'is what the schema\'s "not" excludes';
  }

  /** The validator tells what an `else` found, and of a `then` only that it failed. */
  #then(error: Found, value: unknown): void {
    if (error.params.failingKeyword !== "then") return;
    const schema = at(this.schema, error.schemaPath.slice(1))?.then;
    if (schema === false) return this.#add(error, "is not allowed together with the other values");
    const inner = new Words(schema, value, this.again);
    for (const { path, message } of inner.tell(this.again(schema, value))) {
      this.#told.push({ path: error.instancePath + path, message, at: `${error.schemaPath}/then`, kind: "then" });
    }
  }

  #alternatives(error: Found, value: unknown): void {
    const { keyword, schemaPath, instancePath, params } = error;
    if (params.passingSchemas?.length > 1) {
      return this.#add(error, `fits ${params.passingSchemas.length} of the forms that are allowed here, where only one may fit`);
    }
    const prefix = `${schemaPath}/${keyword}/`;
    const branches = new Map<string, Told[]>();
    for (const told of this.#back(prefix)) {
      const index = told.at.slice(prefix.length).split("/", 1)[0]!;
      branches.set(index, [...(branches.get(index) ?? []), told]);
    }
    const all = [...branches.values()];
    const here = (told: Told, kinds: string[]): boolean => told.path === instancePath && kinds.includes(told.kind);
    if (all.length > 0 && all.every((branch) => branch.length === 1 && here(branch[0]!, ["type"]))) {
      const types = unique(all.flatMap((branch) => branch[0]!.allowed as string[]));
      return this.#add({ ...error, keyword: "type" }, ofType(types, value), undefined, types);
    }
    if (all.length > 0 && all.every((branch) => branch.length === 1 && here(branch[0]!, ["const", "enum"]))) {
      const allowed = all.flatMap((branch) => branch[0]!.allowed!);
      return this.#add({ ...error, keyword: "enum" }, oneOf(allowed), undefined, allowed);
    }
    // The form that was meant is of the right type, and has the right mark (`kind: "a"`).
    const weight = (branch: Told[]): number => branch.reduce((sum, told) =>
      sum + (here(told, ["type"]) ? 1000 : told.kind === "const" || told.kind === "enum" ? 100 : 1), 0);
    const ranked = all.map((branch) => ({ branch, weight: weight(branch) })).sort((a, b) => a.weight - b.weight);
    const [best, second] = ranked;
    if (best !== undefined && (second === undefined || best.weight < second.weight)) {
      for (const told of best.branch) this.#told.push({ ...told, at: schemaPath, kind: told.kind === "const" ? "const" : keyword });
      return;
    }
    const forms = unique(ranked.filter(({ weight }) => weight === best?.weight).map(({ branch }) => {
      const { path, message } = branch[0]!;
      return path === instancePath ? message : `${path.slice(instancePath.length + 1)} ${message}`;
    }));
    this.#add(error, short(`fits none of the forms that are allowed here: ${forms.join("; or ")}`));
  }
}
