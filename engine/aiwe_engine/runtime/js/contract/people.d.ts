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
  issueToken(options?: { expiresIn?: string | number; audience?: string; claims?: Record<string, Json>; scope?: string[] }): Promise<{ token: string; expiresAt: string }>;
  verifyToken(token: string): Promise<User | null>;
  createApiKey(name: string, options?: { expiresIn?: string; scope?: string[] }): Promise<{ id: string; key: string }>;
  setRoles(userId: string, roles: string[]): Promise<User>;
  users(filter?: Filter & QueryOptions): Promise<User[]>;
}
declare const Auth: Auth;
