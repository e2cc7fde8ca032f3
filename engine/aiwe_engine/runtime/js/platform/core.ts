/**
 * The web platform of an isolate: what is small enough to stand in every one is made here at once,
 * the rest are parts (see parts.ts). `installCore` runs before any program.
 */
import { TextEncoder } from "@exodus/bytes/encoding-lite.js";
import type { Internals } from "../internals";
import { AbortController, AbortSignal, installAbort, isAbortSignal, whenAborted } from "./abort";
import * as asking from "./asking";
import { atob, btoa } from "./base64";
import * as body from "./body";
import { confine } from "./confine";
import { makeConsole } from "./console";
import { Crypto, makeCrypto } from "./crypto";
import { CustomEvent, Event, EventTarget, installEvents } from "./events";
import { DOMException } from "./exception";
import * as headers from "./headers";
import { Html, escapeHtml, html } from "./html";
import { format, inspect } from "./inspect";
import { shown } from "./inspect_shape";
import { Fragment, h } from "./jsx";
import { Performance, makePerformance } from "./performance";
import { prepareParts } from "./parts";
import { defineProperty } from "./primordials";
import { Response } from "./response";
import { makeTimers } from "./timers";
import * as utf8 from "./utf8";
import * as webidl from "./webidl";

export { inspect } from "./inspect";
export { installParts } from "./parts";
export { isResponse, snapshot } from "./response";

/** Installs the platform's globals, and on `I` what parts ask of the core. */
export function installCore(I: Internals): void {
  prepareParts(I);
  installEvents(I, { whenAborted, exception: (message, name) => new DOMException(message, name) });
  installAbort(I);
  webidl.idl(TextEncoder, "TextEncoder");
  body.installBody(I);
  const classes = {
    AbortController, AbortSignal, Crypto, CustomEvent, DOMException, Event, EventTarget, Headers: headers.Headers,
    Html, Performance, Response, TextEncoder,
  };
  const functions = { ...makeTimers(I), atob, btoa };
  const objects = { crypto: makeCrypto(I), performance: makePerformance(I), self: globalThis };
  for (const [name, value] of Object.entries(classes)) install(name, value, false);
  for (const [name, value] of Object.entries({ ...functions, ...objects })) install(name, value, true);
  install("console", makeConsole(I), false);
  install("html", html, false);
  install("escapeHtml", escapeHtml, false);
  install("h", h, false);
  install("Fragment", Fragment, false);
  Object.assign(I, classes, functions, {
    asking, body, headers, utf8, webidl, whenAborted, isAbortSignal, format, inspect, shown,
    global: { AbortController, AbortSignal, DOMException, Event, EventTarget },
  });
  confine();
}

function install(name: string, value: unknown, enumerable: boolean): void {
  if (typeof value === "function" && value.name !== name) defineProperty(value, "name", { value: name, configurable: true });
  const present = Object.getOwnPropertyDescriptor(globalThis, name);
  if (present?.configurable === false) (globalThis as Record<string, unknown>)[name] = value;
  else defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
}
