/**
 * A program may declare its own `Map` or `Symbol`: top-level names of a cell are globals. So names of
 * the language that the engine's scripts mention (language.json) are made local to each script.
 */
import { readFileSync } from "node:fs";

const LANGUAGE = JSON.parse(readFileSync(new URL("./language.json", import.meta.url), "utf8"));

/** A declaration of those names that `code` mentions, taken from the object `source`. */
export function locals(code, source) {
  const names = LANGUAGE.filter((name) => new RegExp(`(?<![\\w$.#])${name}(?![\\w$])`).test(code));
  return names.length === 0 ? "" : `const{${names.join(",")}}=${source};`;
}

/** Options of esbuild for the script that runs before any program, and so finds the originals. */
export const sealed = {
  banner: { js: `(function(globalThis){"use strict";const{${LANGUAGE.join(",")}}=globalThis;` },
  footer: { js: "})(globalThis);" },
};
