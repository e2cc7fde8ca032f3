/** Who may go on: `Auth.require` in a chain, `.require` of a route. What it asks for stands in the app's OpenAPI too. */
import { failure } from "./failure";
import { current, stringify } from "./invocation";
import type { Handler } from "./middleware";
import { isArray } from "./platform/primordials";

/** What each guard asks for, for whoever describes the route. */
const asked = new WeakMap<Function, readonly string[]>();
const { get, set } = WeakMap.prototype;
const apply = Reflect.apply;

/** The roles, any one of which a function of a chain asks for; none: anybody who is signed in; null: it is no guard. */
export const rolesOf = (run: unknown): readonly string[] | null =>
  (typeof run === "function" ? apply(get, asked, [run]) as readonly string[] | undefined : undefined) ?? null;

/** Middleware that lets nobody pass who is not signed in, or has none of the roles. */
export function require(...roles: unknown[]): Handler {
  for (const role of roles) {
    if (typeof role === "string" && role !== "") continue;
    throw failure("TypeError", "invalid_argument", `require takes names of roles, not ${isArray(role) ? "a list" : stringify(role) ?? typeof role}.`,
      'Write require("editor", "admin"): one of them is enough. Without any, whoever is signed in may pass.');
  }
  const wanted = roles as string[];
  const guard = (_: unknown, next: () => unknown): unknown => {
    check(wanted);
    return next();
  };
  apply(set, asked, [guard, wanted]);
  return guard;
}

function check(wanted: readonly string[]): void {
  const invocation = current();
  const user = invocation?.user ?? null;
  if (user === null) {
    if (invocation !== null && invocation.refused !== "") {
      throw failure("Error", "not_authenticated", `The token that came with the request does not hold. ${invocation.refused}`,
        "Send one that Auth.issueToken has made a short while ago. An audience of its own must stand in the setting auth.audiences.", 401);
    }
    throw failure("Error", "not_authenticated", "This is for people who are signed in.",
      "Sign in first: Auth.login(username, password) begins a session.", 401);
  }
  if (wanted.length === 0) return;
  for (let at = 0; at < wanted.length; at++) {
    for (let own = 0; own < user.roles.length; own++) if (user.roles[own] === wanted[at]) return;
  }
  const { claims, via } = user as { claims?: { scope?: unknown }; via?: string };
  const narrowed = claims?.scope !== undefined && (via === "jwt" || via === "api_key");
  const list = wanted.map((role) => `"${role}"`).join(" or ");
  throw failure("Error", "role_needed", `This is for people with the role ${list}.`,
    narrowed
      ? "A token or key that has a scope has only the roles that its scope names. Issue it with the role in its scope, or without a scope."
      : `Auth.setRoles(userId, [${stringify(wanted[0])}]) gives it, and so does \`aiwe users roles\`.`, 403);
}
