/** `fetch`, which this version of the engine does not have: it says so. */
import { notAvailable } from "../failure";
import { promiseReject } from "./primordials";

export function makeFetch(): (input: unknown, init?: unknown) => Promise<never> {
  return function fetch(_input: unknown): Promise<never> {
    return promiseReject(notAvailable("fetch: an outbound request"));
  };
}
