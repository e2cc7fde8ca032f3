"""`fetch`: requests of programs to other servers.

Checks what a program passes and hands it to `Outbound`. A request has a number, chosen by the program;
under it stands an `Exchange` among the invocation's bodies, by which the parts of a streamed request
are written, those of the answer are read, and all of it is given up.
"""

from __future__ import annotations

import asyncio
import binascii
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiwe_engine.channel import Channel
from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.outbound import errors
from aiwe_engine.outbound.exchange import Answer, Outgoing
from aiwe_engine.outbound.headers import LENGTH, without
from aiwe_engine.outbound.retry import STATUSES, Retry
from aiwe_engine.outbound.turns import AppTurns
from aiwe_engine.protocols import Method
from aiwe_engine.settings import KB, Settings
from aiwe_engine.types import ByteSource, Invocation
from aiwe_engine.vault.injection import Injection
from aiwe_engine.vault.redactor import Redacting, Redactor

if TYPE_CHECKING:
    from aiwe_engine.outbound.client import Outbound

_SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
_MODES = frozenset(["follow", "error", "manual"])
_INLINE = 64 * KB  # a body of so many bytes comes with the head of its answer
_PATIENCE = 0.02  # seconds that the head waits for such a body
_LONGEST = 86_400.0  # seconds
_MOST_ATTEMPTS = 100


class Fetch:
    """The host half of `fetch`; `js/fetch.ts` is the other.

    Args:
        settings_of: the settings of an app.
        injection: puts the values of secrets in, and takes them out of what comes back.
    """

    name = "fetch"
    methods: Mapping[str, Method] = {
        "ask": Method(recorded=True, outside=True),
        "send": Method(write=True, outside=True),
    }

    def __init__(
        self, settings_of: Callable[[str], Settings], injection: Injection | None = None
    ) -> None:
        self._settings_of, self._injection = settings_of, injection
        self._outbound: Outbound | None = None
        self._turns: dict[str, AppTurns] = {}
        self._opening = asyncio.Lock()

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Any:
        """Sends one request: `ask` what only reads, `send` what may change something.

        Args:
            invocation: on whose behalf.
            method: "ask" or "send".
            args: its number, negative, and what to send: see `_outgoing`.

        Returns:
            [status, reason, URL, whether redirected, headers, body, form of the body], where the
            form is "text", "base64", "none", or "stream" for what is read by its number.

        Raises:
            AiweError: a code that begins with `fetch_` or `secret_`.
        """
        number, given = _two(args)
        settings = self._settings_of(invocation.app)
        turns = self._turns.get(invocation.app)
        if turns is None:
            turns = self._turns[invocation.app] = AppTurns()
        turns.limit = settings.fetch_app_concurrency
        exchange = Exchange(invocation, number, settings.fetch_concurrency, turns)
        request = _outgoing(given, exchange)
        if method == "ask" and request.method not in _SAFE:
            raise errors.bad_option(f"{request.method} is no request that only reads.", "Send it.")
        if self._injection is not None:
            exchange.redactor = self._injection.redaction.of(invocation.app, invocation.env)
        before = invocation.bodies.pop(number, None)  # of a run that ended with its isolate
        if before is not None:
            await before.close()
        invocation.bodies[number] = exchange
        try:
            outbound = self._outbound or await self._open()
            self._inject(invocation, request, exchange.redactor, settings)
            return await exchange.run(outbound, request, settings)
        except AiweError as error:
            await exchange.close()
            raise redacted(error, exchange.redactor) from None
        except Exception as error:  # noqa: BLE001 - the log gets it, without what it must not hold
            await exchange.close()
            raise _unforeseen(error, exchange.redactor) from None
        except BaseException:
            await exchange.close()
            raise

    def _inject(
        self,
        invocation: Invocation,
        request: Outgoing,
        redactor: Redactor | None,
        settings: Settings,
    ) -> None:
        filling = None if self._injection is None else self._injection.begin(invocation)
        if filling is not None:
            from aiwe_engine.capabilities.injected import fill  # brings what `_open` brings

            fill(request, filling, settings, redactor)

    async def _open(self) -> Outbound:
        """Brings what an engine that fetches nothing need not have."""
        async with self._opening:
            if self._outbound is None:
                self._outbound = (await asyncio.to_thread(_bring))()
        return self._outbound

    async def close(self) -> None:
        """Closes every connection."""
        if self._outbound is not None:
            await self._outbound.close()


