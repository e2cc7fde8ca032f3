/**
 * The chain of one request: middleware, the functions of the route, the handler. `next()` gives the
 * Response of what follows; an error goes back up, and what nobody catches goes to `app.onError`.
 * When a chain runs, and what becomes of its answer, is the turn's business.
 */
import type { Registered } from "./app";
import { failure } from "./failure";
import { type Invocation, current, enter } from "./invocation";
import { type Handler, around, errorHandlers, isBare } from "./middleware";
import { Html } from "./platform/html";
import { Response, handedOn, isResponse } from "./platform/response";
import type { AppRequest } from "./request";
import { guarded, isPromised } from "./validation";
import { Session } from "./visit";

/** Runs the chain of a request; a promise of the answer unless the handler stands alone. */
export function follow(handler: Registered, request: AppRequest): unknown {
  if (handler.chain.length === 1 && isBare() && errorHandlers.length === 0) return last(handler)(request);
  return whole(handler, request, current()!);
}

async function whole(handler: Registered, request: AppRequest, invocation: Invocation): Promise<unknown> {
  try {
    const own = handler.chain.slice(0, -1).map(one);
    return await step([...around(request.path), ...own, last(handler)], 0, request, invocation);
  } catch (error) {
    return rescued(error, request, invocation);
  }
}

/** Runs one function of the chain; those after it stand behind its `next`. */
async function step(chain: Handler[], at: number, request: AppRequest, invocation: Invocation): Promise<unknown> {
  enter(invocation);
  if (at === chain.length - 1) return await handled(chain[at]!, request, invocation);
  let following: Promise<Response> | null = null;
  const next = async (): Promise<Response> => {
    if (following !== null) {
      throw failure("Error", "next_called_twice", "next() was called twice, so what follows would run again.",
        "Keep what the first call gave: const answer = await next();");
    }
    return (following = response(step(chain, at + 1, request, invocation), invocation));
  };
  const value = await chain[at]!(request, next);
  // One that only looks on, as in `await next();`, leaves the answer as it is.
  return value === undefined && following !== null ? following : value;
}

/** The handler's answer. What failed changes nothing of its visitor's session, whoever catches the error. */
async function handled(handler: Handler, request: AppRequest, invocation: Invocation): Promise<unknown> {
  try {
    return await handler(request);
  } catch (error) {
    if (isResponse(error)) return error;
    Session.discard(invocation.session);
    throw error;
  }
}

/** What follows, as a Response that the middleware may change and nobody else has. */
async function response(following: Promise<unknown>, invocation: Invocation): Promise<Response> {
  const value = await following;
  enter(invocation);
  if (isResponse(value)) return handedOn(value);
  if (value === undefined) return Response.noContent();
  if (typeof value === "string") return Response.text(value);
  return value instanceof Html ? Response.html(value) : Response.json(value);
}

/** The first answer that an error handler gives; what one throws goes on instead of the error. */
async function rescued(thrown: unknown, request: AppRequest, invocation: Invocation): Promise<unknown> {
  if (isResponse(thrown)) return thrown;
  let error = thrown;
  Session.discard(invocation.session);
  for (const rescue of errorHandlers) {
    enter(invocation);
    try {
      const value: unknown = await rescue(error, request);
      if (value !== undefined) return value;
    } catch (own) {
      error = own;
    }
  }
  throw error;
}

function one(handler: Handler | string): Handler {
  if (typeof handler === "function") return handler;
  const found = (globalThis as any)[handler];
  if (typeof found === "function") return found;
  throw failure("ReferenceError", "handler_not_found", `The route's handler "${handler}" is not a top-level function.`,
    `Declare function ${handler}(req) at the top level of a cell or file of this app.`);
}

/** The handler at the end of a chain, with the checks of its description. */
function last(handler: Registered): Handler {
  const run = one(handler.chain[handler.chain.length - 1]!);
  return isPromised(handler) ? guarded(handler, run) : run;
}
