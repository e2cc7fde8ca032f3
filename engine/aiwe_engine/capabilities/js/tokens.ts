/** Tokens and API keys: the members of `Auth` that are for programs and services. All of it is the host's to do. */
import type { Internals } from "../../runtime/js/internals";

/** NaN and Infinity are null in JSON, which would say nothing at all: as texts they are refused. */
function told(options: unknown): unknown {
  const given = (options as { expiresIn?: unknown } | null | undefined)?.expiresIn;
  if (typeof given !== "number" || (given - given) === 0) return options;
  return { ...(options as object), expiresIn: `${given}` };
}

export function tokenCalls(I: Internals): object {
  const call = (method: string, args: unknown[]): Promise<any> => I.host.call("tokens", method, args);
  return {
    issueToken: (options?: unknown) => call("issueToken", [told(options)]),
    verifyToken: (token: unknown) => call("verifyToken", [token]),
    revokeToken: (token: unknown) => call("revokeToken", [token]),
    createApiKey: (name: unknown, options?: unknown) => call("createApiKey", [name, told(options)]),
    apiKeys: () => call("apiKeys", []),
    revokeApiKey: (id: unknown) => call("revokeApiKey", [id]),
  };
}
