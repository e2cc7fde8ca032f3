/**
 * Takes types and JSX out of a piece. Text that is plain JavaScript is left alone, so that its
 * columns are exact and sucrase, which checks nothing, is not in the way. `a < b > (c)` is valid
 * JavaScript and a generic call in TypeScript: where the piece may hold TypeScript it is the latter.
 */
import { transform, type Transform } from "sucrase";
import { type Node, type Parsed, parseAuthor, syntaxProblem } from "./parse";
import { type Place, type Problem, originalPlace, placeOf } from "./problem";

export interface Stripped {
  parsed: Parsed;
  /** Source map from the stripped text to the author's; null where the text is the author's. */
  map: object | null;
  module: boolean;
}

/** What a piece may hold, by the end of its name; a cell may hold everything. */
function languages(name: string, cell: boolean): Transform[] {
  if (cell || name.endsWith(".tsx")) return ["typescript", "jsx"];
  if (/\.[cm]?ts$/.test(name)) return ["typescript"];
  return ["jsx"];
}

const JSX = { production: true, jsxPragma: "h", jsxFragmentPragma: "Fragment" };

function sucrase(text: string, name: string, cell: boolean, transforms: Transform[]) {
  const { code, sourceMap } = transform(text, {
    ...JSX,
    transforms,
    disableESTransforms: true,
    preserveDynamicImport: true,
    keepUnusedImports: cell,
    filePath: name,
    sourceMapOptions: { compiledFilename: name },
  });
  return { code, map: sourceMap as object };
}

export function strip(text: string, name: string, cell: boolean, asModule: boolean): Stripped {
  const transforms = languages(name, cell);
  let { parsed, map } = withoutTypes(text, name, cell, transforms);
  const module = !cell && (asModule || name.endsWith(".mjs") || parsed.program.body.some(isModuleItem));
  if (module) {
    const result = sucrase(text, name, cell, map === null ? ["imports"] : [...transforms, "imports"]);
    parsed = parseStripped(result.code, result.map);
    map = result.map;
  }
  return { parsed, map, module };
}

function withoutTypes(text: string, name: string, cell: boolean, transforms: Transform[]): Omit<Stripped, "module"> {
  let plain: Parsed | null = null, failure: any = null;
  try {
    plain = parseAuthor(text);
    if (transforms[0] !== "typescript" || !mayBeGeneric(plain)) return { parsed: plain, map: null };
  } catch (error) {
    failure = error;
  }
  let result;
  try {
    result = sucrase(text, name, cell, transforms);
  } catch (error: any) {
    if (plain !== null) return { parsed: plain, map: null };
    throw further(failure, error, text);
  }
  if (result.code === text) {
    if (plain === null) throw syntaxProblem(failure, text);
    return { parsed: plain, map: null };
  }
  return { parsed: parseStripped(result.code, result.map), map: result.map };
}

function parseStripped(code: string, map: object): Parsed {
  try {
    return parseAuthor(code);
  } catch (error) {
    const problem = syntaxProblem(error, code);
    problem.place = originalPlace(map, placeOf(code, problem.at));
    throw problem;
  }
}

/** Of two complaints the one that got further knows better what the text is. */
function further(failure: any, error: any, text: string): Problem {
  const at = error?.loc ? offsetOf(text, error.loc) : 0;
  if (failure.pos >= at || /^(Unterminated|Invalid regular)/.test(failure.message)) return syntaxProblem(failure, text);
  const message = String(error?.message ?? error).replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
  return syntaxProblem({ pos: at, message }, text);
}

function offsetOf(text: string, { line, column }: Place): number {
  let at = 0;
  for (let passed = 1; passed < line; passed++) at = text.indexOf("\n", at) + 1;
  return at + column - 1;
}

const isModuleItem = (node: Node): boolean => node.type === "ImportDeclaration" || node.type.startsWith("Export");

/** Whether some `a < b > c` stands in the tree. */
function mayBeGeneric({ text, tokens, program }: Parsed): boolean {
  if (!text.includes("<") || !tokens.some((token) => (token as { value?: unknown }).value === "<")) return false;
  const visit = (node: Node): boolean => {
    if (node.type === "BinaryExpression" && node.operator.startsWith(">") && node.left.type === "BinaryExpression" && node.left.operator === "<") return true;
    for (const key in node) {
      const child = node[key];
      if (Array.isArray(child) ? child.some((item) => item && typeof item.type === "string" && visit(item)) : child && typeof child.type === "string" && visit(child)) return true;
    }
    return false;
  };
  return visit(program);
}
