/** The registry, as a part is given it: build.mjs wraps each part in `function (__I, module, exports)`. */
declare const __I: import("../../internals").Internals;
