/** What is wrong with a piece of a program, and where in the author's text. */
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";

/** Lines and columns count from 1. */
export interface Place { line: number; column: number }

export class Problem extends Error {
  /** Set where it is known in the author's text; otherwise `at` decides. */
  place: Place | null = null;

  /** @param at offset in the text that was parsed */
  constructor(readonly code: string, message: string, readonly hint: string, readonly at: number) {
    super(message);
  }
}

export function placeOf(text: string, at: number): Place {
  let line = 1, start = 0;
  for (let next = text.indexOf("\n"); next !== -1 && next < at; next = text.indexOf("\n", start)) {
    line++;
    start = next + 1;
  }
  return { line, column: at - start + 1 };
}

/** A place of the text that sucrase made, in the author's. */
export function originalPlace(map: object, { line, column }: Place): Place {
  const found = originalPositionFor(new TraceMap(map as any), { line, column: column - 1 });
  return found.line === null ? { line, column: 1 } : { line: found.line, column: found.column + 1 };
}
