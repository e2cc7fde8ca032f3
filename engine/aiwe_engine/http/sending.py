"""Answering with the bytes of a file: validators, ranges, and a body that is read as it is sent.

    return file_answer(request, File(path, size, "image/png", sha256, modified))

Which file it is, who may have it and whether it is shown or kept is decided elsewhere; a file that
is sent does not change, it is replaced by another one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from aiwe_engine.files.reading import FileSource, file_not_found
from aiwe_engine.http.conditions import http_date, is_unmodified, range_applies
from aiwe_engine.http.ranges import wanted_ranges
from aiwe_engine.protocols import Openable
from aiwe_engine.settings import KB
from aiwe_engine.types import ByteSource, Request, Response

SMALL = 64 * KB  # below it, reading at once costs less than asking a thread to

_BODYLESS = frozenset({204, 205, 304})

#: Headers that speak of a body, which an answer without it leaves out.
_OF_THE_BODY = frozenset(
    {"content-type", "content-disposition", "content-encoding", "content-language"}
)


@dataclass(frozen=True, slots=True)
class File:
    """What there is to send: bytes in a file or in memory, and what is known of them."""

    content: Openable | bytes
    size: int
    content_type: str
    sha256: str  # in hex; the entity tag is made from it
    modified: float | None = None  # seconds since the epoch


class Joined:
    """Several sources, one after the other. Those that were not begun are closed as well."""

    def __init__(self, sources: Iterable[ByteSource | bytes]) -> None:
        self._sources = list(sources)[::-1]

    async def read(self) -> bytes:
        """The next piece of the first source that has one, empty after the last."""
        while self._sources:
            source = self._sources[-1]
            if isinstance(source, bytes):
                return self._sources.pop()  # type: ignore[return-value]
            piece = await source.read()
            if piece:
                return piece
            self._sources.pop()
        return b""

    async def close(self) -> None:
        """Closes what is left."""
        while self._sources:
            source = self._sources.pop()
            if not isinstance(source, bytes):
                await source.close()


def file_answer(
    request: Request,
    file: File,
    *,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    """The answer to a request for a file: whole, a part or several, or that it has not changed.

    HEAD is answered as GET is: whoever writes the answer leaves the body out. Validators count for
    GET and HEAD with status 200, ranges for GET alone; any other answer is the whole file, or nothing
    where the status allows no body.

    Args:
        request: its method and its conditional headers count.
        file: what to send.
        status: of a whole answer.
        headers: further ones, names in lower case. A content type here replaces the file's.

    Raises:
        RequestError: `precondition_failed` (412), `range_not_satisfiable` (416),
            `file_not_found` (404) where the file is gone.
    """
    etag = f'"{file.sha256[:32]}"'
    own = [("content-type", file.content_type), ("accept-ranges", "bytes"), ("etag", etag)]
    if file.modified is not None:
        own.append(("last-modified", http_date(file.modified)))
    given = list(headers)
    names = {name for name, _ in given}
    pairs = [pair for pair in own if pair[0] not in names] + given
    if status in _BODYLESS:
        return Response(status, [pair for pair in pairs if pair[0] not in _OF_THE_BODY])
    if status != 200 or request.method not in {"GET", "HEAD"}:
        return _whole(file, status, pairs)
    etag = next(value for name, value in pairs if name == "etag")
    if is_unmodified(request, etag, file.modified):
        return Response(304, [pair for pair in pairs if pair[0] not in _OF_THE_BODY])
    asked = _ranges(request, file, etag)
    if asked is None:
        return _whole(file, status, pairs)
    return _part(file, *asked[0], pairs) if len(asked) == 1 else _parts(file, asked, pairs)


def _ranges(request: Request, file: File, etag: str) -> list[tuple[int, int]] | None:
    header = condition = None
    if request.method != "GET":  # RFC 9110, 14.2
        return None
    for name, value in request.headers:
        if name == "range":
            header = value if header is None else ""
        elif name == "if-range":
            condition = value
    if header is None or not range_applies(condition, etag, file.modified):
        return None
    return wanted_ranges(header, file.size)


def _whole(file: File, status: int, headers: list[tuple[str, str]]) -> Response:
    return _sent(status, headers, _slice(file, 0, file.size), file.size)


def _part(file: File, start: int, length: int, headers: list[tuple[str, str]]) -> Response:
    headers = [*headers, ("content-range", _content_range(start, length, file.size))]
    return _sent(206, headers, _slice(file, start, length), length)


def _parts(file: File, ranges: list[tuple[int, int]], headers: list[tuple[str, str]]) -> Response:
    """multipart/byteranges, in the order asked for."""
    boundary = secrets.token_hex(16)
    kind = next(value for name, value in headers if name == "content-type")
    pieces: list[ByteSource | bytes] = []
    size = 0
    for start, length in ranges:
        where = _content_range(start, length, file.size)
        head = f"\r\n--{boundary}\r\ncontent-type: {kind}\r\ncontent-range: {where}\r\n\r\n"
        pieces += [head.encode("latin-1"), _slice(file, start, length)]
        size += len(head) + length
    end = f"\r\n--{boundary}--\r\n".encode()
    others = [pair for pair in headers if pair[0] != "content-type"]
    others.append(("content-type", f"multipart/byteranges; boundary={boundary}"))
    return _sent(206, others, Joined([*pieces, end]), size + len(end))


def _content_range(start: int, length: int, size: int) -> str:
    return f"bytes {start}-{start + length - 1}/{size}"


def _sent(
    status: int, headers: list[tuple[str, str]], content: ByteSource | bytes, size: int
) -> Response:
    if isinstance(content, bytes):
        return Response(status, headers, content, file=True)
    return Response(status, [*headers, ("content-length", str(size))], stream=content, file=True)


def _slice(file: File, start: int, length: int) -> ByteSource | bytes:
    if isinstance(file.content, bytes):
        return file.content[start : start + length]
    try:
        opened = file.content.open("rb")
    except OSError:
        raise file_not_found() from None
    if length > SMALL:
        return FileSource(opened, start, length)
    with opened:
        opened.seek(start)
        return opened.read(length)
