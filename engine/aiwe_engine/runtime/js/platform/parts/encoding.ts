/** TextDecoder with every encoding of the standard. */
import { TextDecoder } from "@exodus/bytes/encoding.js";

__I.webidl.markPlatform(TextDecoder);
export { TextDecoder };
