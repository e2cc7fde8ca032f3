/**
 * `DataRepository.transaction`, the half inside the isolate: it runs the work, settles the calls that the
 * work did not await, commits, and runs the work again when it has lost. The host keeps the turns.
 */
import { failure } from "../../runtime/js/failure";
import { type Receive, whole } from "../../runtime/js/host";
import type { Host } from "../../runtime/js/internals";
import { type Invocation, current, enter } from "../../runtime/js/invocation";
import { PromiseCtor, promiseThen } from "../../runtime/js/platform/primordials";
import type { Way } from "./data";

const MOST_RUNS = 10;
const CONFLICT = "transaction_conflict";

type Call = Way["call"];
type Make = (call: Call, callSync: Call) => object;
export type Work = (tx: object) => unknown;
interface Failure { error: unknown }

/** One run of the work. */
class Run {
  readonly tx: object;
  /** The first thing that went wrong without anybody looking. */
  failed: Failure | null = null;
  #pending = 0;
  #idle: (() => void) | null = null;
  #over = false;

  constructor(private readonly host: Host, private readonly id: number, private readonly invocation: Invocation, make: Make) {
    const tx: any = make(
      (method, args, receive) => this.#call(method, args, receive),
      (method, args, receive) => host.callSync("data", "within", [this.#number(), method, args], receive),
    );
    tx.transaction = (work: Work) => this.#join(work);
    tx.define = () => { throw notHere(); };
    this.tx = tx;
  }

  #call(method: string, args: unknown[], receive?: Receive): Promise<unknown> {
    const promise: any = this.host.call("data", "within", [this.#number(), method, args], receive);
    this.#pending++;
    promiseThen(promise, () => this.#settled(), (error: unknown) => {
      if (promise.looked === false && !this.#over) {
        promise.looked = true; // it fails this run, which need not be the last one
        this.failed ??= { error };
      }
      this.#settled();
    });
    return promise;
  }

  /** What the host knows it by; zero in the hands of another request, where it is over. */
  #number(): number {
    return current() === this.invocation ? this.id : 0;
  }

  #settled(): void {
    if (--this.#pending === 0) this.#idle?.();
  }

  /** A transaction inside another is a part of it: where it fails, the whole does. */
  async #join(work: Work): Promise<unknown> {
    try {
      return await asFunction(work)(this.tx);
    } catch (error) {
      this.failed ??= { error };
      throw error;
    } finally {
      enter(this.invocation);
    }
  }

  /** Waits for the calls that the work did not await, and for those which follow from them. */
  async settle(): Promise<void> {
    while (this.#pending > 0) {
      await new PromiseCtor<void>((done) => { this.#idle = done; });
      enter(this.invocation);
      await new PromiseCtor<void>((done) => { this.host.setTimer(done, 0, false, true); });
      enter(this.invocation);
    }
    this.#over = true;
  }
}

export function transaction(host: Host, make: Make, work: Work): Promise<unknown> {
  const invocation = current();
  if (invocation === null || invocation.done) return host.call("data", "begin", []); // which says so
  return whole(invocation, untilItHolds(host, make, work, invocation));
}

async function untilItHolds(host: Host, make: Make, work: Work, invocation: Invocation): Promise<unknown> {
  const run = asFunction(work);
  let before: number | null = null;
  for (let runs = 1; ; runs++) {
    const id = ++invocation.lastTransaction;
    const begun = host.call("data", "begin", [id, before]);
    if (before !== null) { // it waits for its turn, and no call of `tx.sync` must wait for that
      await begun;
      enter(invocation);
    }
    const outcome = await attempt(new Run(host, id, invocation, make), run, invocation);
    enter(invocation);
    try {
      await begun;
      enter(invocation);
      if (outcome.failure === null) {
        await host.call("data", "commit", [id]);
        return outcome.value;
      }
      if (await host.call("data", "rollback", [id])) throw outcome.failure.error;
    } catch (error: any) {
      if (outcome.failure !== null || error?.code !== CONFLICT) throw error;
    } finally {
      enter(invocation);
    }
    if (runs === MOST_RUNS) throw lost(runs);
    before = id;
  }
}

async function attempt(run: Run, work: Work, invocation: Invocation): Promise<{ value?: unknown; failure: Failure | null }> {
  let value: unknown;
  let failed: Failure | null = null;
  try {
    value = await work(run.tx);
  } catch (error) {
    failed = { error };
  }
  enter(invocation);
  await run.settle();
  return { value, failure: failed ?? run.failed };
}

function asFunction(work: unknown): Work {
  if (typeof work === "function") return work as Work;
  throw failure("TypeError", "invalid_argument", "DataRepository.transaction needs a function",
    "Write DataRepository.transaction(async (tx) => { … tx.get(…) … tx.update(…) … }).", 400);
}

function notHere(): Error {
  return failure("Error", "outside_transaction", "A collection is not declared inside a transaction.",
    "Call DataRepository.define at the top level of a cell or file.");
}

function lost(runs: number): Error {
  return failure("Error", CONFLICT, `The transaction ran ${runs} times, and each time somebody had changed what it read.`,
    "Nothing of it was written. Let it read fewer documents and fewer whole collections, or send the request again.", 409);
}
