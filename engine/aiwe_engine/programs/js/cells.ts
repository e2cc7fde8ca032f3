/**
 * Cells as files of TypeScript's. A file with an import is a module to TypeScript and shares nothing, so
 * imports are blanked out, at equal length, and what they bind is declared elsewhere.
 */
import ts from "typescript";

export interface CellText { cell: string; source: string }

export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A cell without types is checked as JavaScript, which forgives `const a = {}; a.b = 1`. A session has no name until its kernel is there. */
export function pathOf(session: string, { cell, source }: CellText): string {
  const id = (text: string) => text.replace(/[^\w-]/g, "_");
  return `/in-${id(session)}/cell-${id(cell)}.${isTyped(source) ? "tsx" : "jsx"}`;
}

function parse(source: string): ts.SourceFile {
  return ts.createSourceFile("/cell.tsx", source, ts.ScriptTarget.ESNext, false, ts.ScriptKind.TSX);
}

const TYPED = new Set([ts.SyntaxKind.InterfaceDeclaration, ts.SyntaxKind.TypeAliasDeclaration, ts.SyntaxKind.EnumDeclaration,
  ts.SyntaxKind.ModuleDeclaration, ts.SyntaxKind.AsExpression, ts.SyntaxKind.SatisfiesExpression, ts.SyntaxKind.NonNullExpression,
  ts.SyntaxKind.TypeParameter, ts.SyntaxKind.DeclareKeyword, ts.SyntaxKind.AbstractKeyword, ts.SyntaxKind.ReadonlyKeyword]);

function isTyped(source: string): boolean {
  const typed = (node: ts.Node): boolean => TYPED.has(node.kind) ||
    (node.kind >= ts.SyntaxKind.FirstTypeNode && node.kind <= ts.SyntaxKind.LastTypeNode && node.kind !== ts.SyntaxKind.ExpressionWithTypeArguments) ||
    KEYWORDS.has(node.kind) || ts.forEachChild(node, typed) === true;
  return typed(parse(source));
}

const KEYWORDS = new Set([ts.SyntaxKind.StringKeyword, ts.SyntaxKind.NumberKeyword, ts.SyntaxKind.BooleanKeyword, ts.SyntaxKind.AnyKeyword,
  ts.SyntaxKind.UnknownKeyword, ts.SyntaxKind.VoidKeyword, ts.SyntaxKind.NeverKeyword, ts.SyntaxKind.ObjectKeyword]);

const imports = (source: string): ts.ImportDeclaration[] =>
  /\bimport\b/.test(source) ? parse(source).statements.filter(ts.isImportDeclaration) : [];

export function withoutImports(source: string): string {
  let text = source;
  for (const { pos, end } of imports(source)) {
    text = text.slice(0, pos) + text.slice(pos, end).replace(/[^\n]/g, " ") + text.slice(end);
  }
  return text;
}

/** Declarations of what a cell's imports bind. */
export function declaredImports(source: string): string {
  const names: string[] = [];
  for (const { importClause: clause } of imports(source)) {
    if (clause?.name) names.push(clause.name.text);
    const bound = clause?.namedBindings;
    if (bound && ts.isNamespaceImport(bound)) names.push(bound.name.text);
    else if (bound) for (const item of bound.elements) names.push(item.name.text);
  }
  return names.map((name) => `declare var ${name}: any;`).join("\n");
}
