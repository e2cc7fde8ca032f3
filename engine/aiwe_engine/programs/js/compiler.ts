/**
 * The compiler's entry: one piece of a program in, as JSON text, the script that defines it out.
 *
 *     text → plain JavaScript (strip) → tree → edits in place → script → parsed again as V8 will
 *
 * It runs in bare V8, in a process of its own, and never runs anything of the author's.
 */
import "./bare";
import remapping from "@jridgewell/remapping";
import { encode } from "@jridgewell/sourcemap-codec";
import { analyse } from "./analysis";
import { cellEdits, lastExpression } from "./cell";
import { contextEdits } from "./context_edits";
import { Edits } from "./edits";
import { findLinks, linkEdits, type Link } from "./links";
import { checkAuthor, checkFinal, remainderEdits } from "./natives";
import { parseAuthor, parseFinal, syntaxProblem, wholeExpression, type Parsed } from "./parse";
import { type Place, Problem, originalPlace, placeOf } from "./problem";
import { strip } from "./strip";

interface Job {
  text: string;
  name: string;
  cell: boolean;
  /** Other pieces import it, so it has a scope of its own even without exports. */
  module: boolean;
  /** Names of pieces by specifier, as far as they are known. */
  resolved: Record<string, string>;
}

function compile(job: Job) {
  const text = job.text.replace(/\r\n?/g, "\n");
  const { parsed, map, module } = read(job, text);
  const place = (at: number): Place => {
    const found = placeOf(parsed.text, at);
    return map === null ? found : originalPlace(map, found);
  };
  try {
    return build(job, parsed, map, module, place);
  } catch (error) {
    if (error instanceof Problem) error.place ??= place(error.at);
    throw error;
  }
}

function read(job: Job, text: string) {
  try {
    return (job.cell ? objectLiteral(text) : null) ?? strip(text, job.name, job.cell, job.module);
  } catch (error) {
    if (error instanceof Problem) error.place ??= placeOf(text, error.at);
    throw error;
  }
}

function build(job: Job, parsed: Parsed, map: object | null, module: boolean, place: (at: number) => Place) {
  checkAuthor(parsed);
  const { program } = parsed;
  const links = findLinks(program, module);
  const missing = unresolved(links, job.resolved);
  if (missing.length > 0) return { unresolved: missing.map(({ specifier, node, dynamic }) => ({ specifier, dynamic, ...place(node.start) })) };
  const analysis = analyse(program, module);
  const edits = new Edits(parsed.text, job.name);
  if (parsed.text.startsWith("#!")) edits.replace(0, 2, "//");
  linkEdits(program, edits, links, job.resolved);
  const returned = module ? null : lastExpression(program);
  const imports = !module && program.body.some((node: { type: string }) => node.type === "ImportDeclaration");
  remainderEdits(parsed, edits);
  if (!module) cellEdits(parsed, edits, { hoisted: analysis.hoisted, resolved: job.resolved, returned });
  const tail = contextEdits(parsed, edits, imports, returned);
  const names = [...analysis.hoisted];
  edits.wrap(opening(job.name, module, names), `\n${tail}});\n//# sourceURL=${encodeURI(job.name)}`);
  const code = edits.toString();
  const own = edits.map();
  checkFinal(parseScript(code, (at) => {
    const found = originalPlace(own, placeOf(code, at));
    return map === null ? found : originalPlace(map, found);
  }));
  return {
    name: job.name,
    code,
    mappings: mappingsOf(own, map),
    names: analysis.names,
    declares: analysis.declares,
    eager: analysis.eager,
    imports: [...new Set(links.flatMap(({ specifier }) => job.resolved[specifier] ?? []))].filter((name) => !name.startsWith(".")),
    module,
    directive: directiveOf(parsed),
    warnings: analysis.stores.map(([name, at]) => warning(job.name, name, place(at))),
  };
}

function opening(name: string, module: boolean, names: string[]): string {
  const quoted = JSON.stringify(name);
  if (module) return `__aiwe_define(${quoted},async(exports,require)=>{`;
  return (names.length > 0 ? `var ${names.join(",")};` : "") + `__aiwe_enter(${quoted},async()=>{`;
}

/** Static imports must be known; `import()` of what is not known rejects when it runs. */
function unresolved(links: Link[], resolved: Record<string, string>): Link[] {
  return links.filter(({ specifier, dynamic }) => resolved[specifier] === undefined && !(dynamic && !specifier.startsWith(".")));
}

/** A cell that is one object literal means the object, not a block. */
function objectLiteral(text: string) {
  const before = /^(?:\s|\/\/.*\n|\/\*[^]*?\*\/)*(?=\{[^]*\}\s*$)/.exec(text);
  if (before === null) return null;
  const expression = wholeExpression(text);
  if (expression?.type !== "ObjectExpression") return null;
  const start = before[0].length, end = text.lastIndexOf("}") + 1;
  const edited = new Edits(text, "");
  edited.open(start, "(");
  edited.close(end, ")");
  return { parsed: parseAuthor(edited.toString()), map: edited.map(), module: false };
}

/** What fails only here is a conflict with the text around: `var await` in the body of an async function. */
function parseScript(code: string, place: (at: number) => Place): Parsed {
  try {
    return parseFinal(code);
  } catch (error) {
    const problem = syntaxProblem(error, code);
    problem.place = place(problem.at);
    throw problem;
  }
}

function mappingsOf(own: any, map: object | null): string {
  if (map === null) return encode(own.mappings);
  return remapping([{ version: 3, ...own }, map as any], () => null).mappings as unknown as string;
}

function directiveOf({ comments }: Parsed): "scratch" | "deploy" | null {
  for (const { block, text } of comments) {
    const found = block ? null : /^\s*@(scratch|deploy)\s*$/.exec(text);
    if (found) return found[1] as "scratch" | "deploy";
  }
  return null;
}

function warning(piece: string, name: string, { line, column }: Place): string {
  return `${piece}:${line}:${column}: a function assigns the top-level variable '${name}'. Module state is a cache, never a store: ` +
    "other isolates do not see it. Keep what must last with DataRepository.";
}

function describe(error: unknown) {
  if (!(error instanceof Problem)) {
    const message = `The compiler failed: ${error}`;
    return { error: { code: "compile_failed", message, hint: "Write it another way, and report this message.", line: 1, column: 1 } };
  }
  return { error: { code: error.code, message: error.message, hint: error.hint, ...error.place } };
}

/** Called by programs/worker.py. */
(globalThis as any).answer = (text: string): string => {
  const job = JSON.parse(text);
  try {
    return JSON.stringify(compile(job));
  } catch (error) {
    return JSON.stringify(describe(error));
  }
};
