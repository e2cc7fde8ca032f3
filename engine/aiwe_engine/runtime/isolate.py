"""One isolate as its host sees it: what is in flight there, and what it says of each.

A `Flight` is an invocation on its way. Its future resolves to what the handler answered or fails
with an AiweError; it is not tied to an isolate, so that a flight can be taken up by another one
when this one is lost. An answer that streams resolves the future when its head is there, and the
flight goes on until the last piece.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count, islice
from typing import Any

import orjson

from aiwe_engine import wire
from aiwe_engine.channel import ANSWER, REQUEST, Channel
from aiwe_engine.errors import AiweError, EngineError, ProgramError
from aiwe_engine.runtime.loss import Loss, OnLost, lost_error, over_limit
from aiwe_engine.runtime.outbox import TOO_DEEP, messages
from aiwe_engine.runtime.overload import Entry
from aiwe_engine.runtime.process import WorkerProcess
from aiwe_engine.types import Invocation

_LOG = logging.getLogger(__name__)

HostCall = Callable[[Invocation, str, str, list[Any]], Awaitable[Any]]
LogSink = Callable[[Invocation | None, str, str], None]
Display = Callable[[Any], None]
_SERIALS = count(1)
CALL_BITS = 0xFFFFFFFF  # of a call's number, as far as a frame's header has them
OPEN_CALLS = 10_000  # host calls that an invocation may have under way


class Flight:
    """One invocation on its way, from its first message to its answer."""

    __slots__ = (
        "calls",
        "channel",
        "display",
        "entered",
        "future",
        "invocation",
        "isolate",
        "message",
        "number",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        invocation: Invocation,
        message: tuple[Any, ...],
        display: Display | None = None,
    ) -> None:
        self.invocation = invocation
        self.message = message  # op letter and what follows the number
        self.future: asyncio.Future[Any] = loop.create_future()
        self.display = display
        self.channel: Channel | None = None  # what the program streams as its answer
        self.isolate: Isolate | None = None  # where it is
        self.number = 0  # what it is called there
        self.calls: dict[int, tuple[str, list[Any]]] = {}  # host calls under way: capability, args
        self.entered: Entry | None = None  # where it counts among those that wait

    def begin_stream(self, head: Any, deadline: float) -> None:
        """The head of an answer is there; its pieces come through a channel."""
        invocation = self.invocation
        if self.future.done() or invocation.kind != "http":
            return
        self.channel = Channel()
        invocation.bodies[ANSWER] = self.channel
        invocation.wrote = True  # an answer begun cannot be begun again
        invocation.deadline = deadline
        self.future.set_result(head)
        self._step_out()

    def finish(self, value: Any) -> None:
        """Ends the flight with what the handler answered."""
        if self.channel is not None:
            self.channel.end()
        elif not self.future.done():
            self.future.set_result(value)
        self._let_go()

    def fail(self, error: AiweError) -> None:
        """Ends the flight with an error, unless it has ended."""
        if self.channel is not None:
            self.channel.fail(error)
        elif not self.future.done():
            self.future.set_exception(error)
        self._let_go()

    def _let_go(self) -> None:
        """Closes what the invocation was reading; its request and its answer are the face's."""
        self.invocation.over = True
        self._step_out()
        self.end_transactions()
        loop = self.future.get_loop()
        if self.invocation.uploads is not None:
            loop.create_task(self.invocation.uploads.close())
        for number, body in self.invocation.bodies.items():
            if number not in {ANSWER, REQUEST}:
                loop.create_task(body.close())

    def _step_out(self) -> None:
        """It waits no more: another one may enter."""
        entered, self.entered = self.entered, None
        if entered is not None:
            entered.waiting -= 1

    def end_transactions(self) -> None:
        """Nothing stays open of a run that has ended, whether or not there is another."""
        begun, self.invocation.transactions = self.invocation.transactions, None
        if begun is not None:
            self.future.get_loop().create_task(begun.close())

    def leave(self) -> None:
        """The client has left: the program is told, and may go on."""
        if self.isolate is not None:
            self.isolate.tell_left(self.number)


