"""The language service: completion, hover, diagnostics, and whether a cell is complete.

TypeScript runs in a V8 process of its own, which knows the contract (`aiwe.d.ts`) and is started on
first use; it takes half a second then, a few milliseconds later on. Each question brings the texts it
is about, so questions of several people do not meet.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import orjson

from aiwe_engine import bundles
from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.programs.process import BundleProcess, ProcessLost
from aiwe_engine.settings import MB, Settings

MEMORY, HEAVY = 1536 * MB, 512 * MB
TIME_LIMIT, STARTUP = 10.0, 20.0
OPERATIONS = ("complete", "hover", "diagnostics", "complete_check")


class Language:
    """Answers the questions of editors. An asynchronous context manager.

    Args:
        settings: `worker_idle` is read: the process ends when nobody has asked for so long.
    """

    def __init__(self, settings: Settings) -> None:
        self.process = BundleProcess(
            [bundles.FOLDER / "language.js"],
            memory=MEMORY,
            heavy=HEAVY,
            idle=settings.worker_idle,
            confined=settings.confinement != "off",
            introduction=_introduction,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the process."""
        await self.process.close()

    async def complete(self, **question: Any) -> Any:
        """What may be written at `position`: {matches: [{text, kind}…], start, end}."""
        return await self.ask("complete", question)

    async def hover(self, **question: Any) -> Any:
        """What stands at `position`: {text, markdown}, or None."""
        return await self.ask("hover", question)

    async def diagnostics(self, **question: Any) -> Any:
        """What is wrong with the cell: {diagnostics: [{start, end, severity, code, message}…]}."""
        return await self.ask("diagnostics", question)

    async def complete_check(self, **question: Any) -> Any:
        """Whether the cell is finished: {status: "complete"|"incomplete"|"invalid", indent}."""
        return await self.ask("complete_check", question)

    async def ask(self, operation: str, arguments: dict[str, Any]) -> Any:
        """One question, as docs/management.md has them: session, cell, source, position, others.

        Raises:
            RequestError: there is no such operation, or the arguments are not of its form.
            EngineError: there is no answer.
        """
        job = question(operation, arguments)
        limit = TIME_LIMIT if self.process.pid else TIME_LIMIT + STARTUP
        try:
            return await self.process.ask(job, limit)
        except ProcessLost:
            raise EngineError(
                f"The language service did not answer {operation}",
                code="language_lost",
                hint="Ask again: it starts anew. Very large cells take longer than it may.",
            ) from None


def question(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The job for the service, checked."""
    if operation not in OPERATIONS:
        raise RequestError(
            f"There is no operation {operation}",
            code="not_found",
            status=404,
            hint=f"Operations are {', '.join(OPERATIONS)}.",
        )
    source = arguments.get("source")
    others = arguments.get("others") or []
    position = arguments.get("position")
    well_formed = isinstance(source, str) and all(
        isinstance(one, dict) and isinstance(one.get("source"), str) for one in others
    )
    if not well_formed:
        raise RequestError(
            "source must be a text, and others a list of {cell, source}",
            code="invalid_input",
            hint="See the management API in the documentation.",
        )
    size = utf16_length(str(source))
    return {
        "operation": operation,
        "session": str(arguments.get("session") or ""),
        "cell": str(arguments.get("cell") or ""),
        "source": source,
        "position": min(max(position, 0), size) if isinstance(position, int) else size,
        "others": [{"cell": str(one.get("cell")), "source": one["source"]} for one in others],
    }


def utf16_length(text: str) -> int:
    """The length of a text in UTF-16 units, as JavaScript and notebooks count."""
    return len(text) + sum(character > "\uffff" for character in text)


def _introduction() -> dict[str, Any]:
    """The job that every process gets first: TypeScript's libraries and our contract."""
    libraries = orjson.loads(bundles.read("libs.json"))
    return {"libraries": libraries, "contract": bundles.read("aiwe.d.ts")}
