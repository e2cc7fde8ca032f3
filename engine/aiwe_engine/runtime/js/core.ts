/**
 * The first script of every isolate. It installs the platform and the capabilities, and gives the
 * worker the handful of functions by which it drives the isolate; `__aiwe_boot` removes itself, so
 * that a program finds none of them.
 */
import { installData } from "../../capabilities/js/data";
import { define, installApp } from "./app";
import { installContext } from "./context";
import { call, clearTimer, log, report, setTimer, useInspect, useThen } from "./host";
import type { Internals } from "./internals";
import { current, enter, settings } from "./invocation";
import { installCore } from "./platform/core";
import { inspect } from "./platform/inspect";
import { installParts } from "./platform/parts";
import { asked } from "./platform/response";
import { installProgram } from "./program";
import { installRequest } from "./request";
import { display, prepare, resume, turn } from "./turn";

declare const __aiwe_checkpoint: () => void;
declare const __aiwe_ring: () => void;

/** Control words first, then the pool of random bytes that the worker fills. */
const CONTROL = 16, POOL = 4096;
const shared = new SharedArrayBuffer(CONTROL * 4 + POOL);
const words = new Int32Array(shared, 0, CONTROL);
const pool = new Uint8Array(shared, CONTROL * 4, POOL);
const REFILL = 2;
const { wait, load, store } = Atomics;
let used = POOL;
let ring: () => void;

/** Bytes of the operating system's generator: the worker refills the pool while the isolate waits. */
function random(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) {
    if (used === POOL) {
      store(words, REFILL, 1);
      ring();
      while (load(words, REFILL) === 1) wait(words, REFILL, 1, 1);
      used = 0;
    }
    bytes[at] = pool[used]!;
    pool[used++] = 0;
  }
}

const started = Date.now();
const clock = Date.now;
const I: Internals = {
  host: {
    setTimer, clearTimer, random, log, call, report,
    now: () => clock() - started,
    bind: (callback) => callback,
  },
  load: () => { throw new Error("no parts yet"); },
};
installContext(I);
useThen(Promise.prototype.then);
installCore(I);
asked.id = () => current()?.id;
useInspect(inspect);
installApp();
installRequest(I);
installData(I);
installProgram();
define("display", display);

const boot = {
  shared,
  /** Called once, before a program: fixes the settings and removes what the worker needed. */
  boot(text: string): string {
    Object.assign(settings, JSON.parse(text));
    installParts(I);
    prepare(__aiwe_checkpoint, words);
    ring = __aiwe_ring;
    const global = globalThis as any;
    delete global.__aiwe_boot;
    delete global.__aiwe_shared;
    delete global.__aiwe_part;
    delete global.__aiwe_checkpoint;
    delete global.__aiwe_ring;
    enter(null);
    return "";
  },
};
Object.defineProperty(globalThis, "__aiwe_boot", { value: boot.boot, configurable: true });
Object.defineProperty(globalThis, "__aiwe_shared", { value: shared, configurable: true });
Object.defineProperty(globalThis, "__aiwe_turn", { value: turn });
Object.defineProperty(globalThis, "__aiwe_resume", { value: resume });