class Isolate:
    """A place where invocations run, in some worker process.

    Args:
        process: the worker.
        config: what the isolate is made with: settings for JavaScript, parts, limits.
        gate: how a host call is made.
        log: where log lines go.
        on_lost: told of the loss.
    """

    def __init__(
        self,
        process: WorkerProcess,
        config: dict[str, Any],
        gate: HostCall,
        log: LogSink,
        on_lost: OnLost,
    ) -> None:
        self.process = process
        self.serial = next(_SERIALS)  # of all isolates of this process, ever
        self.cpu_limit: float = config["cpu_limit"]
        self._stream_timeout: float = config["stream_timeout"]
        self.flights: dict[int, Flight] = {}
        self.alive = True
        self.heavy = False
        self.on_idle: Callable[[], None] | None = None
        self.on_heavy: Callable[[Isolate], None] | None = None
        self.on_end: Callable[[int], None] | None = None  # told its serial when it is gone
        self.waiting_since = 0.0  # loop time of the oldest message that it should have answered for
        self._gate, self._log, self._on_lost = gate, log, on_lost
        self._held: tuple[int, int] | None = None  # invocation and call that it stands still for
        self._sent: deque[int] = deque()  # invocation numbers of messages not yet answered for
        self._defining: dict[int, asyncio.Future[None]] = {}
        self._last = 0
        self._loop = process.loop
        self.number = process.admit(self)
        process.send(wire.CREATE, self.number, 0, orjson.dumps(config))

    # ── towards the worker ──

    def take(self, flight: Flight) -> int:
        """Sends an invocation on its way here; returns its number in this isolate."""
        self._last = number = self._last + 1
        self.flights[number] = flight
        flight.isolate, flight.number = self, number
        flight.invocation.isolate = self.serial
        letter, *rest = flight.message
        self._message(number, orjson.dumps([letter, number, *rest]))
        return number

    def _message(self, number: int, body: bytes) -> None:
        if not self._sent:
            self.waiting_since = self._loop.time()
        self._sent.append(number)
        self.process.send(wire.MESSAGE, self.number, 0, body)

    async def define(self, code: str) -> None:
        """Evaluates compiled text, which only defines.

        Raises:
            ProgramError: V8 does not take it.
        """
        self._last = number = self._last + 1
        future = self._defining[number] = self._loop.create_future()
        self.process.send(wire.DEFINE, self.number, number, code.encode())
        await future

    def limit_cpu(self, seconds: float) -> None:
        """Sets the CPU time that one turn may use from now on."""
        self.cpu_limit = seconds
        self.process.send(wire.LIMIT, self.number, int(seconds * 1000))

    def cut(self) -> None:
        """Stops the turn that is running now."""
        self.process.send(wire.CUT, self.number)

    def abandon(self, number: int, error: AiweError) -> None:
        """Ends one flight from outside: its deadline passed, or nobody waits for it."""
        flight = self.flights.pop(number, None)
        if flight is None:
            return
        flight.fail(error)
        if self.alive:
            self._release(number, error)
            self._message(number, orjson.dumps(["a", number, error.code, error.message]))
        self._rest()

    def tell_left(self, number: int) -> None:
        """Tells an invocation that its client has left."""
        if self.alive and number in self.flights:
            self._message(number, orjson.dumps(["g", number]))

    @property
    def busy(self) -> bool:
        """Whether something is under way here."""
        return bool(self.flights or self._defining)

    def dispose(self) -> None:
        """Ends the isolate; its flights must have ended."""
        self._end_life()
        self.process.dismiss(self.number)

    def _end_life(self) -> None:
        self.alive = False
        if self.on_end is not None:
            self.on_end(self.serial)

    # ── from the worker ──

    def received(self, op: int, number: int, body: bytes) -> None:
        """Takes one frame that the worker sent for this isolate."""
        if op == wire.OUTBOX:
            self._acknowledge(number)
            if body:
                for message in messages(body):
                    self._take_message(message)
        elif op == wire.DEFINED:
            self._defined(number, body.decode())
        elif op == wire.FAILED:
            report = orjson.loads(body)
            self.process.dismiss(self.number)
            turn = islice(self._sent, max(int(report["turn"]), 0))
            self._lose(str(report["reason"]), set(turn), int(report["running"]))
        elif op == wire.HEAVY and not self.heavy:
            self.heavy = True
            if self.on_heavy is not None:
                self.on_heavy(self)

    def _acknowledge(self, count: int) -> None:
        sent = self._sent
        for _ in range(min(count, len(sent))):
            sent.popleft()
        self.waiting_since = self._loop.time() if sent else 0.0

    def _take_message(self, message: list[Any]) -> None:
        letter, number = message[0], message[1]
        flight = self.flights.get(number)
        if letter == "l":
            self._log(flight.invocation if flight else None, message[2], message[3])
        elif letter == "w":
            self._hold(number, flight, message[2])
        elif flight is None:
            return  # over, or never here: the worker may say what it likes
        elif letter == "c":
            self._take_call(number, flight, message)
        elif letter == "v":
            if flight.display is not None:
                flight.display(message[2])
        elif letter == "h":
            flight.begin_stream(message[2], self._loop.time() + self._stream_timeout)
        elif letter == TOO_DEEP:
            self.abandon(number, _too_deep())
        else:
            del self.flights[number]
            self._end(flight, letter, message)

    def _hold(self, number: int, flight: Flight | None, call: Any) -> None:
        """The isolate stands still until a call is answered: its worker is not to blame for that."""
        if not isinstance(call, int):
            raise TypeError("a call without a number")
        self._held, self.waiting_since = (number, call), 0.0
        if flight is None:
            self._release(number, _gone())

    def _release(self, number: int, answer: bytes | AiweError) -> None:
        """Answers the call that the isolate stands still for, where it is one of this invocation."""
        if self._held is None or self._held[0] != number:
            return
        call = self._held[1]
        self._held, self.waiting_since = None, self._loop.time() if self._sent else 0.0
        body = answer if isinstance(answer, bytes) else _refusal(call, answer)
        self.process.send(wire.REPLY, self.number, call & CALL_BITS, body)

    def _end(self, flight: Flight, letter: str, message: list[Any]) -> None:
        if self._held is not None and self._held[0] == flight.number:
            self._held = None  # it was cut while it stood still
        if letter == "d":
            flight.finish(message[2])
        elif letter == "x":
            flight.fail(_thrown(message[2]))
        elif letter == "k":
            flight.fail(over_limit(self.cpu_limit))
        elif letter == "s":
            self._on_lost(self, Loss("stranded", [flight]))
        self._rest()

    def _rest(self) -> None:
        if not self.flights and self.on_idle is not None:
            self.on_idle()

    def _take_call(self, number: int, flight: Flight, message: list[Any]) -> None:
        if len(flight.calls) >= OPEN_CALLS:
            self.abandon(number, _too_many_calls())
            return
        call, capability, method, args = message[2:6]
        if call in flight.calls:
            raise ValueError("two calls of one number")
        flight.calls[call] = (capability, args)
        self._loop.create_task(self._call(number, flight, call, capability, method, args))

    async def _call(
        self, number: int, flight: Flight, call: int, capability: str, method: str, args: list[Any]
    ) -> None:
        try:
            value = await self._gate(flight.invocation, capability, method, args)
            body = orjson.dumps(["r", call, True, value])
        except AiweError as error:
            body = _refusal(call, error)
        except Exception:  # noqa: BLE001 - whatever it was, the program is told and the log knows
            _LOG.exception("the host call %s.%s failed", capability, method)
            failure = EngineError("The engine failed.", code="internal_error", status=500)
            body = _refusal(call, failure)
        finally:
            del flight.calls[call]
        if not self.alive or number not in self.flights:
            return
        if self._held == (number, call):
            self._release(number, body)
        else:
            self._message(number, body)

    def _defined(self, number: int, problem: str) -> None:
        future = self._defining.pop(number, None)
        if future is None or future.done():
            return
        if problem:
            message = problem.split("\n", 1)[0]
            future.set_exception(ProgramError(message, code="syntax_error", name="SyntaxError"))
        else:
            future.set_result(None)

    def lost(self, reason: str) -> None:
        """The worker ended; what it had not answered for is suspected."""
        self._lose(reason, set(self._sent))

    def _lose(self, reason: str, suspects: set[int], guilty: int = 0) -> None:
        if not self.alive:
            return
        self._end_life()
        for future in self._defining.values():
            if not future.done():
                future.set_exception(lost_error(reason, self.cpu_limit))
        flights, self.flights = self.flights, {}
        suspected = [flights[n] for n in suspects if n in flights]
        self._on_lost(self, Loss(reason, list(flights.values()), suspected, flights.get(guilty)))


