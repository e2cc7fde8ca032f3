/** `performance`: the clock of the isolate. Marks and measures are not kept. */
import type { Internals } from "../internals";
import { EventTarget } from "./events";
import { idl } from "./webidl";

const MINE = Symbol("Performance");
const clock = { now: (): number => 0, origin: 0 };

export class Performance extends EventTarget {
  constructor(key?: symbol) {
    if (key !== MINE) throw new TypeError("Performance has one object, `performance`.");
    super();
  }

  now(): number { return clock.now(); }
  get timeOrigin(): number { return clock.origin; }
  toJSON(): object { return { timeOrigin: clock.origin }; }
}
idl(Performance, "Performance");

export function makePerformance({ host }: Internals): Performance {
  clock.now = () => host.now();
  clock.origin = Date.now() - host.now();
  return new Performance(MINE);
}
