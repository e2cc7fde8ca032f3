// secrets

interface Secrets {
  /**
   * An opaque reference, good for the request in which it is asked for, or, asked for at top level or in init(), for all requests of the program; usable inside the url, headers or body of `fetch` (and the engine's other outbound
   * calls), also inside a longer string. It is a random token, made for this isolate and known to the host
   * alone, of letters and digits only, so that URL, JSON and HTML encoding leave it as it is; nobody can write
   * one down, and what an end user sends is never taken for one. The value is put in by the host, only for the
   * hosts that the secret allows; it never enters JavaScript, and is redacted wherever it would come back. In a header
   * always; in url or body where the secret was stored with `in: ["url", "body"]`. An encoding of it that the host cannot
   * see through is refused as `secret_encoded`; the base64 of a Basic Authorization header it does see through.
   * Throws `secret_not_found`, naming only the id asked for.
   */
  get(id: string): string;
  /** "Basic …" for an Authorization header: the user's name, and the secret as the password. */
  basic(user: string, id: string): string;
  /** The host computes, JavaScript gets the signature; `chain` for derived keys (AWS Signature 4). Audited. A chain that ends in
   * "aws4_request" gets AWS's "AWS4" put before the key. `key` says how the key is written in the secret: `"base64"`, after "whsec_" or not, is that
   * of Standard Webhooks. Nothing is sent, so the secret needs no hosts. */
  hmac(id: string, options: { hash: "SHA-1" | "SHA-256" | "SHA-512"; chain?: string[]; encoding?: "hex" | "base64"; key?: "text" | "base64" | "hex" }, data: string | Uint8Array): Promise<string>;
  /** Constant-time comparison, rate-limited by `secrets.matches` for each app and address: webhook tokens. Audited; needs no hosts. */
  matches(id: string, candidate: string): Promise<boolean>;
  exists(id: string): boolean;
  /** The ids that this app has in this environment. */
  list(): string[];
}
declare const Secrets: Secrets;
