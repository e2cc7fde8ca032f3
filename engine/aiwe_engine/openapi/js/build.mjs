/** The page of an app's routes: `docs.js` and `docs.css`, swagger-ui with our own dress and nothing to load. */
import { build } from "esbuild";
import { join } from "node:path";

/** @param {import("../../../build.mjs").Kit} kit */
export default async function docs(kit) {
  const { outputFiles } = await build({
    entryPoints: { docs: join(kit.sources, "openapi/js/docs.ts") },
    bundle: true, write: false, minify: true, outdir: "out", format: "iife", target: "es2022", charset: "utf8",
    legalComments: "eof", logLevel: "warning", loader: { ".svg": "dataurl" },
  });
  for (const end of ["js", "css"]) await kit.write(`docs.${end}`, outputFiles.find(({ path }) => path.endsWith(`.${end}`)).text);
}
