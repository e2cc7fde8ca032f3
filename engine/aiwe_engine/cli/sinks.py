"""Where exported documents go: files of a format, one a collection, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from aiwe_engine.errors import RequestError
from aiwe_engine.transfer.files import Draft, unwritable_file
from aiwe_engine.transfer.parquet import Columns, write_parquet

FORMATS = ("ndjson", "parquet")
SUFFIXES = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(file: str | None) -> str | None:
    """The format that the name of a file tells."""
    return SUFFIXES.get(Path(file).suffix.lower()) if file else None


class Sink(Protocol):
    """Takes the documents of one collection. Everything blocks.

    Attributes:
        name: of the collection.
        documents: how many came.
        shown: where they go, for a person.
    """

    name: str
    documents: int
    shown: str

    def write(self, lines: bytes) -> None:
        """Takes whole documents or parts of them, as NDJSON."""
        ...

    def keep(self) -> None:
        """Says that this was all."""
        ...


@contextmanager
def sinks(names: list[str], kind: str, target: str | None) -> Iterator[dict[str, Sink]]:
    """A sink for each collection. What was not kept is gone at the end.

    Args:
        names: of the collections.
        kind: a format.
        target: a file, a folder, or - for standard output, which is also where one goes that is not
            told; several go into this folder.

    Raises:
        RequestError: `several_collections`, where there is room for one only.
        EngineError: `storage_full`, `storage_failed`.
    """
    to_output = target == "-" or (target is None and len(names) == 1 and kind == FORMATS[0])
    with ExitStack() as stack:
        if to_output:
            if len(names) > 1 or kind != FORMATS[0]:
                raise _one_only(kind)
            yield {names[0]: _Output(names[0])}
            return
        yield {name: _sink(stack, name, kind, path) for name, path in _files(names, kind, target)}


def put_out(piece: bytes) -> None:
    """Writes to standard output.

    Raises:
        EngineError: `storage_full`, `storage_failed`.
        BrokenPipeError: nobody reads it any more.
    """
    try:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable_file("standard output", error) from None


def _files(names: list[str], kind: str, target: str | None) -> list[tuple[str, Path]]:
    folder = Path(target or ".")
    if len(names) == 1 and target and not target.endswith("/") and not folder.is_dir():
        return [(names[0], folder)]
    if folder.exists() and not folder.is_dir():
        raise _one_only(kind)
    folder.mkdir(parents=True, exist_ok=True)
    return [(name, folder / f"{name}.{kind}") for name in names]


def _one_only(kind: str) -> RequestError:
    return RequestError(
        "Several collections, or Parquet, do not go to standard output or into one file together.",
        code="several_collections",
        hint=f"Give -o a folder: each collection becomes a file NAME.{kind} in it.",
    )


def _sink(stack: ExitStack, name: str, kind: str, path: Path) -> Sink:
    draft = stack.enter_context(Draft(path))
    if kind == FORMATS[0]:
        return _File(name, draft)
    return _Parquet(name, draft, stack.enter_context(Draft(path.with_suffix(".ndjson"), 0o600)))


class _Output:
    """Standard output."""

    shown = "standard output"

    def __init__(self, name: str) -> None:
        self.name, self.documents = name, 0

    def write(self, lines: bytes) -> None:
        """Writes them on."""
        self.documents += lines.count(b"\n")
        put_out(lines)

    def keep(self) -> None:
        """Nothing is held back."""
        put_out(b"")


class _File:
    """A file of NDJSON."""

    def __init__(self, name: str, draft: Draft) -> None:
        self.name, self.documents, self.shown = name, 0, str(draft.path)
        self._draft = draft

    def write(self, lines: bytes) -> None:
        """Writes them down."""
        self.documents += lines.count(b"\n")
        self._draft.write(lines)

    def keep(self) -> None:
        """Gives the file its name."""
        self._draft.keep()


class _Parquet:
    """A file of Parquet, made when all documents have come and lie on the disk."""

    def __init__(self, name: str, draft: Draft, lines: Draft) -> None:
        self.name, self.documents, self.shown = name, 0, str(draft.path)
        self._draft, self._lines = draft, lines
        self._columns = Columns()
        self._rest = b""

    def write(self, lines: bytes) -> None:
        """Writes them down, and looks at their fields."""
        whole, end, self._rest = (self._rest + lines).rpartition(b"\n")
        for line in whole.split(b"\n") if end else ():
            self._columns.see(line)
        self.documents = self._columns.documents
        self._lines.write(whole + end)

    def keep(self) -> None:
        """Makes the file and gives it its name."""
        self._lines.flush()
        write_parquet(self._lines.draft, self._columns, self._draft.draft)
        self._draft.keep()
