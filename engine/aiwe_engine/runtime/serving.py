"""One live version of an app: the isolates that answer for it, and what happens when one is lost.

Isolates are reused between invocations of one version, so module state is a cache. When an isolate
or its worker dies, invocations that wrote nothing are run again: those that cannot have been running
go on in the new isolate together, a few times; those that may have been are each tried alone in a
worker of their own, once, so that the guilty one costs nobody else a second time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.runtime.isolate import Flight, Isolate
from aiwe_engine.runtime.loss import Loss, OnLost, lost_error, worker_lost
from aiwe_engine.runtime.overload import Overloaded
from aiwe_engine.runtime.pool import WorkerPool
from aiwe_engine.runtime.process import WorkerProcess
from aiwe_engine.settings import Settings

Loader = Callable[[WorkerProcess, OnLost], Awaitable[Isolate]]
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?([\w.-]+(?::\d+)?)", re.ASCII | re.IGNORECASE)
_HOSTS_TOLD = 3
RETRIES = 3  # times a live version is loaded again before its waiting requests fail
RERUNS = 3  # times a request is run again that others have cost its isolate


class Serving:
    """Where the invocations of one version go.

    Args:
        key: the pool's key of the worker that this app and environment share.
        load: makes a loaded isolate in a given process; raises AiweError.
    """

    def __init__(self, pool: WorkerPool, settings: Settings, key: str, load: Loader) -> None:
        self._pool, self._settings, self._key, self._load = pool, settings, key, load
        self._isolate: Isolate | None = None
        self._waiting: list[Flight] = []
        self._restarting: asyncio.Task[None] | None = None
        self._suspects: list[Flight] = []
        self._examining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.get_running_loop()
        self._alone = settings.isolation == "request"
        self._ready: list[Isolate] = []
        self._members: list[Isolate] = []  # every isolate of this version, the leaving ones too
        self._renewed: asyncio.Future[None] | None = None  # awaited by a change of settings
        self._conditions = 0  # counts the changes of what isolates are made with
        self.used = self.loop.time()
        self.retired = False
        self._short = False  # of a worker: the last that was asked for was not to be had
        self._closed = False

    async def start(self) -> None:
        """Loads the first isolate.

        Raises:
            AiweError: the program does not load.
        """
        self._keep(await self._fresh())

    async def _make(self) -> Isolate:
        process = await self._pool.lease(self._key)
        self._short = False
        isolate = await self._load(process, self._lost)
        isolate.on_heavy = self._replace
        self._members = [i for i in self._members if i.alive]
        self._members.append(isolate)
        return isolate

    async def _fresh(self) -> Isolate:
        """A loaded isolate, of the conditions that hold when it is there.

        Raises:
            AiweError: the program does not load.
        """
        while True:
            conditions = self._conditions
            isolate = await self._make()
            if conditions == self._conditions:
                return isolate
            isolate.dispose()

    async def renew(self, settings: Settings) -> None:
        """Puts a fresh isolate in the place of the one there is, which ends with what it does.

        What is being made at the moment is made anew, and what is at rest comes up under the new
        settings with the next request.

        Raises:
            AiweError: the program does not load as things are now; the isolate there was stays.
        """
        self._settings = settings
        self._conditions += 1
        alone = settings.isolation == "request"
        before = self._takers()
        fresh = await self._fresh() if before and self._restarting is None else None
        for isolate in before | self._takers():
            self._replace(isolate)
        self._alone, self._isolate, self._ready = alone, None, []
        if fresh is not None:
            self._keep(fresh)
        elif self._restarting is not None:
            # Changes that came faster than isolates would leave what waits without one.
            self._renewed = self.loop.create_future()
            await self._renewed

    def _tell_renewed(self) -> None:
        if self._renewed is not None and not self._renewed.done():
            self._renewed.set_result(None)

    def _takers(self) -> set[Isolate]:
        """The isolates that take requests."""
        return {one for one in (self._isolate, *self._ready) if one is not None}

    def _keep(self, isolate: Isolate) -> None:
        """Takes an isolate on that was just made: for what waits, or for what is to come."""
        self._tell_renewed()
        for flight in [f for f in self._waiting if f.future.done()]:  # nobody waits for its answer
            self._waiting.remove(flight)
            flight.fail(worker_lost(wrote=False))
        if self._alone and self._waiting:
            self._take_alone(isolate, self._waiting.pop(0))
        elif self._alone:
            self._ready.append(isolate)
        else:
            if self._isolate is not None:  # another one was made meanwhile
                self._replace(self._isolate)
            self._isolate = isolate
            for flight in self._waiting:
                isolate.take(flight)
            self._waiting = []
        if self.retired:  # replaced meanwhile: only what waited is still answered here
            self.retire()

    # ── invocations ──

    def invoke(self, flight: Flight) -> None:
        """Takes an invocation on; its future tells the rest."""
        self.used = self.loop.time()
        if self._alone:
            self._invoke_alone(flight)
        elif self._isolate is not None:
            self._isolate.take(flight)
        else:
            self._waiting.append(flight)
            self._restart()

    def _invoke_alone(self, flight: Flight) -> None:
        if self._ready:
            self._take_alone(self._ready.pop(), flight)
        else:
            self._waiting.append(flight)
        self._restart()

    def _take_alone(self, isolate: Isolate, flight: Flight) -> None:
        """Gives an invocation an isolate that ends with it, and leaves its place to another."""

        def end() -> None:
            isolate.dispose()
            if self._waiting:
                self._restart()

        isolate.on_idle = end
        isolate.take(flight)

    @property
    def _has_room(self) -> bool:
        """Whether there may be another isolate: alone, each request wants one."""
        return not self._alone or sum(i.alive for i in self._members) < self._settings.isolates

    def _restart(self) -> None:
        if self._restarting is None:
            self._restarting = self.loop.create_task(self._bring_up())

    async def _bring_up(self) -> None:
        failures = 0
        try:
            while failures < RETRIES:
                try:
                    await self._fill()
                except (
                    Overloaded
                ):  # each waits for a worker as long as it may wait at all: see sweep
                    if not self._waiting:
                        break
                except AiweError as error:
                    failures += 1
                    if failures == RETRIES:
                        self._fail_waiting(error)
                else:
                    break
        finally:
            self._restarting = None
            self._tell_renewed()

    async def _fill(self) -> None:
        """Makes isolates until nothing waits and one is there: alone, each request uses one up."""
        while self._waiting or not (self._isolate or self._ready or self.retired):
            if not self._has_room:
                return  # the next that ends comes back here
            self._keep(await self._fresh())

    def _fail_waiting(self, error: AiweError) -> None:
        waiting, self._waiting = self._waiting, []
        for flight in waiting:
            flight.fail(error)

    async def isolate(self) -> Isolate:
        """An isolate of this version to look into.

        Raises:
            AiweError: none can be brought up.
        """
        self.used = self.loop.time()
        if self._isolate is not None:
            return self._isolate
        if self._restarting is not None:
            await asyncio.shield(self._restarting)
        if self._isolate is None:
            isolate = await self._make()
            if self._alone:
                return isolate
            self._isolate = isolate
        return self._isolate

    # ── losses ──

    def _lost(self, isolate: Isolate, loss: Loss) -> None:
        if isolate is self._isolate and loss.reason != "stranded":
            self._isolate = None
        if isolate in self._ready:
            self._ready.remove(isolate)
        for flight in loss.flights:
            if flight is loss.guilty or flight.invocation.kind == "load":
                flight.fail(lost_error(loss.reason, isolate.cpu_limit))
            else:
                self._again(flight, suspected=loss.guilty is None and flight in loss.suspects)
        if self._waiting and not self._closed:
            self._restart()

    def _again(self, flight: Flight, *, suspected: bool) -> None:
        invocation = flight.invocation
        flight.end_transactions()
        spent = invocation.reruns >= RERUNS and not suspected
        if invocation.wrote or spent or self._closed:
            flight.fail(worker_lost(wrote=invocation.wrote))
            return
        invocation.reruns += 1
        if not suspected:
            self.invoke(flight)
            return
        self._suspects.append(flight)
        if not self._examining:
            self._examining = True
            task = self.loop.create_task(self._examine())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _examine(self) -> None:
        """Runs suspects one by one in a worker of their own; one that kills it was guilty."""
        key = f"{self._key}?"
        try:
            while self._suspects:
                try:
                    isolate = await self._load(await self._pool.lease(key), self._convict)
                except AiweError as error:
                    if self._suspects:  # their time may have passed meanwhile: see sweep
                        self._suspects.pop(0).fail(error)
                    continue
                if self._suspects:
                    flight = self._suspects.pop(0)
                    await self._finished(isolate, isolate.take(flight), flight)
                isolate.dispose()
        finally:
            self._examining = False
            self._pool.release(key)

    async def _finished(self, isolate: Isolate, number: int, flight: Flight) -> None:
        deadline = flight.invocation.deadline
        remaining = None if deadline is None else max(0.0, deadline - self.loop.time())
        done, _ = await asyncio.wait([flight.future], timeout=remaining)
        if not done:
            isolate.abandon(number, overdue(flight, self._settings))

    def _convict(self, isolate: Isolate, loss: Loss) -> None:
        for flight in loss.flights:
            flight.fail(lost_error(loss.reason, isolate.cpu_limit))

    def _replace(self, isolate: Isolate) -> None:
        """An isolate holds too much memory: new requests go to another; it ends when it is idle."""
        if isolate is self._isolate:
            self._isolate = None
        if isolate.flights:
            isolate.on_idle = isolate.on_idle or isolate.dispose
        else:
            isolate.dispose()

    # ── the passing of time ──

    def sweep(self, now: float) -> None:
        """Ends what is past its deadline, and a worker that has stopped answering."""
        settings = self._settings
        for isolate in self._members:
            expired = []
            for number, flight in isolate.flights.items():
                deadline = flight.invocation.deadline
                if deadline is not None and deadline <= now:
                    expired.append((number, flight))
            for number, flight in expired:
                isolate.abandon(number, overdue(flight, settings))
            stuck = isolate.cpu_limit * 5 + settings.kill_grace
            if isolate.waiting_since and now - isolate.waiting_since > stuck:
                isolate.process.kill()
        full = self._short or self._pool.waits(self._key)
        for waiting in (self._waiting, self._suspects):
            for flight in [
                f for f in waiting if f.invocation.deadline and f.invocation.deadline <= now
            ]:
                flight.fail(self._pool.full() if full else deadline_error(settings.deadline))
                waiting.remove(flight)

    @property
    def busy(self) -> bool:
        """Whether anything is under way here."""
        return bool(
            self._waiting
            or self._restarting
            or self._examining
            or any(i.flights for i in self._members if i.alive)
        )

    def rest(self) -> None:
        """Gives its isolates up until the next request."""
        isolate, self._isolate = self._isolate, None
        for one in [isolate, *self._ready]:
            if one is not None:
                one.dispose()
        self._ready.clear()

    async def close(self) -> None:
        """Ends everything at once; requests under way are told that their worker was lost."""
        self._closed = True
        self.retire()
        tasks = [task for task in [self._restarting, *self._tasks] if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._waiting += self._suspects
        self._fail_waiting(worker_lost(wrote=False))

    def retire(self) -> None:
        """Another version is live: what is under way ends here, nothing new comes."""
        self.retired = True
        isolate, self._isolate = self._isolate, None
        if isolate is not None:
            self._replace(isolate)
        for ready in self._ready:
            ready.dispose()
        self._ready.clear()


def overdue(flight: Flight, settings: Settings) -> RequestError:
    """The error of an invocation whose time is over."""
    if flight.channel is None:
        # Whom an app asks is for its authors to know, not for its visitors.
        hosts = asked_hosts(flight) if flight.invocation.env == "dev" else []
        return deadline_error(settings.deadline, hosts)
    return RequestError(
        f"The streamed answer made no progress for {settings.stream_timeout:g} s.",
        code="stream_timeout",
        status=504,
        hint="Send a piece more often (a comment line keeps server-sent events alive), or raise the "
        "setting limits.stream_timeout.",
    )


def asked_hosts(flight: Flight) -> list[str]:
    """The hosts whose answers an invocation waits for."""
    hosts = []
    for capability, args in flight.calls.values():
        given = args[-1] if capability == "fetch" and args else None
        url = given.get("url") if isinstance(given, dict) else None
        if isinstance(url, str) and (found := _HOST.match(url)):
            hosts.append(found[1])
    return sorted(set(hosts))


def deadline_error(seconds: float, hosts: Sequence[str] = ()) -> RequestError:
    """The error of a request that took too long, waiting included.

    Args:
        seconds: that it had.
        hosts: those whose answers it still waited for, as far as whoever asks may know.
    """
    if hosts:
        more = f" and {len(hosts) - _HOSTS_TOLD} more" if len(hosts) > _HOSTS_TOLD else ""
        return RequestError(
            f"The handler did not answer within {seconds:g} s: it was waiting for {', '.join(hosts[:_HOSTS_TOLD])}{more}.",
            code="deadline",
            status=504,
            hint="Give the fetch a timeout below limits.deadline, as in fetch(url, { timeout: 2000 }): the program can "
            "catch that. Or raise limits.deadline.",
        )
    return RequestError(
        f"The handler did not answer within {seconds:g} s.",
        code="deadline",
        status=504,
        hint="Await less in one request, or raise limits.deadline. Where it waits for a fetch, give that a timeout "
        "below limits.deadline, as in fetch(url, { timeout: 2000 }): the program can catch that.",
    )