class Exchange:
    """One request under way, and the body of its answer. A `ByteSource` for the program.

    Args:
        invocation: whose it is.
        number: under which the program knows it.
        limit: how many an invocation may have at a time; another waits for its turn.
        app_turns: those of its app's invocations together.
    """

    def __init__(
        self, invocation: Invocation, number: int, limit: int, app_turns: AppTurns
    ) -> None:
        self._invocation, self._number, self._limit = invocation, number, limit
        self._app_turns = app_turns
        others = [body for body in invocation.bodies.values() if isinstance(body, Exchange)]
        self.turns: asyncio.Semaphore = others[0].turns if others else asyncio.Semaphore(limit)
        self.upload: Channel | None = None
        self.redactor: Redactor | None = None  # of what comes back
        self._redacting: Redacting | None = None
        self._task: asyncio.Task[Answer] | None = None
        self._answer: Answer | None = None
        self._has_turn = self._over = False

    async def run(self, outbound: Outbound, request: Outgoing, settings: Settings) -> list[Any]:
        """Sends the request; returns what `Fetch.call` does."""
        await self._wait(request.timeout or settings.fetch_timeout)
        self._task = asyncio.create_task(outbound.send(request, settings))
        try:
            answer = self._answer = await self._task
        except asyncio.CancelledError:
            if not self._over:
                self._task.cancel()
                raise
            raise _given_up() from None
        if answer.body is None and request.carried.anything:
            answer.headers = without(answer.headers, LENGTH)  # of what GET would have echoed
        return await self._told(answer)

    async def _wait(self, seconds: float) -> None:
        whose, limit = "request", self._limit
        try:
            async with asyncio.timeout(seconds):
                await self.turns.acquire()
                try:
                    whose, limit = "app", self._app_turns.limit
                    await self._app_turns.acquire()
                except BaseException:
                    self.turns.release()
                    raise
        except TimeoutError:
            raise errors.busy(whose, limit, seconds) from None
        self._has_turn = True
        if self._over:
            self._give_turn()
            raise _given_up()

    def _give_turn(self) -> None:
        self.turns.release()
        self._app_turns.release()

    async def _told(self, answer: Answer) -> list[Any]:
        head = [answer.status, answer.reason, answer.url, answer.redirected, answer.headers]
        if self.redactor is not None:
            head = self.redactor.json(head)
            self._redacting = self.redactor.stream()
        body: bytes | None = b""
        if answer.body is not None:
            loading = self._invocation.effects is not None  # it is replayed, so it comes whole
            gather = answer.body.whole() if loading else answer.body.gather(_INLINE, _PATIENCE)
            body = await gather
        if self.redactor is not None and answer.body is not None:
            body = _shortened(head, body, self.redactor)
        if body is None:
            return [*head, None, "stream"]
        await self.close()
        if answer.body is None:
            return [*head, None, "none"]
        try:
            return [*head, body.decode(), "text"]
        except UnicodeDecodeError:
            return [*head, binascii.b2a_base64(body, newline=False).decode(), "base64"]

    async def read(self) -> bytes:
        """The next piece of the answer's body; empty at the end.

        Raises:
            AiweError: it broke off.
        """
        if self._answer is None or self._answer.body is None:
            return b""
        try:
            piece = await self._piece(self._answer.body)
        except AiweError as error:
            raise redacted(error, self.redactor) from None
        if not piece:
            await self.close()
        return piece

    async def _piece(self, body: ByteSource) -> bytes:
        """The next piece, without what it must not hold."""
        if self._redacting is None:
            return await body.read()
        while piece := await body.read():
            if clean := self._redacting.feed(piece):
                return clean
        return self._redacting.end()

    async def write(self, piece: bytes) -> None:
        """Adds a piece to the request's body; returns when there is room for another.

        Raises:
            AiweError: nobody reads it any more.
        """
        if self.upload is not None:
            await self.upload.write(piece)

    def end(self) -> None:
        """The request's body is complete."""
        if self.upload is not None:
            self.upload.end()

    def fail(self, error: AiweError) -> None:
        """The request's body breaks off, and the request with it."""
        if self.upload is not None:
            self.upload.fail(error)

    async def close(self) -> None:
        """Gives up what is under way, and lets another have its turn."""
        self._invocation.bodies.pop(self._number, None)
        if self._over:
            return
        self._over = True
        if self._task is not None:
            self._task.cancel()
        if self.upload is not None:
            self.upload.leave()
        if self._has_turn:
            self._give_turn()
        if self._answer is not None and self._answer.body is not None:
            await self._answer.body.close()


