/** The one web global that the bundled packages use and bare V8 lacks: they decode ASCII with it. */
(globalThis as any).TextDecoder ??= class {
  decode(bytes: Uint8Array): string {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return text;
  }
};
export {};
