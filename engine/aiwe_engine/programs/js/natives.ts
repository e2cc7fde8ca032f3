/**
 * V8 runs with `--allow-natives-syntax`, for the prelude's sake, so programs must be kept from it.
 * A native is a `%` where an operand is expected, followed by a name. acorn refuses that wherever it
 * reads the text as V8 does; so the final text is parsed in the goal V8 uses, and beyond that nothing
 * rests on both agreeing: no `%` of the final text is followed by a name, because the name that the
 * right operand of a remainder begins with is put in parentheses.
 */
import { tokTypes } from "acorn";
import { childrenOf } from "./analysis";
import type { Edits } from "./edits";
import { type Node, type Parsed, nativesProblem } from "./parse";
import { Problem } from "./problem";

const RESERVED = "__aiwe_";

/** Refuses what the author's text must not hold. */
export function checkAuthor({ text, tokens, comments }: Parsed): void {
  for (const token of tokens) {
    const { value } = token as { value?: unknown };
    if (typeof value !== "string" || !value.startsWith(RESERVED)) continue;
    if (token.type === tokTypes.name || token.type === tokTypes.privateId) {
      throw new Problem("reserved_name", `Names that begin with ${RESERVED} belong to the engine`, `Give '${value}' another name.`, token.start);
    }
  }
  for (const { block, start } of comments) {
    if (!block && /^(?:<!--|-->)/.test(text.slice(start, start + 4))) {
      throw new Problem("syntax_error", "A comment of the form <!-- or --> stands in the text", "Write // before a comment.", start);
    }
  }
}

/** `a % b.c` → `a %(b).c`. Runs before walkers that close something at the same place. */
export function remainderEdits({ program, text }: Parsed, edits: Edits): void {
  if (!text.includes("%")) return;
  const visit = (node: Node): void => {
    if (node.type === "BinaryExpression" && node.operator === "%") {
      const first = leftmost(node.right);
      if (first.type === "Identifier") {
        edits.open(first.start, "(");
        edits.close(first.end, ")");
      }
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program);
}

function leftmost(node: Node): Node {
  const first: Node | undefined = childrenOf(node).next().value ?? undefined;
  return first !== undefined && first.start === node.start ? leftmost(first) : node;
}

/** The last look: at the tokens of the text that V8 gets. */
export function checkFinal({ text, tokens, comments }: Parsed): void {
  for (const [index, token] of tokens.entries()) {
    if (token.type === tokTypes.modulo && tokens[index + 1]?.type === tokTypes.name) throw nativesProblem(token.start);
  }
  for (const { block, start } of comments) {
    if (!block && text[start] !== "/") throw nativesProblem(start);
  }
}
