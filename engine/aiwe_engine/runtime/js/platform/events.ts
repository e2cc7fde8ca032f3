/**
 * Event, CustomEvent and EventTarget, for objects that stand in no tree: an event is at its target
 * and nowhere else. A listener runs under the invocation that added it.
 */
import type { Internals } from "../internals";
import type { AbortSignal } from "./abort";
import { shown } from "./inspect_shape";
import { apply } from "./primordials";
import { constants, dictionary, idl, need } from "./webidl";

export interface EventInit { bubbles?: boolean; cancelable?: boolean; composed?: boolean }
export interface CustomEventInit extends EventInit { detail?: unknown }
export interface ListenerOptions { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal }

const PHASES = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 };

interface State {
  type: string; bubbles: boolean; cancelable: boolean; composed: boolean;
  target: EventTarget | null; current: EventTarget | null;
  dispatching: boolean; stopped: boolean; stoppedNow: boolean; canceled: boolean; passive: boolean;
  trusted: boolean;
}
let stateOf: (event: Event) => State;
const clock = { now: (): number => 0 };
const trusted = { get isTrusted(): boolean { return stateOf(this as unknown as Event).trusted; } };
const isTrusted = { get: Object.getOwnPropertyDescriptor(trusted, "isTrusted")!.get!, enumerable: true, configurable: false };
const { defineProperty } = Object;

export class Event {
  #state: State;
  #time = clock.now();
  static { stateOf = (event) => event.#state; }

  constructor(type: string, init?: EventInit) {
    need(arguments.length, 1, "new Event");
    const given = dictionary(init, "The options of an event");
    this.#state = {
      bubbles: !!given.bubbles, cancelable: !!given.cancelable, composed: !!given.composed, type: `${type}`,
      target: null, current: null, dispatching: false, stopped: false, stoppedNow: false, canceled: false, passive: false,
      trusted: false,
    };
    defineProperty(this, "isTrusted", isTrusted);
  }

