"""The host half of `DataRepository.transaction`: which transactions an invocation has under way.

The program runs its work again when it has lost; here its turns are kept, its calls follow one
another, and nothing stays open when it is gone. A worker may send any number: what an invocation has
not begun it does not reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiwe_engine.capabilities.turns import Turn, Turns
from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.protocols import Scope, Store, Transaction
from aiwe_engine.types import Invocation

Result = TypeVar("Result")

MOST = 8  # at a time, by one invocation


class Running:
    """One transaction under way.

    Attributes:
        lock: held by the call that is under way.
        transaction: None before it has begun and after its end.
        losses: how often its work has lost before.
        turn: its right to go before others.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.transaction: Transaction | None = None
        self.losses = 0
        self.turn: Turn | None = None

    def end_turn(self) -> None:
        """Lets the next one go."""
        if self.turn is not None:
            self.turn.end()

    async def give_up(self) -> None:
        """Ends it from outside, after the call that is under way."""
        async with self.lock:
            self.end_turn()
            transaction, self.transaction = self.transaction, None
            if transaction is not None:
                await transaction.rollback()


class Begun:
    """The transactions of one invocation, by the numbers it knows them by."""

    def __init__(self) -> None:
        self.last = 0
        self.running: dict[int, Running] = {}
        self.lost: dict[int, Running] = {}  # whose work is to be run again
        self.is_closed = False

    @property
    def is_open(self) -> bool:
        """Whether one is under way."""
        return bool(self.running)

    def take(self, number: Any) -> Running:
        """One that is to end with this call.

        Raises:
            ProgramError: as `find`.
        """
        running = self.find(number)
        del self.running[number]
        return running

    def find(self, number: Any) -> Running:
        """One that is under way. Zero is one of another invocation's, which is over here.

        Raises:
            ProgramError: `transaction_over`, `no_such_transaction`.
        """
        known = type(number) is int and 0 <= number <= self.last
        running = self.running.get(number) if known else None
        if running is None:
            raise _over() if known else _unknown()
        return running

    def leave(self, number: int, running: Running, *, lost: bool) -> None:
        """One has ended; where it has lost it keeps its turn for the next time."""
        if lost and not self.is_closed:
            self.lost[number] = running
        else:
            running.end_turn()

    async def close(self) -> None:
        """The invocation is over: nothing stays open."""
        self.is_closed = True
        rest = [*self.running.values(), *self.lost.values()]
        self.running.clear()
        self.lost.clear()
        await asyncio.gather(*(one.give_up() for one in rest), return_exceptions=True)


class Transactions:
    """Begins and ends them.

    Args:
        store: where the data is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = Turns()

    async def begin(self, invocation: Invocation, number: Any, before: Any) -> None:
        """A new one, of a higher number than those before it.

        Args:
            invocation: whose it is.
            number: what it is to be called.
            before: the number of the one that has lost, if the work is run again.

        Raises:
            ProgramError: `too_many_transactions`, `transaction_over`, `no_such_transaction`.
        """
        begun: Begun = invocation.transactions or Begun()
        if invocation.over:
            raise _over()
        if len(begun.running) >= MOST:
            raise _too_many()
        if type(number) is not int or number <= begun.last:
            raise _unknown()
        invocation.transactions = begun
        begun.last = number
        running = begun.running[number] = Running()
        lost = begun.lost.pop(before, None) if type(before) is int else None
        try:
            async with running.lock:
                await self._start(invocation, begun, running, lost)
        except BaseException:
            begun.running.pop(number, None)
            running.end_turn()
            raise

    async def _start(
        self, invocation: Invocation, begun: Begun, running: Running, lost: Running | None
    ) -> None:
        if lost is not None:
            running.losses, running.turn = lost.losses + 1, lost.turn
            if running.turn is None or running.turn.is_over:
                running.turn = await self._turns.take((invocation.app, invocation.env))
        if begun.is_closed:
            raise _over()
        scope = Scope(invocation.app, invocation.env, invocation.caller)
        running.transaction = await self._store.begin(scope, running.losses)

    async def within(
        self, invocation: Invocation, number: Any, do: Callable[[Transaction], Awaitable[Result]]
    ) -> Result:
        """One call of a transaction, after those that were issued before.

        Raises:
            ProgramError: `transaction_over`, `no_such_transaction`.
        """
        running = _begun(invocation).find(number)
        async with running.lock:
            if running.transaction is None:
                raise _over()
            return await do(running.transaction)

    async def commit(self, invocation: Invocation, number: Any) -> None:
        """Makes it happen.

        Raises:
            RequestError: `transaction_conflict`: it is to be begun again.
        """
        begun, lost = _begun(invocation), False
        running = begun.take(number)
        try:
            await _end(running, lambda transaction: transaction.commit())
        except AiweError as error:
            lost = error.code == "transaction_conflict"
            raise
        finally:
            begun.leave(number, running, lost=lost)

    async def rollback(self, invocation: Invocation, number: Any) -> bool:
        """Makes nothing of it happen; False where its work is to be run again."""
        begun, holds = _begun(invocation), True
        running = begun.take(number)
        try:
            holds = await _end(running, lambda transaction: transaction.rollback())
        finally:
            begun.leave(number, running, lost=not holds)
        return holds


async def _end(running: Running, do: Callable[[Transaction], Awaitable[Result]]) -> Result:
    async with running.lock:
        transaction, running.transaction = running.transaction, None
        if transaction is None:
            raise _over()
        return await do(transaction)


def _begun(invocation: Invocation) -> Begun:
    begun: Begun | None = invocation.transactions
    return begun or Begun()


def _unknown() -> ProgramError:
    return ProgramError(
        "There is no such transaction.",
        code="no_such_transaction",
        hint="Use the tx that DataRepository.transaction hands to your function.",
    )


def _over() -> ProgramError:
    return ProgramError(
        "The transaction is over.",
        code="transaction_over",
        hint="Await every call of tx inside the function that you pass to DataRepository.transaction, "
        "and do not keep tx for later.",
    )


def _too_many() -> ProgramError:
    return ProgramError(
        f"One request has {MOST} transactions open.",
        code="too_many_transactions",
        hint="Await them one after the other, or do what belongs together in one of them.",
    )


def outside(capability: str, method: str) -> ProgramError:
    """The error for what would be done at once, and again with every run of the work."""
    if capability == "fetch":
        return ProgramError(
            "fetch was called while a transaction is open.",
            code="fetch_in_transaction",
            hint="Fetch before the transaction or after it: its function may run several times.",
        )
    what = f"DataRepository.{method}" if capability == "data" else f"{capability}.{method}"
    return ProgramError(
        f"{what} was called while a transaction is open: it would not be part of it.",
        code="outside_transaction",
        hint="Inside the function of DataRepository.transaction write with its tx, as in "
        "tx.create(…); do anything else before the transaction or after it.",
    )