def _shortened(head: list[Any], body: bytes | None, redactor: Redactor) -> bytes | None:
    """A body without what it must not hold; where its length may have changed, no header tells it."""
    clean = None if body is None else redactor.data(body)
    if clean is None or clean != body:
        head[4] = without(head[4], LENGTH)
    return clean


def redacted(error: AiweError, redactor: Redactor | None) -> AiweError:
    """An error whose words hold no value."""
    if redactor is not None:
        error.message = redactor.text(error.message)
        error.hint = None if error.hint is None else redactor.text(error.hint)
        error.details = redactor.json(error.details)
        error.args = (error.message,)
    return error


def _unforeseen(error: Exception, redactor: Redactor | None) -> RuntimeError:
    """What happened, as the log of the engine may have it: nobody knows what its words were made of."""
    told = "".join(traceback.format_exception(error))
    return RuntimeError(told if redactor is None else redactor.text(told))


def _bring() -> type[Outbound]:
    from aiwe_engine.outbound.client import Outbound

    return Outbound


def _given_up() -> ProgramError:
    return ProgramError("The fetch was given up.", code="fetch_aborted", name="AbortError")


def _two(args: list[Any]) -> tuple[int, dict[str, Any]]:
    number, given = [*args, None, None][:2]
    if type(number) is not int or number >= 0 or not isinstance(given, dict):
        raise _malformed()
    return number, given


def _malformed() -> ProgramError:
    return errors.bad_option(
        "The request has not the form of one.", "Call fetch(url, { method, headers, body })."
    )


def _outgoing(given: dict[str, Any], exchange: Exchange) -> Outgoing:
    """The request that a program passes.

    Args:
        given: url, method, headers; text, base64 or stream for its body; redirect; timeout in
            milliseconds; retry with attempts, delay and maxDelay in milliseconds, and statuses.
        exchange: gets what a body is written to, where it is a stream.

    Raises:
        AiweError: `fetch_bad_option`.
    """
    try:
        pairs = [(str.__str__(name), str.__str__(value)) for name, value in given["headers"]]
        request = Outgoing(str.upper(given["method"]), str.__str__(given["url"]), pairs)
        if "text" in given:
            request.body = str.encode(given["text"])
        elif "base64" in given:
            request.body = binascii.a2b_base64(given["base64"], strict_mode=True)
        elif given.get("stream"):
            request.body = exchange.upload = Channel()
        if given["redirect"] not in _MODES:
            raise _malformed()
        request.redirect = given["redirect"]
        if given.get("timeout") is not None:
            request.timeout = _seconds(given["timeout"])
        if given.get("retry") is not None:
            request.retry = _retry(given["retry"])
    except (TypeError, ValueError, KeyError, AttributeError):
        raise _malformed() from None
    return request


def _retry(given: dict[str, Any]) -> Retry:
    attempts = given["attempts"]
    if type(attempts) is not int or not 0 <= attempts <= _MOST_ATTEMPTS:
        raise _malformed()
    plain = Retry()
    return Retry(
        attempts,
        _seconds(given["delay"]) if "delay" in given else plain.delay,
        _seconds(given["maxDelay"]) if "maxDelay" in given else plain.max_delay,
        frozenset(map(int, given["statuses"])) if "statuses" in given else STATUSES,
    )


def _seconds(milliseconds: float) -> float:
    seconds = float(milliseconds) / 1000
    if not 0 <= seconds <= _LONGEST:
        raise _malformed()
    return seconds
