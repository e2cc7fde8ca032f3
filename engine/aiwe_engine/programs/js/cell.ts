/**
 * A cell as the body of an async function. Its top-level names become variables of the program, so
 * that cells share them and can run again; its functions are assigned before anything else runs,
 * as hoisting would have it; its last expression is returned. Everything is edited in place.
 */
import { childrenOf, isFunction, loopHead, patternNames } from "./analysis";
import { awaited, bodyStart, inList } from "./context_edits";
import type { Edits } from "./edits";
import type { Node, Parsed } from "./parse";
import { Problem } from "./problem";

export interface CellShape {
  hoisted: Set<string>;
  /** Resolved names of what the cell imports, by specifier. */
  resolved: Record<string, string>;
  /** The statement whose value is the cell's. */
  returned: Node | null;
}

export function lastExpression(program: Node): Node | null {
  const last: Node | undefined = program.body.at(-1);
  return last?.type === "ExpressionStatement" ? last : null;
}

/** Edits that the context's must find done: declarations, hoisting, imports and the last value. */
export function cellEdits({ text, program }: Parsed, edits: Edits, shape: CellShape): void {
  const { hoisted, resolved } = shape;
  const front = new Front(edits, bodyStart(program));
  const imports: Node[] = [];
  for (const statement of program.body) {
    if (statement.type === "FunctionDeclaration") assignFunction(statement, edits, front);
    else if (statement.type === "ClassDeclaration") assignClass(statement, edits);
    else if (statement.type === "VariableDeclaration") assignInPlace(statement, text, edits, ";", hoisted);
    else if (statement.type === "ImportDeclaration") imports.push(statement);
    else if (statement.type.startsWith("Export")) throw exported(statement);
    else if (statement === shape.returned) returnValue(statement, text, edits);
    else nestedVars(statement, text, edits, hoisted);
  }
  for (const statement of imports) assignImports(statement, edits, front, resolved);
}

/** Where hoisted statements gather, in their order. */
class Front {
  constructor(private readonly edits: Edits, private end: number) {}
  take(node: Node): void {
    if (node.start === this.end) this.end = node.end;
    else this.edits.move(node.start, node.end, this.end);
  }
}

function exported(statement: Node): Problem {
  return new Problem("syntax_error", "'export' stands in a cell",
    "Leave out 'export': all cells of a notebook share their top-level names. To export, write a file of its own.", statement.start);
}

/** `function f() {}` → `f = function () {}` at the front; the name is inferred, so stacks show it. */
function assignFunction(node: Node, edits: Edits, front: Front): void {
  edits.open(node.start, `;${node.id.name}=`);
  edits.remove(node.id.start, node.id.end);
  edits.closeLast(node.end, ";");
  front.take(node);
}

function assignClass(node: Node, edits: Edits): void {
  edits.open(node.start, `;${node.id.name}=`);
  edits.closeLast(node.end, ";");
}

/** `const a = 1, {b} = c` → `;a = 1, ({b} = c)`. */
function assignInPlace(node: Node, text: string, edits: Edits, before: string, hoisted: Set<string>): void {
  if (node.kind.endsWith("using")) return;
  const first: Node = node.declarations[0];
  edits.replace(node.start, first.start, before);
  for (const { id, init, start, end } of node.declarations as Node[]) {
    if (init) {
      const parens = id.type === "ObjectPattern";
      if (parens) edits.open(start, "(");
      nestedVars(init, text, edits, hoisted);
      if (parens) edits.closeLast(end, ")");
    } else if (node.kind === "var") edits.replace(start, end, "0");
    else edits.closeLast(end, "=void 0");
  }
  if (before !== "") edits.closeLast(node.end, before);
}

/** `var` below a top-level statement belongs to the program too; that of a loop's head stays local. */
function nestedVars(node: Node, text: string, edits: Edits, hoisted: Set<string>): void {
  if (isFunction(node) || node.type === "ClassBody") return;
  const head = loopHead(node);
  if (head?.kind === "var" && head.declarations.some((item: Node) => patternNames(item.id).some((name) => hoisted.has(name)))) {
    if (node.type === "ForStatement") assignInPlace(head, text, edits, "", hoisted);
    else edits.remove(head.start, head.declarations[0].start);
  }
  for (const child of childrenOf(node)) {
    if (child === head) continue;
    if (child.type === "VariableDeclaration" && child.kind === "var") {
      assignInPlace(child, text, edits, inList(node) ? ";" : "", hoisted);
    } else nestedVars(child, text, edits, hoisted);
  }
}

function returnValue(statement: Node, text: string, edits: Edits): void {
  const end = text[statement.end - 1] === ";" ? statement.end - 1 : statement.end;
  edits.open(statement.start, ";return __aiwe_await((");
  edits.closeLast(end, "))");
}

function assignImports(node: Node, edits: Edits, front: Front, resolved: Record<string, string>): void {
  const names = node.specifiers.map((item: Node) => {
    const local = item.local.name;
    if (item.type === "ImportNamespaceSpecifier") return `,${local}=__aiwe_t`;
    const imported = item.type === "ImportDefaultSpecifier" ? "default" : item.imported.name ?? item.imported.value;
    return `,${local}=__aiwe_t[${JSON.stringify(imported)}]`;
  });
  const module = `__aiwe_import(${JSON.stringify(resolved[node.source.value])})`;
  edits.replace(node.start, node.end, `;__aiwe_t=${awaited(module)}${names.join("")};`);
  front.take(node);
}
