"""Nothing that a secret hides leaves with an answer: its headers, its body, whole or in pieces.

Values come in by nothing that a program does, since what `fetch` gives back is redacted already. This is
for what nobody has thought of: it stands where every answer of every app passes.
"""

from __future__ import annotations

import orjson

from aiwe_engine.types import ByteSource, Response
from aiwe_engine.vault.redactor import Redacting, Redactor

_LENGTH = "content-length"


def hide(response: Response, redactor: Redactor | None) -> None:
    """Takes out of an answer what must not leave.

    Args:
        response: before its entity tag and its compression are made. A file stays as it was uploaded.
        redactor: of the app; None: there is nothing to hide.
    """
    if redactor is None:
        return
    response.headers = [(name, redactor.text(value)) for name, value in response.headers]
    if response.file:
        return
    if response.body:
        body = redactor.data(response.body)
        if body is not response.body:
            response.headers = [pair for pair in response.headers if pair[0] != _LENGTH]
            response.body = _as_it_was(response, body, redactor)
    elif response.stream is not None:
        response.headers = [pair for pair in response.headers if pair[0] != _LENGTH]
        response.stream = Hidden(response.stream, redactor.stream())


def _as_it_was(response: Response, body: bytes, redactor: Redactor) -> bytes:
    """A redacted body, which is still JSON where it was: a list of numbers may have been a value."""
    kind = next((value for name, value in response.headers if name == "content-type"), "")
    if "json" not in kind or _is_json(body) or not _is_json(response.body):
        return body
    return orjson.dumps(redactor.text(body.decode("utf-8", "replace")))


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


class Hidden:
    """A stream without what must not leave, whatever its pieces are cut like.

    Args:
        source: what is read.
        redacting: takes values out.
    """

    def __init__(self, source: ByteSource, redacting: Redacting) -> None:
        self._source, self._redacting, self._over = source, redacting, False

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: as the source.
        """
        while not self._over:
            piece = await self._source.read()
            self._over = not piece
            left = self._redacting.feed(piece) if piece else self._redacting.end()
            if left:
                return left
        return b""

    async def close(self) -> None:
        """Says that nobody wants the rest."""
        await self._source.close()
