/**
 * The language service of notebooks: completion, hover, diagnostics, and whether a cell is complete, by
 * TypeScript in bare V8. Each cell is a file of its own; all files are scripts, so they share their
 * top-level names as cells do. Every job brings the texts it is about and is answered on those.
 */
import "./bare";
import ts from "typescript";
import { type CellText, declaredImports, nameOf, pathOf, withoutImports } from "./cells";
import { strip } from "./strip";

interface Job {
  operation: "complete" | "hover" | "diagnostics" | "complete_check";
  session: string;
  cell: string;
  source: string;
  position: number;
  others: CellText[];
}

const CONTRACT = "/aiwe.d.ts", IMPORTS = "/imports.d.ts";
const LIBRARY = "lib.esnext.d.ts";
const MOST = 400;

/** What is no mistake in a notebook, by the compiler's codes. */
const ALLOWED = new Set([
  1375, 1378, 1431, 1432, 2852, 2853, 2854, // await, for await and await using at top level
  2300, 2384, 2387, 2391, 2393, 2394, 2395, 2397, 2403, 2440, 2451, 2502, 2567, 2687, 2717, 2813, 2814, // declared in another cell, or by the contract
  2307, 2686, 2874, 2875, 7026, // imported files and JSX factories are the compiler's to find
]);

const libraries: Record<string, string> = {};
const files = new Map<string, { text: string; version: number }>();
let roots: string[] = [];

const options: ts.CompilerOptions = {
  allowJs: true, checkJs: true, noEmit: true, strict: false, types: [],
  target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, jsx: ts.JsxEmit.Preserve,
  moduleDetection: ts.ModuleDetectionKind.Legacy, lib: [LIBRARY],
};
const read = (path: string): string | undefined => files.get(path)?.text ?? libraries[nameOf(path)];
const host: ts.LanguageServiceHost = {
  getScriptFileNames: () => roots,
  getScriptVersion: (path) => String(files.get(path)?.version ?? 1),
  getScriptSnapshot(path) {
    const text = read(path);
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
  },
  getCurrentDirectory: () => "/",
  getCompilationSettings: () => options,
  getDefaultLibFileName: () => `/${LIBRARY}`,
  fileExists: (path) => read(path) !== undefined,
  readFile: read,
  directoryExists: () => true,
  getDirectories: () => [],
};
const service = ts.createLanguageService(host, ts.createDocumentRegistry());

function set(path: string, text: string): void {
  const file = files.get(path);
  if (file === undefined || file.text !== text) files.set(path, { text, version: (file?.version ?? 0) + 1 });
}

/** Makes the job's cells the program; returns the path of the one it is about. */
function place({ session, cell, source, others }: Job): string {
  const cells = [...others.filter((other) => other.cell !== cell), { cell, source }];
  const paths = cells.map((one) => {
    const path = pathOf(session, one);
    set(path, withoutImports(one.source));
    return path;
  });
  set(IMPORTS, cells.map((one) => declaredImports(one.source)).join("\n"));
  roots = [CONTRACT, IMPORTS, ...paths];
  for (const path of files.keys()) if (path !== CONTRACT && !roots.includes(path)) files.delete(path);
  return paths.at(-1)!;
}

function complete(path: string, { source, position }: Job) {
  const start = position - /[\w$]*$/.exec(source.slice(0, position))![0].length;
  const prefix = source.slice(start, position).toLowerCase();
  const found = service.getCompletionsAtPosition(path, position, { includeCompletionsWithInsertText: false });
  const matches = (found?.entries ?? [])
    .filter(({ name, kind }) => name.toLowerCase().startsWith(prefix) && kind !== ts.ScriptElementKind.warning)
    .sort((one, other) => (one.sortText < other.sortText ? -1 : one.sortText > other.sortText ? 1 : 0))
    .slice(0, MOST)
    .map(({ name, kind }) => ({ text: name, kind }));
  return { matches, start, end: position };
}

function hover(path: string, { position }: Job) {
  const info = service.getQuickInfoAtPosition(path, position);
  const signature = info ? ts.displayPartsToString(info.displayParts) : called(path, position);
  if (!signature) return null;
  const said = info ? ts.displayPartsToString(info.documentation) : "";
  return { text: said ? `${signature}\n\n${said}` : signature, markdown: `\`\`\`typescript\n${signature}\n\`\`\`\n\n${said}`.trimEnd() };
}

/** The signature of the call around a position. */
function called(path: string, position: number): string {
  const help = service.getSignatureHelpItems(path, position, undefined);
  if (!help) return "";
  const show = ts.displayPartsToString;
  return help.items.map((item) =>
    show(item.prefixDisplayParts) + item.parameters.map((one) => show(one.displayParts)).join(show(item.separatorDisplayParts)) + show(item.suffixDisplayParts)).join("\n");
}

const SEVERITY = { [ts.DiagnosticCategory.Error]: "error", [ts.DiagnosticCategory.Warning]: "warning" } as Record<number, string>;

function diagnostics(path: string) {
  const found = [...service.getSyntacticDiagnostics(path), ...service.getSemanticDiagnostics(path)];
  return {
    diagnostics: found.filter(({ code }) => !ALLOWED.has(code)).map(({ start = 0, length = 0, category, code, messageText }) => ({
      start, end: start + length, code, severity: SEVERITY[category] ?? "info", message: ts.flattenDiagnosticMessageText(messageText, "\n"),
    })),
  };
}

/** Whether Enter runs a cell or asks for more of it. */
function check({ source }: Job) {
  try {
    strip(source, "cell.js", true, false);
    return { status: "complete", indent: "" };
  } catch (error: any) {
    if (!/end of input|Unterminated (template|comment)/.test(error.message)) return { status: "invalid", indent: "" };
    const last = source.trimEnd().split("\n").at(-1)!;
    return { status: "incomplete", indent: /^\s*/.exec(last)![0] + (/[[({]$/.test(last) ? "  " : "") };
  }
}

function answer(job: Job) {
  if (job.operation === "complete_check") return check(job);
  const path = place(job);
  switch (job.operation) {
    case "complete": return complete(path, job);
    case "hover": return hover(path, job);
    case "diagnostics": return diagnostics(path);
  }
}

/** Called by programs/worker.py: first once with the libraries, then with jobs. */
(globalThis as any).answer = (text: string): string => {
  const job = JSON.parse(text);
  if (job.libraries !== undefined) {
    Object.assign(libraries, job.libraries);
    set(CONTRACT, job.contract);
    return "true";
  }
  return JSON.stringify(answer(job));
};
