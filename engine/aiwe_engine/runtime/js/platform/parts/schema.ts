/**
 * JSON Schema, draft 2020-12 (and the earlier ones, by `$schema`), interpreted by typebox: code cannot be
 * made from strings here. Everything runs in the isolate, so that what a schema costs, a pattern that
 * never ends among it, is the program's own CPU time.
 */
import { Set as setFormat, IsUri, IsUriReference } from "typebox/format";
import { CheckSchema, CheckContext, ErrorContext, ErrorSchema, Meta, Stack } from "typebox/schema";
import { Settings } from "typebox/system";
import { type Problem, type Schema, link } from "./schema_link";
import { fileFields, readFields } from "./schema_texts";
import { type Found, Words } from "./schema_words";

/** A schema that was found good. */
export interface Rule {
  /** Everything that is wrong with a value; empty where it fits. */
  check(value: unknown): Problem[];
  /** Values that came as text, as the types that the schema wants; see schema_texts.ts. */
  read(fields: Record<string, unknown>, form: boolean): Record<string, unknown>;
  /** Names of the properties that are files. */
  files: string[];
}

const LATEST = "https://json-schema.org/draft/2020-12/schema";
const MOST = 100; // problems that are told at once
const KEPT = 200; // rules by their text: a schema may stand inside a handler
const TOO_DEEP: Problem = { path: "", message: "is nested too deeply" };
const MORE: Problem = { path: "", message: `has more problems than the ${MOST} that are listed` };

Settings.Set({ maxErrors: MOST });
// Without the URL part, which is large.
setFormat("url", IsUri);
/** A URI once its letters beyond ASCII are escaped; what else escaping would hide is none. */
const iri = (isUri: (text: string) => boolean) => (text: string): boolean =>
  text.isWellFormed() && !/[\x00-\x20"<>\\^`{|}\x7F]/.test(text) && isUri(encodeURI(text));
setFormat("iri", iri(IsUri));
setFormat("iri-reference", iri(IsUriReference));

class Full extends Error {}
/** Stops the search for errors when there are enough: a body may be large and wrong throughout. */
class Collector extends ErrorContext {
  override AddError(keyword: string, schemaPath: string, instancePath: string, params: object): false {
    super.AddError(keyword as never, schemaPath, instancePath, params as never);
    if (this.AtCapacity()) throw new Full();
    return false;
  }
}

const fits = (schema: Schema, value: unknown): boolean =>
  CheckSchema(Stack({}, schema as never), new CheckContext(), schema as never, value);

function errorsOf(schema: Schema, value: unknown): { errors: Found[]; full: boolean } {
  const collector = new Collector();
  try {
    ErrorSchema(Stack({}, schema as never), collector, "#", "", schema as never, value);
    return { errors: collector.GetErrors() as Found[], full: false };
  } catch (error) {
    if (!(error instanceof Full)) throw error;
    return { errors: collector.GetErrors() as Found[], full: true };
  }
}

function check(schema: Schema, value: unknown): Problem[] {
  try {
    if (fits(schema, value)) return [];
    const { errors, full } = errorsOf(schema, value);
    const problems = new Words(schema, value, (inner, part) => errorsOf(inner, part).errors).tell(errors);
    return full ? [...problems, MORE] : problems;
  } catch (error) {
    // A linked schema ends where the value ends; so it is the value that is too deep for the stack.
    if (error instanceof RangeError) return [TOO_DEEP];
    throw error;
  }
}

const metas = new Map<string, Schema>();
function metaOf(draft: string): Schema | undefined {
  const address = [draft, `${draft}#`, draft.replace(/#$/, "")].find((one) => Object.hasOwn(Meta, one));
  if (address === undefined) return undefined;
  let meta = metas.get(address);
  if (meta === undefined) {
    meta = JSON.parse(JSON.stringify((Meta as Record<string, unknown>)[address])) as Schema;
    link(meta);
    flatten(meta);
    metas.set(address, meta);
  }
  return meta;
}

/** The vocabularies of a meta-schema as one list of keywords: a schema is read seven times faster by it. */
function flatten(meta: any): void {
  const { allOf = [], ...own } = meta;
  if (!allOf.every((one: any) => Object.keys(one).every((key) => FLAT.has(key)))) return;
  delete meta.allOf;
  meta.properties = Object.assign({}, ...allOf.map((one: any) => one.properties), own.properties);
}
const FLAT = new Set(["$comment", "$defs", "$vocabulary", "properties", "title", "type"]);

function problemsOf(copy: any): Problem[] {
  if (typeof copy !== "object" || copy === null || Array.isArray(copy)) {
    return typeof copy === "boolean" ? [] : [{ path: "", message: "must be an object, or true or false" }];
  }
  const draft = copy.$schema ?? LATEST;
  const meta = typeof draft === "string" ? metaOf(draft) : undefined;
  if (meta === undefined) return [{ path: "/$schema", message: `must be one of ${Object.keys(Meta).join(", ")}` }];
  const problems = check(meta, copy);
  return problems.length > 0 ? problems : link(copy);
}

const known = new Map<string, Rule>();

/** The rule that a schema is, or what is wrong with the schema. */
export function compile(schema: unknown): { rule: Rule } | { problems: Problem[] } {
  let text: string | undefined;
  try {
    text = JSON.stringify(schema);
  } catch (error: any) {
    return { problems: [{ path: "", message: `cannot be written as JSON: ${error.message}` }] };
  }
  let rule = text === undefined ? undefined : known.get(text);
  if (rule === undefined) {
    const copy = text === undefined ? undefined : JSON.parse(text);
    const problems = problemsOf(copy);
    if (problems.length > 0) return { problems };
    rule = {
      check: (value) => check(copy, value),
      files: fileFields(copy),
      read: (fields, form) => readFields(copy, fields, form, fits),
    };
    if (known.size >= KEPT) known.delete(known.keys().next().value!);
    known.set(text!, rule);
  }
  return { rule };
}
