/**
 * The language service's files: `language.js` with TypeScript in it, the libraries it reads, and the
 * contract, `aiwe.d.ts`, put together of its topics.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const CONTRACT = "runtime/js/contract";
const TOPICS = ["preface", "app", "responses", "data", "people", "secrets", "realtime", "graphql", "mcp", "host", "platform"];
const LIBRARY = "lib.esnext.d.ts";
const NODE = ["fs", "path", "os", "crypto", "perf_hooks", "inspector", "module", "source-map-support", "url", "util"];

/** @param {import("../../../build.mjs").Kit} kit */
export default async function language(kit) {
  const found = (await readdir(join(kit.sources, CONTRACT))).map((name) => name.replace(/\.d\.ts$/, ""));
  const strange = found.filter((name) => !TOPICS.includes(name));
  if (strange.length > 0) throw new Error(`topics that have no place in ${CONTRACT}: ${strange.join(", ")}`);
  const topics = await Promise.all(TOPICS.map((topic) => kit.read(`${CONTRACT}/${topic}.d.ts`)));
  await kit.write("aiwe.d.ts", topics.join("\n"));
  await kit.write("libs.json", JSON.stringify(await libraries(kit, LIBRARY)));
  await kit.write("language.js", await kit.bundle("programs/js/language.ts", { external: NODE }));
}

/** A library and those that it refers to, by file name, without their comments' licence headers. */
async function libraries(kit, first) {
  const texts = {};
  const waiting = [first];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (name in texts) continue;
    texts[name] = await kit.read(`typescript/lib/${name}`, kit.modules);
    for (const [, other] of texts[name].matchAll(/^\/\/\/ <reference lib="([^"]+)" *\/>/gm)) waiting.push(`lib.${other}.d.ts`);
  }
  return texts;
}
