// What testharness.js finds around it, in an isolate and in node alike. `given` is { files, variant }, `finish` takes the
// results as JSON. Both are functions' arguments and no globals, so that a test sees none of them.
((given, finish) => {
  globalThis.self = globalThis;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };
  globalThis.location = {
    href: "http://web-platform.test/", search: given.variant, origin: "http://web-platform.test", protocol: "http:",
  };
  const real = globalThis.fetch;
  globalThis.fetch = async (name, init) => {
    if (typeof name !== "string" || name.includes(":")) return real(name, init);
    const text = given.files[name.replace(/^.*?(?:resources|interfaces)\//, "")];
    if (text === undefined) throw new TypeError("no such file in the test");
    return new Response(text);
  };
  globalThis.__collect = () => {
    delete globalThis.__collect;
    add_completion_callback((tests) => finish(JSON.stringify(tests.map((test) => [test.name, test.status, test.message]))));
  };
})
