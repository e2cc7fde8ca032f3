/**
 * What a route's description promises, kept: the input is checked before the handler runs, and in dev
 * an output that is not as described is told in the log. `req.validate` is the same check by hand. The
 * schemas are read by the part "schema", which comes with programs that name `.validate` or `.describe`.
 */
import { failure } from "./failure";
import { log } from "./host";
import type { Internals } from "./internals";
import { current, enter, parse, promiseThen, resolved, settings, stringify } from "./invocation";
import type { Problem } from "./platform/parts/schema_link";
import type { Rule } from "./platform/parts/schema";
import { Html } from "./platform/html";
import { isResponse, snapshot } from "./platform/response";
import { type AppRequest, accept } from "./request";

export type { Rule } from "./platform/parts/schema";
const FORMS = new Set(["application/x-www-form-urlencoded", "multipart/form-data"]);

/** What a route's checks need to know of it. */
export interface Promised {
  path: string; params?: Rule; input?: Rule; output?: Rule;
  /** Rules of answers by status, where they have one of their own. */
  answers?: Record<string, Rule>;
  warned?: boolean;
}
export const isPromised = ({ params, input, output, answers }: Promised): boolean =>
  params !== undefined || input !== undefined || output !== undefined || answers !== undefined;
type Run = (request: AppRequest) => any;

let parts: Internals;
export function installValidation(I: Internals): void { parts = I; }

/** The rule that a schema is; `what` names it to its author. */
export function ruleOf(schema: unknown, what: string): Rule {
  const made = parts.load("schema").compile(schema) as { rule: Rule } | { problems: Problem[] };
  if ("rule" in made) return made.rule;
  const { path, message } = made.problems[0]!;
  const error: any = failure("SchemaError", "invalid_schema", `${what} is no JSON Schema: ${path === "" ? "it" : path} ${message}.`,
    "Schemas are read as JSON Schema 2020-12, or as the draft that $schema names; references lead inside the schema only.");
  error.details = made.problems;
  throw error;
}

/** What the request brings for a rule, as the rule's types. Throws 400 `invalid_input` where it does not fit. */
export function validated(request: AppRequest, rule: Rule): unknown {
  const { body } = request, asked = hasQueryOnly(request);
  const media = (request.headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();
  const form = !asked && FORMS.has(media);
  const text = asked || form;
  const files = form ? filesOf(request) : {};
  const value: any = text ? rule.read(asked ? request.query : { ...body, ...files }, form) : body;
  const problems = body instanceof Uint8Array && !asked ? [unread(media)] : rule.check(value);
  for (const field of form ? rule.files : []) {
    if (Object.hasOwn(value, field) && !Object.hasOwn(files, field)) problems[problems.length] = { path: `/${field}`, message: "must be a file, of a form that is multipart/form-data" };
  }
  if (problems.length === 0) {
    for (const field in files) delete value[field]; // they are in req.files
    return value;
  }
  throw refusal(asked ? "query" : "body", body === undefined && !text ? [NO_BODY] : text ? problems.map(ofText) : problems, media, body);
}

/** The files of a form by their fields, as the names that they came with: to a schema a file is a string. */
function filesOf({ files }: AppRequest): Record<string, string[] | string> {
  const found: Record<string, string[]> = Object.create(null);
  for (const { field, filename } of files) (found[field] ??= []).push(filename);
  return Object.fromEntries(Object.entries(found).map(([field, names]) => [field, names.length === 1 ? names[0]! : names]));
}

/** Whether what a request brings is its query: it has no body, and none is expected of it. */
export function hasQueryOnly({ method, body }: AppRequest): boolean {
  return method === "GET" || method === "HEAD" || (body === undefined && (method === "DELETE" || method === "OPTIONS"));
}

const NO_BODY: Problem = { path: "", message: "is required, and the request has none" };
const unread = (media: string): Problem => ({ path: "", message: `must be JSON, and came ${media === "" ? "without a content type" : `as ${media}`}` });
/** Whatever comes as text is a string; that it is one explains nothing. */
const ofText = ({ path, message }: Problem): Problem => ({ path, message: message.replace(/, not a string$/, "") });
const SHOWN = 3;

function tell(problems: Problem[]): string {
  const told = problems.slice(0, SHOWN).map(({ path, message }) => `${path === "" ? "it" : path.slice(1)} ${message}`);
  const more = problems.length - told.length;
  return told.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** Whether a body came as what has fields. `curl -d '{…}'` says that its JSON is a form. */
function isData(media: string, body: any): boolean {
  return /\bjson$/.test(media) || (FORMS.has(media) && !Object.keys(body ?? {}).some((name) => name.startsWith("{")));
}

function refusal(what: "path" | "query" | "body", problems: Problem[], media: string, body: any): Error {
  const error: any = failure("ValidationError", "invalid_input", `The ${what} is not as expected: ${tell(problems)}.`,
    what === "body" && !isData(media, body)
      ? "JSON is sent with Content-Type: application/json."
      : `Each entry of details names a place in the ${what} as a JSON Pointer, and what is expected there.`, 400);
  error.details = problems;
  return error;
}

function checkPath({ params }: AppRequest, rule: Rule): void {
  const problems = rule.check(rule.read(params, false));
  if (problems.length > 0) throw refusal("path", problems.map(ofText), "", undefined);
}

/** A handler between the checks that its route's description asks for. */
export function guarded(route: Promised, run: Run): Run {
  return (request) => {
    if (route.params !== undefined) checkPath(request, route.params);
    if (route.input !== undefined) accept(request, route.input);
    const value = run(request);
    if ((route.output === undefined && route.answers === undefined) || route.warned || settings.env !== "dev") return value;
    if (typeof value !== "object" || value === null || typeof value.then !== "function") return watched(route, value);
    const invocation = current();
    return promiseThen(resolved(value), (answer: unknown) => {
      enter(invocation);
      return watched(route, answer);
    });
  };
}

/** The answer as it is; where it is not as described, the log says so once. */
function watched(route: Promised, answer: unknown): unknown {
  try {
    const status = isResponse(answer) ? snapshot(answer).status : 200;
    const success = status >= 200 && status < 300;
    const rule = route.answers?.[status] ?? route.answers?.[`${Math.trunc(status / 100)}XX`] ?? (success ? route.output : route.answers?.default);
    const value = rule === undefined ? NOTHING : content(answer);
    const problems = value === NOTHING ? [] : rule!.check(value);
    if (problems.length > 0 && !route.warned) {
      route.warned = true;
      log("warn", `${route.path} answered ${status} otherwise than it is described: ${tell(problems)}. This is told once.`);
    }
  } catch {
    // What has no JSON form is told by the answer itself.
  }
  return answer;
}

const NOTHING = Symbol();

/** The JSON value that a client will read; NOTHING where an answer is none. */
function content(answer: unknown): unknown {
  if (answer === undefined || answer instanceof Html || typeof answer === "string") return NOTHING;
  if (!isResponse(answer)) return parse(stringify(answer));
  const { headers, body } = snapshot(answer);
  const json = headers.some(([name, value]) => name === "content-type" && /\bjson\b/.test(value));
  return json && typeof body === "string" ? parse(body) : NOTHING;
}