def _thrown(description: dict[str, Any]) -> ProgramError:
    status = description.get("status")
    return ProgramError(
        str(description.get("message") or ""),
        name=str(description.get("name") or "Error"),
        code=description.get("code") or "handler_failed",
        hint=description.get("hint"),
        status=status if isinstance(status, int) else None,
        details=description.get("details"),
        stack=description.get("stack"),
    )


def _as_javascript(error: AiweError) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": error.name,
        "code": error.code,
        "message": error.message,
        "status": error.status,
    }
    if error.hint:
        value["hint"] = error.hint
    if error.details is not None:
        value["details"] = error.details
    return value


def _refusal(call: int, error: AiweError) -> bytes:
    return orjson.dumps(["r", call, False, _as_javascript(error)])


def _gone() -> ProgramError:
    return ProgramError(
        "The request that this call belongs to is over.",
        code="no_invocation",
        hint="Nothing that it starts now is done: let the error end what runs.",
    )


def _too_deep() -> ProgramError:
    return ProgramError(
        "A value of this code is nested too deeply to be handed over.",
        code="nested_too_deeply",
        hint="Keep values within 200 levels: store deep structures as lists of parts with ids.",
        name="RangeError",
    )


def _too_many_calls() -> ProgramError:
    return ProgramError(
        f"One request had more than {OPEN_CALLS} host calls under way.",
        code="too_many_calls",
        hint="Await them in groups, and read or write many documents in one call.",
    )
