/**
 * acorn, set up for the two texts of the compiler: what the author wrote (a cell may await, import
 * and use `using` at top level) and what V8 will get (a plain script, without any leave).
 */
import { Parser, type Options, type Token } from "acorn";
import { Problem } from "./problem";

/** A node of the tree. Its fields are ESTree's; the walkers know which to expect of a type. */
export interface Node { type: string; start: number; end: number; [field: string]: any }
export interface Comment { block: boolean; text: string; start: number; end: number }
export interface Parsed { text: string; program: Node; tokens: Token[]; comments: Comment[] }

/** Top level of a cell is the body of an async function, so `using` may stand there. */
const Cell = Parser.extend((Base: any) => class extends Base {
  get allowUsing(): boolean { return true; }
} as any);

const AUTHOR: Partial<Options> = { allowAwaitOutsideFunction: true, allowImportExportEverywhere: true, allowHashBang: true };

function run(text: string, parser: typeof Parser, options: Partial<Options>): Parsed {
  const tokens: Token[] = [], comments: Comment[] = [];
  const program = parser.parse(text, {
    ecmaVersion: "latest",
    sourceType: "script",
    ...options,
    onToken: tokens,
    onComment: (block, content, start, end) => comments.push({ block, text: content, start, end }),
  }) as unknown as Node;
  return { text, program, tokens, comments };
}

/** The author's text, with types already taken out. Throws acorn's SyntaxError. */
export function parseAuthor(text: string): Parsed {
  return run(text, Cell, AUTHOR);
}

/** The final text, exactly as V8 reads it. Throws acorn's SyntaxError. */
export function parseFinal(text: string): Parsed {
  return run(text, Parser, { allowHashBang: false });
}

/** The tree of an expression that fills `text`, or null. */
export function wholeExpression(text: string): Node | null {
  try {
    const { program } = run(`(${text}\n)`, Cell, AUTHOR);
    return program.body.length === 1 && program.body[0].type === "ExpressionStatement" ? program.body[0].expression : null;
  } catch {
    return null;
  }
}

/** Index of the first token that starts at or after `position`. */
export function tokenAt(tokens: Token[], position: number): number {
  let low = 0, high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens[middle]!.start < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

const HINTS: [RegExp, (text: string) => [message: string, hint: string]][] = [
  [/'return' outside of function/, () => ["'return' stands outside of a function",
    "The value of a cell is its last expression: write it without 'return'."]],
  [/Identifier '(.*)' has already been declared/, (text) => [text.replace(/^Identifier/, "The name"),
    "Remove one of the declarations, or give one another name. Running the cell again is no redeclaration."]],
  [/Cannot use 'import\.meta'/, () => ["'import.meta' is not available", "Use app.name, app.env or a constant instead."]],
  [/Unterminated (template|string|comment|regular)/, (text) => [text, "Close it where it should end."]],
  [/Unexpected token/, () => ["Unexpected token", "Look at the caret and just before it: a bracket, a comma or an operator is missing or too many."]],
];

/** acorn's error as ours. `text` is what was parsed. */
export function syntaxProblem(error: any, text: string): Problem {
  if (error instanceof Problem) return error;
  const at: number = error.pos ?? 0;
  let message = String(error.message).replace(/ \(\d+:\d+\)$/, "");
  let hint = "Correct the text at the caret.";
  for (const [pattern, say] of HINTS) {
    if (pattern.test(message)) {
      [message, hint] = say(message);
      break;
    }
  }
  if (message === "Unexpected token") {
    if (at >= text.trimEnd().length) {
      return new Problem("syntax_error", "Unexpected end of input",
        "Something that was opened is not closed: a bracket, a brace or a parenthesis.", at);
    }
    const awaits = /\bawait\s+$/.exec(text.slice(0, at));
    if (awaits) {
      return new Problem("syntax_error", "'await' stands in a function that is not async",
        "Write 'async' before the function: async function f() {} or async () => {}.", awaits.index);
    }
    if (text[at] === "%" && /^%\s*[A-Za-z_$\\]/.test(text.slice(at))) return nativesProblem(at);
    const found = /^(?:[\w$]+|[^\w\s$])/u.exec(text.slice(at));
    if (found) message = `Unexpected ${JSON.stringify(found[0])}`;
  }
  return new Problem("syntax_error", message, hint, at);
}

export function nativesProblem(at: number): Problem {
  return new Problem("natives_syntax", "'%' before a name is V8's natives syntax, which programs may not use",
    "For a remainder write the left operand before '%', as in a % b.", at);
}
