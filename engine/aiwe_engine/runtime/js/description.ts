/**
 * What a route is described with, read when it is described: a mistake is told there, and not found by a
 * visitor. Schemas become the rules by which requests and answers are checked (validation.ts).
 */
import { failure } from "./failure";
import { stringify } from "./invocation";
import { isArray, isInteger, ownKeys } from "./platform/primordials";
import { type Promised, type Rule, ruleOf } from "./validation";

const isText = (value: unknown): boolean => typeof value === "string";
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !isArray(value);

/** What each field must be, in words and as a test; schemas are read apart. */
const FIELDS: Record<string, [what: string, test: (value: any) => boolean]> = {
  body: ['"parsed" or "stream"', (value) => value === "parsed" || value === "stream"],
  bodyLimit: ["a whole number of bytes, as in 50 * 1024 * 1024", (value) => isInteger(value) && value > 0],
  summary: ["a text", isText],
  description: ["a text", isText],
  tags: ["a list of texts", (value) => isArray(value) && value.every(isText)],
  public: ["true or false", (value) => typeof value === "boolean"],
  hidden: ["true or false", (value) => typeof value === "boolean"],
  params: ["an object of a schema for each parameter of the path", isObject],
  responses: ["an object of answers by status, as in { 404: \"No such task\" }", isObject],
};
const STATUS = /^([1-5]\d\d|[1-5]XX|default)$/;

function wrong(route: Promised, message: string): Error {
  return failure("TypeError", "invalid_route", `describe of ${route.path}: ${message}.`);
}

/** Takes what a description says into a route; returns it as the host is to know it. */
export function described(route: Promised, info: Record<string, unknown>): object {
  for (const name in FIELDS) {
    const [what, test] = FIELDS[name]!;
    const value = info[name];
    if (value !== undefined && !test(value)) throw wrong(route, `${name} is ${what}, not ${stringify(value) ?? typeof value}`);
  }
  const { input, output, params, responses, body } = info as any;
  if (input !== undefined && body === "stream") throw wrong(route, "an input is checked when it has come, so the body cannot be a stream");
  if (input !== undefined) route.input = ruleOf(input, `The input of ${route.path}`);
  if (output !== undefined) route.output = ruleOf(output, `The output of ${route.path}`);
  if (params !== undefined) route.params = pathRule(route, params);
  if (responses !== undefined) route.answers = answerRules(route, responses);
  return info;
}

function pathRule(route: Promised, params: Record<string, unknown>): Rule {
  for (const name of ownKeys(params) as string[]) {
    if (!new RegExp(`/[:*]${name}(/|$)`).test(route.path)) throw wrong(route, `params has "${name}", which is no parameter of the path`);
    ruleOf(params[name], `The parameter ${name} of ${route.path}`);
  }
  return ruleOf({ properties: params }, `What params of ${route.path} has`);
}

function answerRules(route: Promised, responses: Record<string, any>): Record<string, Rule> {
  const rules: Record<string, Rule> = { __proto__: null } as any;
  for (const status of ownKeys(responses) as string[]) {
    const one = responses[status];
    if (!STATUS.test(status)) throw wrong(route, `responses has "${status}", which is no status: 404, "4XX" and "default" are`);
    if (!isText(one) && !isObject(one)) throw wrong(route, `the response ${status} must be a text or { description, schema, contentType }`);
    if (!isText(one) && one.schema !== undefined) rules[status] = ruleOf(one.schema, `The response ${status} of ${route.path}`);
  }
  return rules;
}
