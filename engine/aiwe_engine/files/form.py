"""multipart/form-data: a form with files, read as it comes (RFC 7578, RFC 2046).

`python-multipart` finds the parts; what they are is decided here. Files go to disk as they come and
text stays in memory, within limits on each, so a request of any size costs the same memory. Large
pieces are read in a thread: hashing and writing them would hold up the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from dataclasses import dataclass, field
from typing import NoReturn

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from aiwe_engine.errors import RequestError
from aiwe_engine.files.incoming import Incoming, Upload, Writer
from aiwe_engine.files.names import base_name
from aiwe_engine.files.parameters import CONTENT_TYPE, form_name, parameters
from aiwe_engine.settings import KB, Settings
from aiwe_engine.types import ByteSource

BATCH = 256 * KB  # what a thread is given at a time
PREAMBLE = 8 * KB  # what may stand before the first boundary
_LONGEST = 500  # characters of a content type with its parameters

_BOUNDARY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,68}[\x21-\x7e])?")
_MEDIA = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}", re.ASCII)
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})  # transfer encodings that change nothing
# A malformed form is the client's affair: this logger belongs to no tree and says nothing.
_SILENT = logging.Logger("python_multipart", logging.CRITICAL)  # noqa: LOG001


@dataclass(frozen=True, slots=True)
class Text:
    """One field that is no file, as it came."""

    name: str
    value: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Form:
    """What came, in its order."""

    parts: list[Text | Upload] = field(default_factory=list)

    @property
    def texts(self) -> list[Text]:
        """The fields that are no files."""
        return [part for part in self.parts if isinstance(part, Text)]

    @property
    def uploads(self) -> list[Upload]:
        """The files."""
        return [part for part in self.parts if isinstance(part, Upload)]


async def read_form(
    source: ByteSource, content_type: str, incoming: Incoming, settings: Settings
) -> Form:
    """Reads a body that is multipart/form-data.

    Args:
        source: the body. Its own limit on size is its own affair.
        content_type: the request's header, which has the boundary.
        incoming: where files go.
        settings: `form_fields`, `form_files` and the three limits on sizes beside them.

    Raises:
        RequestError: `invalid_multipart` (400) with the reason; `too_many_fields` (400),
            `too_many_files`, `field_too_large`, `fields_too_large` or `part_header_too_large` (413).
        AiweError: what the source or the disk says.
    """
    reader = FormReader(content_type, incoming, settings)
    loop = asyncio.get_running_loop()
    ended = False
    while not ended:
        pieces, size = [], 0
        while size < BATCH and not ended:
            piece = await source.read()
            pieces.append(piece)
            size += len(piece)
            ended = not piece
        data = b"".join(pieces)
        if size < BATCH:
            reader.feed(data)
        else:
            await loop.run_in_executor(None, reader.feed, data)
    return reader.finish()


class FormReader:
    """Takes a form's bytes in pieces of any size.

    Args:
        content_type: the request's header, which has the boundary.
        incoming: where files go.
        settings: the limits on a form.

    Raises:
        RequestError: `invalid_multipart`, there is no usable boundary.
    """

    def __init__(self, content_type: str, incoming: Incoming, settings: Settings) -> None:
        boundary = parameters(content_type)[1].get("boundary")
        if boundary is None:
            _refuse("the Content-Type header has no boundary")
        if not _BOUNDARY.fullmatch(boundary):
            _refuse("the boundary is not 1 to 70 printable ASCII characters")
        self._settings = settings
        self._incoming = incoming
        self._form = Form()
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._before: bytes | None = b"\r\n"  # what came before the first boundary
        self._last = b"\r\n"  # the end of what was parsed: a delimiter may lie across two pieces
        self._after: bytes | None = b""  # what came on the line of the last boundary
        self._ended = False
        self._part = _Part()
        self._parts = 0
        self._texts = self._files = 0  # how many there are
        self._size = 0  # bytes of all texts
        self._parser = MultipartParser(
            boundary.encode("ascii"),
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
            max_header_count=sys.maxsize,  # headers are counted here, with words of their own
            max_header_size=sys.maxsize,
        )
        self._parser.logger = _SILENT

    def feed(self, data: bytes) -> None:
        """Reads on.

        Raises:
            RequestError: as `read_form`.
        """
        if self._before is not None:
            before = self._before + data
            start = before.find(self._delimiter, 0, PREAMBLE + len(self._delimiter))
            if start < 0:
                self._before = before
                if len(before) > PREAMBLE + len(self._delimiter):
                    self._no_boundary()
                return
            self._before = None
            data = before[start + 2 :]
        if self._ended:
            self._check_end(data)
            return
        if self._parse(data):
            closing = self._delimiter + b"--"
            recent = self._last + data
            self._check_end(recent[recent.find(closing) + len(closing) :])
        self._last = (self._last + data[-len(self._delimiter) - 4 :])[-len(self._delimiter) - 4 :]

    def _parse(self, data: bytes) -> bool:
        """Hands a piece to the parser; whether the last boundary was in it."""
        try:
            self._parser.write(data)
        except FormParserError:
            place = "header of" if self._part.in_header else "boundary after"
            _refuse(f"the {place} part {self._parts} is malformed")
        return self._ended

    def finish(self) -> Form:
        """The form, when all of it has come.

        Raises:
            RequestError: `invalid_multipart`, its end is missing.
        """
        if self._before is not None:
            self._no_boundary()
        if not self._ended:
            _refuse("it ends before its last boundary")
        return self._form

    def _no_boundary(self) -> NoReturn:
        _refuse(f'there is no line with the boundary "{self._delimiter[4:].decode()}"')

    def _check_end(self, data: bytes) -> None:
        """Only lines of their own, an epilogue, may follow the last boundary."""
        if self._after is None:
            return
        self._after = (self._after + data).lstrip(b" \t")
        if self._after.startswith((b"\r\n", b"\n")):
            self._after = None
        elif self._after not in {b"", b"\r"}:
            _refuse("there is data after its last boundary")

    # What the parser tells, in its order.

    def _begin(self) -> None:
        self._part = _Part(in_header=True)
        self._parts += 1
        if self._parts > self._settings.form_fields + self._settings.form_files:
            raise too_many_fields(self._settings.form_fields)

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._part.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._part.header_value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._part.header_size += size
        limit = self._settings.form_header_limit
        if self._part.header_size > limit:
            what = f"header of part {self._parts} of the form is"
            raise _too_large("part_header_too_large", what, "form_header_limit", limit)

    def _header_end(self) -> None:
        part = self._part
        name = part.header_name.decode("ascii").lower()
        if name in part.headers:
            _refuse(f"part {self._parts} has two headers {name[:40]}")
        part.headers[name] = part.header_value.decode("utf-8", "replace").strip(" \t")
        part.header_name, part.header_value = b"", b""

    def _headers_end(self) -> None:
        part = self._part
        part.in_header = False
        kind, values = parameters(part.headers.get("content-disposition", ""))
        name = form_name(values, "name")
        if kind != "form-data":
            _refuse(f'part {self._parts} has no header "Content-Disposition: form-data"')
        if name is None:
            _refuse(f"part {self._parts} has no name")
        encoding = part.headers.get("content-transfer-encoding", "").lower()
        if encoding not in _PLAIN:
            _refuse(f'part {self._parts} has the transfer encoding "{encoding[:40]}"')
        part.name, part.filename = name, form_name(values, "filename")
        if part.filename is None:
            self._texts += 1
            if self._texts > self._settings.form_fields:
                raise too_many_fields(self._settings.form_fields)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.filename is None:
            part.value += data[start:end]
            self._size += end - start
            self._check_text(part)
            return
        if part.writer is None:
            part.writer = self._open()
        part.writer.write(memoryview(data)[start:end])

    def _check_text(self, part: _Part) -> None:
        settings = self._settings
        if len(part.value) > settings.form_field_limit:
            what = f'field "{part.name[:60]}" of the form is'
            raise _too_large("field_too_large", what, "form_field_limit", settings.form_field_limit)
        if self._size > settings.form_text_limit:
            what = "fields of the form are together"
            raise _too_large("fields_too_large", what, "form_text_limit", settings.form_text_limit)

    def _open(self) -> Writer:
        limit = self._settings.form_files
        self._files += 1
        if self._files > limit:
            raise RequestError(
                f"The form has more than {limit} files.",
                code="too_many_files",
                status=413,
                hint="Send fewer at a time, or raise http.form_files.",
            )
        return self._incoming.begin()

    def _end(self) -> None:
        part = self._part
        kind = part.headers.get("content-type", "")
        if part.filename is None:
            self._form.parts.append(Text(part.name, bytes(part.value), kind))
            return
        if part.writer is None:
            if not part.filename:
                return  # a file input in which nothing was chosen
            part.writer = self._open()
        upload = part.writer.finish(part.name, base_name(part.filename), _media(kind))
        self._form.parts.append(upload)

    def _finish(self) -> None:
        self._ended = True


@dataclass(slots=True)
class _Part:
    """The part that is being read."""

    in_header: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    header_name: bytes = b""
    header_value: bytes = b""
    header_size: int = 0
    name: str = ""
    filename: str | None = None
    value: bytearray = field(default_factory=bytearray)
    writer: Writer | None = None


def _media(kind: str) -> str:
    """The content type of a file: what its part says, as far as that is one type and no more."""
    if not kind:
        return "text/plain"
    alone = kind.partition(";")[0].rstrip(" \t")
    if not _MEDIA.fullmatch(alone):
        return "application/octet-stream"
    # Some browsers send `video/webm;codecs=vp8,opus`: the comma would begin another type.
    return kind if len(kind) <= _LONGEST and CONTENT_TYPE.fullmatch(kind) else alone


def _refuse(reason: str) -> NoReturn:
    raise RequestError(
        f"The body is not multipart/form-data: {reason}.",
        code="invalid_multipart",
        hint="Let the client make the body and its Content-Type together: new FormData() in a "
        "browser, curl -F, files= in Python. Do not set the Content-Type yourself.",
    )


def _too_large(code: str, what: str, setting: str, limit: int) -> RequestError:
    return RequestError(
        f"The {what} larger than {limit} bytes.",
        code=code,
        status=413,
        hint=f"Send less, send text as a file, or raise http.{setting}.",
        details={"limit": limit},
    )


def too_many_fields(limit: int) -> RequestError:
    """What is said of a form, of whichever type, with too many fields."""
    return RequestError(
        f"The form has more than {limit} fields.",
        code="too_many_fields",
        hint="Send JSON instead, or raise http.form_fields.",
        details={"limit": limit},
    )
