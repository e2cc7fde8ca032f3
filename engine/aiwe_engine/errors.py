"""Every error the engine raises, and the one shape in which it leaves.

    AiweError
     + ProgramError    the author's:  the program does not load, threw, or ran over a limit
     + RequestError    the caller's:  no such route, wrong method, bad input
     + EngineError     ours:          a worker was lost, the store is away

A message says what happened and where; the hint says what to do next, so that an assistant can
mend a program from the answer alone. `details` and `hint` are for everybody; `where` and `stack`
are for developers and leave only in the dev environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from aiwe_engine.types import Where


class AiweError(Exception):
    """An error with a stable `code`, an HTTP `status`, and what to do about it.

    Args:
        message: one sentence saying what happened.
        code: stable, snake_case; the class's own where not given.
        status: HTTP status; the class's own where not given.
        hint: what to change.
        details: a JSON value with particulars, such as a list of {path, message}.
        where: the place in the author's text.
        stack: the JavaScript stack, already in terms of the author's text.
        name: the JavaScript name of the error, for cell outputs ("TypeError").
        headers: what an HTTP answer that tells of it carries besides, such as Retry-After.
    """

    code = "internal_error"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        hint: str | None = None,
        details: Any = None,
        where: Where | None = None,
        stack: str | None = None,
        name: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.hint = hint
        self.details = details
        self.where = where
        self.stack = stack
        self.name = name or "Error"
        self.headers = list(headers)
        self.frames: list[dict[str, Any]] = []  # the stack's frames in the author's text
        self.excerpt: str | None = None  # the source around `where`, with a caret

    def to_json(self, request_id: str | None = None, *, public: bool = False) -> dict[str, Any]:
        """The error shape of every face; `public` leaves out what only developers may see."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if not public and self.name != "Error":
            body["name"] = self.name
        if self.hint:
            body["hint"] = self.hint
        if self.details is not None:
            body["details"] = self.details
        if not public:
            if self.where is not None:
                body["where"] = {k: v for k, v in asdict(self.where).items() if v is not None}
            if self.stack:
                body["stack"] = self.stack
        if request_id:
            body["request_id"] = request_id
        return {"error": body}


class ProgramError(AiweError):
    """The author's: the program does not parse or load, or a handler failed."""

    code = "program_error"


class RequestError(AiweError):
    """The caller's: the request cannot be answered as it was put."""

    code = "bad_request"
    status = 400


class EngineError(AiweError):
    """Ours: something below the program failed."""

    code = "engine_error"
    status = 503
