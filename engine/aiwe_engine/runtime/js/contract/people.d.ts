// people

interface Auth {
  /** argon2id; `password_too_weak` (422), `username_taken` (409). Never returns or stores the password. */
  register(username: string, password: string, profile?: { email?: string; [k: string]: any }): Promise<User>;
  /** Sets the session cookie on this answer. `invalid_credentials` (401) in the same time for a wrong name and a wrong password. */
  login(username: string, password: string): Promise<{ user: User; expiresAt: string }>;
  logout(): Promise<void>;
  changePassword(current: string, next: string): Promise<void>;
  /** The caller of the current invocation. */
  user(): User | null;
  /** Middleware: 401 without a user, 403 without one of the roles. */
  require(...roles: string[]): Middleware;
  /**
   * A JSON Web Token (ES256) for the caller: 401 `not_authenticated` without one. `expiresIn` is "15m", "1h", "30d" or seconds (`lifetime_too_long`
   * above auth.token_longest); `audience` another service that it is for; `claims` of your own (`reserved_claim`); with a `scope` it carries only those
   * of the caller's roles that stand in it (`scope_too_wide`, 403, where the caller came with less).
   */
  issueToken(options?: { expiresIn?: string | number; audience?: string; claims?: Record<string, Json>; scope?: string[] }): Promise<{ token: string; expiresAt: string }>;
  /** Whose token this is; null unless it holds here and now, and where there is none. */
  verifyToken(token: string | null | undefined): Promise<User | null>;
  /** Makes a token void at once. False: it did not hold. */
  revokeToken(token: string): Promise<boolean>;
  /** A key for the caller, good until it is revoked unless `expiresIn` says when. `key` is told this once. */
  createApiKey(name: string, options?: { expiresIn?: string | number; scope?: string[] }): Promise<{ id: string; key: string }>;
  /** The caller's keys, the latest first. */
  apiKeys(): Promise<{ id: string; name: string; scope: string[] | null; createdAt: string; expiresAt: string | null; lastUsedAt: string | null }[]>;
  /** Makes a key of the caller's void at once. False: they have none of this id. */
  revokeApiKey(id: string): Promise<boolean>;
  setRoles(userId: string, roles: string[]): Promise<User>;
  /** Fields of `User`, createdAt and updatedAt can be asked about; nothing else of an account. */
  users(filter?: Filter & QueryOptions, options?: QueryOptions): Promise<User[]>;
}
declare const Auth: Auth;
