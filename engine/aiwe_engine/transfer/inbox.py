"""Documents that come as NDJSON: one JSON object a line, checked as they come and laid aside on disk.

Nothing is stored before the last line was seen to be good, and nothing is held in memory but the line
that is being read. A document of an engine (with `id`, `version`, `createdAt` and `updatedAt` as one
writes them) stays as it is; any other becomes what `create` would make of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.settings import MB
from aiwe_engine.store.documents import check_document, compose, encode, instant, timestamp
from aiwe_engine.store.ids import Ids, check_id
from aiwe_engine.transfer.portions import portions
from aiwe_engine.types import Where

_BOM = b"\xef\xbb\xbf"
_ESCAPED = 6  # bytes of one character as JSON may write it


class Inbox:
    """The documents of one import, from their first byte until they are stored. Everything blocks.

    Args:
        folder: on whose disk they are laid aside; what lies there goes with this object.
        name: of what they come from, for messages.
        limit: bytes of the largest document.
    """

    def __init__(self, folder: Path, name: str, limit: int) -> None:
        self._name, self._limit = name, limit
        self._ids = Ids()
        self._now = timestamp()
        self._line = 0
        self._rest = b""
        self._spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by `close`
        self.documents = 0

    def add(self, piece: bytes) -> None:
        """Takes the next bytes.

        Raises:
            RequestError: a line is no document (`invalid_json`, `invalid_document`, `invalid_id`,
                `document_too_large`); `where` says which one.
            OSError: the disk is full or broken.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > self._limit * _ESCAPED + MB:
            raise self._refused(
                f"the line has more than {len(self._rest):,} bytes",
                "document_too_large",
                "NDJSON has one document a line; a document has at most "
                f"{self._limit:,} bytes (data.document_limit).",
                line=self._line + 1,
            )

    def finish(self) -> None:
        """Says that this was all; the last line needs no end.

        Raises:
            RequestError: as `add`.
        """
        self._take(self._rest)
        self._rest = b""
        self._spool.flush()

    def portions(self) -> Iterator[list[tuple[str, bytes]]]:
        """The documents, as `Store.load` takes them."""
        self._spool.seek(0)
        return portions(self._kept())

    def _kept(self) -> Iterator[tuple[str, bytes]]:
        for kept in self._spool:
            line, _, text = kept.partition(b"\t")
            yield f"{self._name}:{line.decode()}", text[:-1]

    def close(self) -> None:
        """Forgets them."""
        self._spool.close()

    def _take(self, line: bytes) -> None:
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(_BOM)
        if not line.strip():
            return
        try:
            text = self._checked(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise self._unreadable(line, error) from None
        except AiweError as error:
            raise self._refused(
                error.message, error.code, error.hint, status=error.status
            ) from None
        self._spool.write(b"%d\t%b\n" % (self._line, text))
        self.documents += 1

    def _checked(self, value: Any) -> bytes:
        """The text of a document to store."""
        doc = check_document(value)
        given = doc.get("id")
        doc_id = self._ids.new() if given is None else check_id(given)
        if given is not None and _is_stored(doc):
            return encode({"id": doc_id} | doc, self._limit)
        return compose(doc, doc_id, self._now, self._limit).text

    def _unreadable(self, line: bytes, error: orjson.JSONDecodeError) -> RequestError:
        column, message = error.colno, error.msg.partition(": line ")[0]
        hint = "NDJSON has one whole JSON object on each line."
        try:
            line.decode()
        except UnicodeDecodeError as broken:
            column, message = broken.start + 1, "the bytes are not UTF-8"
            hint = "Save the file as UTF-8."
        if line.lstrip()[:1] == b"[":
            hint += " A list is made into lines by: jq -c '.[]' list.json"
        return self._refused(f"this is not JSON: {message}", "invalid_json", hint, column=column)

    def _refused(
        self,
        message: str,
        code: str,
        hint: str | None,
        *,
        line: int | None = None,
        column: int | None = None,
        status: int = 400,
    ) -> RequestError:
        """The refusal of a line, which says which one it is."""
        line = line or self._line
        place = f"{self._name}:{line}" + (f":{column}" if column else "")
        return RequestError(
            f"{place}: {message.rstrip('.')}. Nothing was stored.",
            code=code,
            status=status,
            hint=hint,
            where=Where(file=self._name, line=line, column=column),
        )


def _is_stored(doc: dict[str, Any]) -> bool:
    """Whether a document has all that an engine gives one."""
    version = doc.get("version")
    return (
        isinstance(version, int)
        and not isinstance(version, bool)
        and 0 < version < 1 << 53
        and instant(doc.get("createdAt")) is not None
        and instant(doc.get("updatedAt")) is not None
    )