  get type(): string { return this.#state.type; }
  get target(): EventTarget | null { return this.#state.target; }
  get srcElement(): EventTarget | null { return this.#state.target; }
  get currentTarget(): EventTarget | null { return this.#state.current; }
  composedPath(): EventTarget[] { return this.#state.current === null ? [] : [this.#state.current]; }
  get eventPhase(): number { return this.#state.dispatching ? PHASES.AT_TARGET : PHASES.NONE; }
  stopPropagation(): void { this.#state.stopped = true; }
  get cancelBubble(): boolean { return this.#state.stopped; }
  set cancelBubble(value: boolean) { if (value) this.#state.stopped = true; }
  stopImmediatePropagation(): void { this.#state.stopped = this.#state.stoppedNow = true; }
  get bubbles(): boolean { return this.#state.bubbles; }
  get cancelable(): boolean { return this.#state.cancelable; }
  get returnValue(): boolean { return !this.#state.canceled; }
  set returnValue(value: boolean) { if (!value) this.preventDefault(); }
  preventDefault(): void { if (this.#state.cancelable && !this.#state.passive) this.#state.canceled = true; }
  get defaultPrevented(): boolean { return this.#state.canceled; }
  get composed(): boolean { return this.#state.composed; }
  get timeStamp(): number { return this.#time; }

  initEvent(type: string, bubbles = false, cancelable = false): void {
    need(arguments.length, 1, "initEvent");
    const state = this.#state;
    if (state.dispatching) return;
    state.stopped = state.stoppedNow = state.canceled = state.trusted = false;
    state.target = null;
    state.type = `${type}`;
    state.bubbles = !!bubbles;
    state.cancelable = !!cancelable;
  }
}
idl(Event, "Event");
constants(Event, PHASES);
defineProperty(Event.prototype, shown, {
  value(this: Event) {
    const { type, defaultPrevented, cancelable, timeStamp } = this;
    return { type, defaultPrevented, cancelable, timeStamp };
  },
});

export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: string, init?: CustomEventInit) {
    need(arguments.length, 1, "new CustomEvent");
    super(type, init);
    const detail = init?.detail;
    this.#detail = detail === undefined ? null : detail;
  }

  get detail(): unknown { return this.#detail; }

  initCustomEvent(type: string, bubbles = false, cancelable = false, detail: unknown = null): void {
    need(arguments.length, 1, "initCustomEvent");
    if (stateOf(this).dispatching) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}
idl(CustomEvent, "CustomEvent");

type Callback = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
interface Listener {
  callback: Callback; capture: boolean; once: boolean; passive: boolean; removed: boolean;
  run(target: EventTarget, event: Event): void;
}

/** Hooks that `installEvents` fills: events are made before the host is known. */
const hooks = {
  bind: <F extends (...args: any[]) => any>(callback: F): F => callback,
  report: (_error: unknown): void => {},
};

function listen(callback: Callback): Listener["run"] {
  return hooks.bind((target: EventTarget, event: Event) => {
    try {
      if (typeof callback === "function") {
        apply(callback, target, [event]);
        return;
      }
      const { handleEvent } = callback;
      if (typeof handleEvent !== "function") throw new TypeError("The event listener has no handleEvent method.");
      apply(handleEvent, callback, [event]);
    } catch (error) {
      hooks.report(error);
    }
  });
}

let listenersOf: (target: EventTarget) => Map<string, Listener[]>;

export class EventTarget {
  #listeners = new Map<string, Listener[]>();
  static { listenersOf = (target) => target.#listeners; }

  addEventListener(type: string, callback: Callback | null, options?: boolean | ListenerOptions): void {
    need(arguments.length, 2, "addEventListener");
    const all = this.#listeners;
    const name = `${type}`;
    const { capture, once, passive, signal } = flags(options);
    checkCallback(callback);
    if (signal !== undefined && !(signal instanceof EventTarget && "aborted" in signal)) {
      throw new TypeError("The signal of addEventListener must be an AbortSignal.");
    }
    if (callback === null || callback === undefined || signal?.aborted) return;
    const list = all.get(name) ?? [];
    for (const one of list) if (one.callback === callback && one.capture === capture) return;
    const listener: Listener = { callback, capture, once, passive, removed: false, run: listen(callback) };
    all.set(name, [...list, listener]);
    if (signal) whenAborted(signal, () => remove(all, name, listener));
  }

  removeEventListener(type: string, callback: Callback | null, options?: boolean | ListenerOptions): void {
    need(arguments.length, 2, "removeEventListener");
    const all = this.#listeners;
    const name = `${type}`;
    const capture = typeof options === "object" && options !== null ? !!options.capture : !!options;
    checkCallback(callback);
    for (const one of all.get(name) ?? []) {
      if (one.callback === callback && one.capture === capture) return remove(all, name, one);
    }
  }

  dispatchEvent(event: Event): boolean {
    need(arguments.length, 1, "dispatchEvent");
    if (!(event instanceof Event)) throw new TypeError("dispatchEvent takes an Event.");
    if (stateOf(event).dispatching) throw makeException("The event is being dispatched already.", "InvalidStateError");
    stateOf(event).trusted = false;
    return dispatch(this, event);
  }
}
idl(EventTarget, "EventTarget");

function flags(options: boolean | ListenerOptions | undefined): {
  capture: boolean; once: boolean; passive: boolean; signal: AbortSignal | undefined;
} {
  if (typeof options !== "object" && typeof options !== "function" || options === null) {
    return { capture: !!options, once: false, passive: false, signal: undefined };
  }
  const { capture, once, passive, signal } = options;
  return { capture: !!capture, once: !!once, passive: !!passive, signal };
}

function checkCallback(callback: unknown): void {
  if (callback !== null && callback !== undefined && typeof callback !== "function" && typeof callback !== "object") {
    throw new TypeError("An event listener is a function or an object with a handleEvent method.");
  }
}

function remove(all: Map<string, Listener[]>, name: string, listener: Listener): void {
  listener.removed = true;
  const rest = (all.get(name) ?? []).filter((one) => one !== listener);
  if (rest.length > 0) all.set(name, rest);
  else all.delete(name);
}

function dispatch(target: EventTarget, event: Event): boolean {
  const state = stateOf(event);
  state.dispatching = true;
  state.target = state.current = target;
  if (!state.stopped) {
    const listeners = listenersOf(target).get(state.type) ?? [];
    for (const wanted of [true, false]) {
      for (const one of listeners) {
        if (one.capture !== wanted || one.removed) continue;
        if (one.once) remove(listenersOf(target), state.type, one);
        state.passive = one.passive;
        one.run(target, event);
        state.passive = false;
        if (state.stoppedNow) break;
      }
      if (state.stopped) break;
    }
  }
  state.current = null;
  state.dispatching = state.stopped = state.stoppedNow = false;
  return !state.canceled;
}

/** Dispatches an event that the platform itself made. */
export function fire(target: EventTarget, type: string): void {
  const event = new Event(type);
  stateOf(event).trusted = true;
  dispatch(target, event);
}

/** `onabort` and its like: one listener that keeps its place when its function is replaced. */
export function handlerAttribute(prototype: EventTarget, type: string): void {
  const handlers = new WeakMap<EventTarget, { value: unknown; listener: (event: Event) => void }>();
  defineProperty(prototype, `on${type}`, {
    get(this: EventTarget) {
      listenersOf(this);
      return handlers.get(this)?.value ?? null;
    },
    set(this: EventTarget, given: unknown) {
      listenersOf(this);
      const value = typeof given === "function" || (typeof given === "object" && given !== null) ? given : null;
      let handler = handlers.get(this);
      if (handler !== undefined && value === null) {
        apply(EventTarget.prototype.removeEventListener, this, [type, handler.listener]);
        handlers.delete(this);
      } else if (handler !== undefined) {
        handler.value = value;
      } else if (value !== null) {
        const slot = { value: value as unknown, listener: (event: Event): void => {
          if (typeof slot.value === "function" && apply(slot.value, this, [event]) === false) event.preventDefault();
        } };
        handler = slot;
        handlers.set(this, handler);
        apply(EventTarget.prototype.addEventListener, this, [type, handler.listener]);
      }
    },
    configurable: true,
    enumerable: true,
  });
}

let whenAborted: (signal: AbortSignal, run: () => void) => void;
let makeException: (message: string, name: string) => unknown;

/** What events need of modules that themselves need events, and of the host. */
export function installEvents(I: Internals, needs: {
  whenAborted(signal: AbortSignal, run: () => void): void; exception(message: string, name: string): unknown;
}): void {
  hooks.bind = (callback) => I.host.bind(callback);
  hooks.report = (error) => I.host.report(error);
  clock.now = () => I.host.now();
  whenAborted = needs.whenAborted;
  makeException = needs.exception;
}
