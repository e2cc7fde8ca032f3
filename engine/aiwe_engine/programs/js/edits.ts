/**
 * Edits of one text, for walkers that go through its tree in order: what opens is put in on the way
 * down, what closes on the way up, and at one and the same place closings stand before openings.
 */
import MagicString from "magic-string";

export class Edits {
  private readonly string: MagicString;
  private readonly deferred: [at: number, text: string][] = [];
  constructor(readonly text: string, readonly name: string) {
    this.string = new MagicString(text);
  }

  /** Puts `text` right before what starts at `at`. */
  open(at: number, text: string): void { this.string.appendRight(at, text); }
  /** Puts `text` right after what ends at `at`. */
  close(at: number, text: string): void { this.string.appendLeft(at, text); }
  /** As close, but after everything that any walker closes there: for what encloses their edits. */
  closeLast(at: number, text: string): void { this.deferred.push([at, text]); }
  replace(start: number, end: number, text: string): void { this.string.update(start, end, text); }
  remove(start: number, end: number): void { this.string.remove(start, end); }
  move(start: number, end: number, to: number): void { this.string.move(start, end, to); }
  wrap(before: string, after: string): void {
    for (const [at, text] of this.deferred) this.close(at, text);
    this.string.prepend(before);
    this.string.append(after);
  }
  toString(): string { return this.string.toString(); }
  map(): object { return this.string.generateDecodedMap({ hires: "boundary", source: this.name }); }
}
