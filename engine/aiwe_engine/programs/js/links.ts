/** What a piece imports, and the edits that turn its specifiers into names of pieces. */
import { childrenOf } from "./analysis";
import type { Edits } from "./edits";
import type { Node } from "./parse";
import { Problem } from "./problem";

export interface Link {
  specifier: string;
  /** The literal that holds the specifier. */
  node: Node;
  /** `import(…)`: what is not part of the program rejects when it runs. */
  dynamic: boolean;
}

/** Static imports of a cell, `require`s of a module as sucrase writes them, and `import()` anywhere. */
export function findLinks(program: Node, module: boolean): Link[] {
  const links: Link[] = [];
  const visit = (node: Node): void => {
    if (node.type === "ImportDeclaration") links.push({ specifier: node.source.value, node: node.source, dynamic: false });
    else if (node.type === "ImportExpression") {
      if (typeof node.source.value === "string") links.push({ specifier: node.source.value, node: node.source, dynamic: true });
    } else if (module && node.type === "CallExpression" && node.callee.name === "require" && typeof node.arguments[0]?.value === "string") {
      links.push({ specifier: node.arguments[0].value, node: node.arguments[0], dynamic: false });
    } else if (node.type === "MetaProperty" && node.meta.name === "import") {
      throw new Problem("syntax_error", "'import.meta' is not available", "Use app.name, app.env or a constant instead.", node.start);
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program);
  return links;
}

/** `import(x)` → `__aiwe_import(x)`; known specifiers become the names of their pieces. */
export function linkEdits(program: Node, edits: Edits, links: Link[], resolved: Record<string, string>): void {
  for (const { node, specifier } of links) {
    const name = resolved[specifier];
    if (name !== undefined && name !== specifier) edits.replace(node.start, node.end, JSON.stringify(name));
  }
  const visit = (node: Node): void => {
    if (node.type === "ImportExpression") {
      edits.replace(node.start, node.start + "import".length, "__aiwe_import");
      if (node.options) edits.remove(node.source.end, node.options.end);
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program);
}
