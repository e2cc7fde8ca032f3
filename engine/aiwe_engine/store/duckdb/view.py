"""A collection as a table of SQL: its fields as columns, for one caller, made for one statement.

Only the columns that a statement names are taken out of the documents, all of them in one go, which
parses each document once. They pass through `unnest`, or the optimizer would put the extraction back
into each place that uses one. Where a guard confines the caller everything does: what an author's
condition is applied to, and what it could fail on, is then the caller's own and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from aiwe_engine.store.duckdb.columns import Column, pointer
from aiwe_engine.store.duckdb.sql import overlaid
from aiwe_engine.store.duckdb.syntax import Reading
from aiwe_engine.store.guard import Guard
from aiwe_engine.store.kinds import Columns, Kind, free_name, kind_of, type_of
from aiwe_engine.store.repository import Overlay

WHOLE = "_doc"  # a column with all of the document, where a statement names it
_ENGINE = {"version": "BIGINT", "createdAt": "TIMESTAMP", "updatedAt": "TIMESTAMP"}

Mark = Callable[[Any], str]  # the place of a parameter, by its value


@dataclass(frozen=True, slots=True)
class Table:
    """One collection, as a statement finds it.

    Attributes:
        number: of the table that its documents are in; None: it has none yet.
        known: the fields that documents have.
        declared: the columns that declared fields have in that table.
        guard: what confines the caller.
        overlay: what a transaction has written to it.
        home: what the whole names of tables begin with.
    """

    number: int | None
    known: Columns
    declared: tuple[Column, ...] = ()
    guard: Guard | None = None
    overlay: Overlay | None = None
    home: str = ""

    def source(self, reading: Reading, mark: Mark) -> str:
        """A query that gives the columns which a statement may name."""
        fields = _placed(self._named(reading))
        taken = {"id": "id", "created": "created"}
        taken |= {field.value: field.value for field in fields if not field.type}
        structs = _structs([field for field in fields if field.type])
        rows = self._rows(mark)
        if self.guard is None:
            unnested = {name: f"unnest([{value}])" for name, value in structs.items()}
            listed = ", ".join(f"{value} AS {name}" for name, value in (taken | unnested).items())
            inner, where = f"SELECT {listed} FROM {rows}", ""
        else:
            listed = ", ".join(f"{name} := {value}" for name, value in (taken | structs).items())
            inner, where = f"SELECT unnest([struct_pack({listed})]) AS r FROM {rows}", "r."
        listed = ", ".join(f"{where}{field.value} AS {quoted(field.name)}" for field in fields)
        return f"SELECT {listed} FROM ({inner})"

    def is_like(self, other: Table) -> bool:
        """Whether its columns are those of another one, which was looked up before."""
        return self.known is other.known and self.declared is other.declared

    def names(self) -> list[str]:
        """What the columns are called, in their order."""
        return [field.name for field in self._fields()]

    def _named(self, reading: Reading) -> list[_Field]:
        """The columns that a statement may name: `id` always, a table having one at least."""
        fields = [
            field
            for field in self._fields()
            if reading.whole or field.name == "id" or field.name.lower() in reading.words
        ]
        if WHOLE in reading.words:
            fields.append(_Field(WHOLE, "data", ""))
        return fields

    def _fields(self) -> list[_Field]:
        """Every column, in the order in which a document has its fields: the engine's at the end.

        Small and large letters are the same to SQL: of two fields that differ by them alone the
        later one gets a number, as DuckDB does it with columns of one name.
        """
        taken: set[str] = set()
        fields = [_Field(free_name("id", taken), "id", "")]
        end = [free_name(name, taken) for name in _ENGINE]
        typed = {column.field: column for column in self._typed()}
        kinds = self._kinds()
        for name in dict.fromkeys((*kinds, *typed)):
            if name in _ENGINE or name == "id":
                continue
            free, column, kind = free_name(name, taken), typed.get(name), kinds.get(name)
            if column is not None and column.exact and self.overlay is None:
                fields.append(_Field(free, column.column, ""))
            elif column is not None and not kind:
                fields.append(_Field(free, "", column.kind, name))
            else:
                fields.append(_Field(free, "", type_of(kind or Kind.NOTHING), name))
        for name in end:
            stored = name == "createdAt"
            value, type_ = ("created", "") if stored else ("", _ENGINE[name])
            fields.append(_Field(name, value, type_, name))
        return fields

    def _typed(self) -> list[Column]:
        """The declared columns that stand for fields of the document itself."""
        return [one for one in self.declared if one.kind != "JSON" and len(one.path) == 1]

    def _kinds(self) -> Columns:
        """What fields hold, with those of documents that are not stored yet."""
        if self.overlay is None:
            return self.known
        kinds = dict(self.known)
        for document in self.overlay.documents:
            for name, value in document.fields.items():
                kinds[name] = kinds.get(name, Kind.NOTHING) | kind_of(value)
        return kinds

    def _rows(self, mark: Mark) -> str:
        """The documents that are the caller's: id, created, data and what is declared."""
        overlay = self.overlay
        if overlay is None and self.number is not None:
            rows = f"{self.home}documents_{self.number:d}"
        else:
            changed, documents = (overlay.changed, overlay.documents) if overlay else ([], [])
            text, values = overlaid(self.number, changed, documents, self.home)
            pieces = text.split("?")
            rows = pieces[0] + "".join(
                mark(value) + piece for value, piece in zip(values, pieces[1:], strict=True)
            )
        if self.guard is None:
            return rows
        return f"(SELECT * FROM {rows} WHERE {self._own(self.guard, mark)})"

    def _own(self, guard: Guard, mark: Mark) -> str:
        """The condition for the caller's documents, by JSON texts as DuckDB writes them."""
        texts = {one.field: one.column for one in self.declared if one.kind == "JSON"}
        if self.overlay is not None:
            texts = {}
        return " AND ".join(
            f"{texts.get(name, f'json_extract(data, {pointer((name,))})::VARCHAR')} "
            f"= json_extract({mark(orjson.dumps(value).decode())}::JSON, '$')::VARCHAR"
            for name, value in guard.fields.items()
        )


@dataclass(frozen=True, slots=True)
class _Field:
    """One column: its name, what gives its value, and its type where JSON is taken apart for it."""

    name: str
    value: str
    type: str
    key: str = ""  # of the document


def quoted(name: str) -> str:
    """A name as SQL has it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def _placed(fields: Iterable[_Field]) -> list[_Field]:
    """Each field that JSON is taken apart for, with its place in one of the structs."""
    placed, names = [], [set[str]()]
    for field in fields:
        if not field.type:
            placed.append(field)
            continue
        lower = field.key.lower()
        at = next((k for k, used in enumerate(names) if lower not in used), len(names))
        if at == len(names):
            names.append(set())
        names[at].add(lower)
        placed.append(_Field(field.name, f"f{at}.{quoted(field.key)}", field.type, field.key))
    return placed


def _structs(fields: list[_Field]) -> dict[str, str]:
    """What takes the fields out: a struct, or more where names differ by their case alone."""
    shapes: dict[str, dict[str, str]] = {}
    for field in fields:
        shapes.setdefault(field.value.partition(".")[0], {})[field.key] = field.type
    return {
        name: f"from_json(data, {literal(orjson.dumps(shape).decode())})"
        for name, shape in shapes.items()
    }
