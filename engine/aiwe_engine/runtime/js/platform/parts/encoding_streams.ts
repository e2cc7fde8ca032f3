/** TextEncoderStream and TextDecoderStream. */
const { idl, markPlatform } = __I.webidl as typeof import("../webidl");
const { TextDecoder, TransformStream, TextEncoder } = __I;

class TextEncoderStream {
  #pair: any;

  constructor() {
    const encoder = new TextEncoder();
    let lead = "";
    this.#pair = new TransformStream({
      transform(chunk: unknown, controller: any) {
        let text = lead + `${chunk as string}`;
        const last = text.charCodeAt(text.length - 1);
        lead = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : "";
        if (lead !== "") text = text.slice(0, -1);
        if (text !== "") controller.enqueue(encoder.encode(text));
      },
      flush(controller: any) {
        if (lead !== "") controller.enqueue(encoder.encode(lead));
      },
    });
  }

  get encoding(): string { void this.#pair; return "utf-8"; }
  get readable(): unknown { return this.#pair.readable; }
  get writable(): unknown { return this.#pair.writable; }
}

class TextDecoderStream {
  #pair: any;
  #decoder: any;

  constructor(label: string = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#pair = new TransformStream({
      transform(chunk: unknown, controller: any) {
        if (!ArrayBuffer.isView(chunk) && !(chunk instanceof ArrayBuffer) && !(chunk instanceof SharedArrayBuffer)) {
          throw new TypeError("TextDecoderStream takes chunks of bytes.");
        }
        const text = decoder.decode(chunk, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller: any) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
  }

  get encoding(): string { return this.#decoder.encoding; }
  get fatal(): boolean { return this.#decoder.fatal; }
  get ignoreBOM(): boolean { return this.#decoder.ignoreBOM; }
  get readable(): unknown { return this.#pair.readable; }
  get writable(): unknown { return this.#pair.writable; }
}

for (const [kind, name] of [[TextEncoderStream, "TextEncoderStream"], [TextDecoderStream, "TextDecoderStream"]] as const) {
  idl(kind, name);
  markPlatform(kind);
}
export { TextDecoderStream, TextEncoderStream };
