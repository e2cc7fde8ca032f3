/**
 * `Auth`, the half inside the isolate. Who the caller is came with the request and changes with login and
 * logout; passwords, sessions and accounts are the host's. What `Auth.user()` gives is a copy: what a
 * program writes into it gives nobody a role.
 */
import { hiddenIn, paged } from "./data";
import { failure } from "../../runtime/js/failure";
import { require } from "../../runtime/js/guard";
import type { Internals } from "../../runtime/js/internals";
import { type Invocation, current, defineProperty, userOf } from "../../runtime/js/invocation";
import { freeze, promiseReject } from "../../runtime/js/platform/primordials";
import { Session } from "../../runtime/js/visit";
import { tokenCalls } from "./tokens";

type Call = (method: string, args: unknown[], receive?: (answer: any) => unknown) => Promise<any>;

function become(invocation: Invocation, user: any): void {
  invocation.user = user;
  invocation.known = null;
}

/** The answer's head has left: no cookie can follow it. */
function late(method: string, invocation: Invocation | null): Error | null {
  if (invocation === null || !invocation.begun) return null;
  return failure("Error", "answer_begun", `Auth.${method} came after the answer had begun, so its cookie cannot be sent.`,
    `Await Auth.${method} before you answer with a stream.`);
}

function signing(call: Call): object {
  const guarded = (method: string, args: unknown[], done: (invocation: Invocation, answer: any) => unknown): Promise<any> => {
    const invocation = current();
    const error = late(method, invocation);
    return error === null ? call(method, args, (answer) => done(invocation!, answer)) : promiseReject(error);
  };
  return {
    login: (username: unknown, password: unknown) => guarded("login", [username, password], (invocation, answer) => {
      if (answer.fresh) Session.forget(invocation);
      become(invocation, answer.user);
      return { user: userOf(invocation), expiresAt: answer.expiresAt };
    }),
    logout: () => guarded("logout", [], (invocation) => {
      Session.forget(invocation);
      become(invocation, null);
    }),
    changePassword: (now: unknown, next: unknown) => guarded("changePassword", [now, next], () => undefined),
  };
}

export function installAuth(I: Internals): void {
  const call: Call = (method, args, receive) => I.host.call("auth", method, args, receive);
  const value = freeze({
    register: (username: unknown, password: unknown, profile?: unknown) => call("register", [username, password, profile]),
    ...signing(call),
    user: () => { const invocation = current(); return invocation === null ? null : userOf(invocation); },
    require,
    setRoles: (user: unknown, roles: unknown) => call("setRoles", [user, roles]),
    users: (filter?: unknown, options?: unknown) => {
      const error = hiddenIn("Auth.users", filter, true);
      return error === null ? call("users", [filter ?? {}, options ?? {}], paged) : promiseReject(error);
    },
    ...tokenCalls(I),
  });
  defineProperty(globalThis, "Auth", { value, configurable: true, writable: true });
}
