/**
 * Makes the platform parts: `part-NAME.js` for each row of PARTS in parts.ts, and `parts.json`, by
 * which the host knows which parts a program wants.
 *
 * A part is a script that only registers a function. Inside it the names of web globals mean the
 * platform's own (`__I.URL`), whatever a program declares under them; of the language's names seal.mjs
 * says the same.
 */
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { locals } from "./seal.mjs";

const FOLDER = "runtime/js/platform";
const WEB = [
  "AbortController", "AbortSignal", "Blob", "DOMException", "Event", "EventTarget", "File", "FormData", "Headers",
  "ReadableStream", "Request", "Response", "TransformStream", "URL", "URLSearchParams",
  "WritableStream", "queueMicrotask",
];

/** typebox asks the global object for the language, and hashes text with the encoder that the core has. */
const TYPEBOX = { globalThis: "__I.language", TextEncoder: "__I.TextEncoder" };

/** Large tables as text that is read when it is wanted: V8 only skims a string until then. */
const tables = {
  name: "tables",
  setup({ onLoad }) {
    onLoad({ filter: /\.json$/ }, async ({ path }) => {
      const text = JSON.stringify(JSON.parse(await readFile(path, "utf8")));
      return { contents: `module.exports = JSON.parse(${JSON.stringify(text)});` };
    });
    onLoad({ filter: /tr46\/lib\/regexes\.js$/ }, async ({ path }) => {
      const { default: regexes } = await import(pathToFileURL(path).href);
      const rows = Object.entries(regexes).map(([name, { source, flags }]) =>
        `${name}: new RegExp(${JSON.stringify(source)}, ${JSON.stringify(flags)})`);
      return { contents: `module.exports = { ${rows.join(",\n")} };` };
    });
  },
};

/** What whatwg-url asks of others, given by the core and by parts. */
const replacements = (folder) => ({
  name: "replacements",
  setup({ onResolve }) {
    const shims = { tr46: "url_domains.ts", "./encoding": "url_encoding.ts", "@exodus/bytes/encoding.js": "nothing.ts", "@exodus/bytes/whatwg.js": "url_encoding.ts" };
    onResolve({ filter: /^(tr46|\.\/encoding|@exodus\/bytes\/(encoding|whatwg)\.js)$/ }, ({ path, importer }) =>
      importer.includes("whatwg-url") ? { path: join(folder, shims[path]) } : undefined);
  },
});

async function tableOfParts(kit) {
  const { outputFiles } = await build({
    entryPoints: [join(kit.sources, FOLDER, "parts.ts")], bundle: true, write: false, format: "esm", logLevel: "warning",
  });
  return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)).PARTS;
}

export default async function makeParts(kit) {
  const parts = await tableOfParts(kit);
  const globals = {}, needs = {};
  for (const [name, part] of Object.entries(parts)) {
    for (const wanted of [...part.globals, ...(part.bring ?? [])]) globals[wanted] = name;
    needs[name] = part.needs;
    const code = await kit.bundle(`${FOLDER}/parts/${name.replace("-", "_")}.ts`, {
      format: "cjs",
      define: {
        ...Object.fromEntries(WEB.map((global) => [global, `__I.${global}`])),
        globalThis: "__I.global",
        // Packages use these where they are native: here they never are.
        TextDecoder: "undefined", TextEncoder: "undefined",
        ...(name === "schema" ? TYPEBOX : {}),
      },
      plugins: [tables, replacements(join(kit.sources, FOLDER, "parts"))],
      keepNames: name !== "tr46",
      lineLimit: 200,
      logOverride: { "commonjs-variable-in-esm": "silent" },
    });
    const body = code.replace(/^"use strict";/, "").trimEnd();
    await kit.write(`part-${name}.js`, `__aiwe_part(${JSON.stringify(name)},function(__I,module,exports){"use strict";${locals(body, "__I.language")}${body}\n});\n//# sourceURL=aiwe:part-${name}\n`);
  }
  await kit.write("parts.json", `${JSON.stringify({ globals, needs })}\n`);
}
