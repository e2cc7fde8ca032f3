/**
 * The first script of every isolate. It installs the platform and the capabilities, and gives the
 * worker the handful of functions by which it drives the isolate; `__aiwe_boot` removes itself, so
 * that a program finds none of them.
 */
import { installAssets } from "../../capabilities/js/assets";
import { installAuth } from "../../capabilities/js/auth";
import { installData } from "../../capabilities/js/data";
import { installFiles } from "../../capabilities/js/files";
import { installFetch } from "../../capabilities/js/fetch";
import { installSecrets } from "../../capabilities/js/secrets";
import { define, installApp } from "./app";
import { hang, random, shared, words } from "./bell";
import { installContext } from "./context";
import { useShow } from "./failure";
import { call, callSync, clearTimer, log, report, setTimer, useInspect, useThen } from "./host";
import type { Internals } from "./internals";
import { current, enter, settings } from "./invocation";
import { installCore } from "./platform/core";
import { inspect } from "./platform/inspect";
import { installParts } from "./platform/parts";
import { asked } from "./platform/response";
import { installProgram } from "./program";
import { installRequest } from "./request";
import { installValidation } from "./validation";
import { display, gather, prepare, resume, turn } from "./turn";

declare const __aiwe_checkpoint: () => void;
declare const __aiwe_ring: () => void;

const started = Date.now();
const clock = Date.now;
const I: Internals = {
  host: {
    setTimer, clearTimer, random, log, call, callSync, report,
    now: () => clock() - started,
    bind: (callback) => callback, // until the context is installed, below
  },
  load: () => { throw new Error("no parts yet"); },
  current,
};
installContext(I);
useThen(Promise.prototype.then);
installCore(I);
asked.id = () => current()?.id;
useInspect(inspect);
useShow(inspect);
installApp();
installRequest(I);
installValidation(I);
installData(I);
installAuth(I);
installFiles(I);
installAssets(I);
installFetch(I);
installSecrets(I);
installProgram();
define("display", display);

/** Called once, before a program: fixes the settings and removes what the worker needed. */
function boot(text: string): void {
  // Frozen: what a request changed in `app.config` would be there for the next one.
  Object.assign(settings, JSON.parse(text, (_, value) => Object.freeze(value)));
  installParts(I);
  prepare(__aiwe_checkpoint, words);
  hang(__aiwe_ring);
  const global = globalThis as any;
  delete global.__aiwe_boot;
  delete global.__aiwe_shared;
  delete global.__aiwe_part;
  delete global.__aiwe_checkpoint;
  delete global.__aiwe_ring;
  enter(null);
}
Object.defineProperty(globalThis, "__aiwe_boot", { value: boot, configurable: true });
Object.defineProperty(globalThis, "__aiwe_shared", { value: shared, configurable: true });
Object.defineProperty(globalThis, "__aiwe_gather", { value: gather });
Object.defineProperty(globalThis, "__aiwe_turn", { value: turn });
Object.defineProperty(globalThis, "__aiwe_resume", { value: resume });
