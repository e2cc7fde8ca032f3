/**
 * Builds the JavaScript halves of the engine into `aiwe_engine/built/`.
 *
 *     node build.mjs [NAME…]      all targets, or those whose name is given
 *
 * A target is a row of TARGETS. `entry` is bundled by esbuild into one script named `name`, for
 * bare V8: no modules, no node, no DOM; `options` are added to esbuild's. `recipe` names a module
 * whose default export writes whatever it likes: see Kit below.
 */
import { build } from "esbuild";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { sealed } from "./aiwe_engine/runtime/js/platform/seal.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(HERE, "aiwe_engine");
const BUILT = join(SOURCES, "built");

/** @type {{name: string, entry?: string, recipe?: string, options?: import("esbuild").BuildOptions}[]} */
const TARGETS = [
  { name: "core.js", entry: "runtime/js/core.ts", options: sealed },
  { name: "parts", recipe: "runtime/js/platform/build.mjs" },
  { name: "compiler.js", entry: "programs/js/compiler.ts" },
  { name: "language", recipe: "programs/js/build.mjs" },
  { name: "docs", recipe: "openapi/js/build.mjs" },
];

/** What esbuild is told for code that runs in bare V8. */
const BARE = {
  bundle: true,
  write: false,
  minify: true,
  format: "iife",
  platform: "neutral",
  mainFields: ["browser", "module", "main"],
  conditions: ["import", "require"],
  target: "esnext",
  charset: "ascii",
  legalComments: "none",
  logLevel: "warning",
};

/** @typedef {typeof kit} Kit What a recipe is given. */
const kit = {
  /** Folder of the Python sources; entries are relative to it. */
  sources: SOURCES,
  /** Folder of node_modules. */
  modules: join(HERE, "node_modules"),
  /** The text of `entry` (a path below `sources`) with all that it imports. */
  async bundle(entry, options = {}) {
    const result = await build({ ...BARE, entryPoints: [join(SOURCES, entry)], ...options });
    return result.outputFiles[0].text;
  },
  /** Puts one file into `built/`, whole or not at all, and reports its size. */
  async write(name, text) {
    await mkdir(BUILT, { recursive: true });
    const path = join(BUILT, name);
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
    const packed = gzipSync(text, { level: 1 }).length;
    console.log(`${name.padEnd(24)} ${kilobytes(text.length)} ${kilobytes(packed)} packed`);
  },
  /** The text of a file below `sources`, or of a package below `modules` ("typescript/lib/…"). */
  async read(path, from = SOURCES) {
    return readFile(join(from, path), "utf8");
  },
};

function kilobytes(bytes) {
  return `${(bytes / 1024).toFixed(1)} KB`.padStart(11);
}

async function make({ name, entry, recipe, options }) {
  if (entry) return kit.write(name, await kit.bundle(entry, options));
  return (await import(pathToFileURL(join(SOURCES, recipe)).href)).default(kit);
}

const wanted = process.argv.slice(2);
const chosen = TARGETS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
if (chosen.length === 0) throw new Error(`no such target: ${wanted.join(", ")}`);
const results = await Promise.allSettled(chosen.map(make));
for (const [index, result] of results.entries()) {
  if (result.status === "fulfilled") continue;
  console.error(`${chosen[index].name} failed: ${result.reason.stack}`);
  process.exitCode = 1;
}
