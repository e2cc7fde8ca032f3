"""Conditions and selections as DuckDB's SQL.

A statement parses each document once, whatever it compares: the fields it needs are taken out
together, as JSON texts (`f`), and of those that are ordered or searched as strings the plain texts
(`s`). They pass through `unnest`, or the optimizer would put the extraction back into each comparison,
which costs a megabyte apiece. The first character of a JSON text says of which type it is.

A field that has a column which says all of it is not taken out: see columns.py.

Field names travel as JSON pointers inside quoted literals, values as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import orjson

from aiwe_engine.store.documents import instant
from aiwe_engine.store.duckdb import sql
from aiwe_engine.store.duckdb.columns import Column, pointer
from aiwe_engine.store.duckdb.sql import Sql
from aiwe_engine.store.filters import (
    AllOf,
    AnyOf,
    Compares,
    Condition,
    Contains,
    Equals,
    Exists,
    Like,
    Not,
    OneOf,
    Path,
    Scalar,
    Sized,
)
from aiwe_engine.store.repository import Overlay
from aiwe_engine.store.selection import Selection, SortKey
from aiwe_engine.types import Json

Term: TypeAlias = tuple[str, bool]  # an expression, and whether it descends

_ANY = Selection()
_ID, _CREATED = ("id",), ("createdAt",)  # these have columns of their own

#: What a column of a type is as a number and as a text.
_NUMBERS = {
    "DOUBLE": "{}",
    "BIGINT": "{}::DOUBLE",
    "VARCHAR": "NULL::DOUBLE",
    "BOOLEAN": "NULL::DOUBLE",
}
_TEXTS = {
    "VARCHAR": "{}",
    "BOOLEAN": "{}::VARCHAR",
    "DOUBLE": "NULL::VARCHAR",
    "BIGINT": "NULL::VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What is looked through: a table, or what stands in its place.

    Attributes:
        source: for `FROM`; it has id, created, data and the columns.
        values: its parameters.
        columns: those of declared fields.
    """

    source: str
    values: list[Any]
    columns: Sequence[Column] = ()


def stored(
    number: int | None, columns: Sequence[Column] = (), overlay: Overlay | None = None
) -> Rows:
    """All documents of a table, as a transaction sees them that has written."""
    if overlay is None:
        return Rows(f"documents_{number}", [], columns)
    return Rows(*sql.overlaid(number, overlay.changed, overlay.documents))  # it has no columns


def find(rows: Rows, condition: Condition, selection: Selection) -> Sql:
    """The texts of the chosen documents in their order."""
    statement = _Statement(rows)
    where = statement.chosen(condition, selection)
    order = ", ".join(map(_ordered, statement.terms(selection)))
    text = f"SELECT data FROM {statement.source()} WHERE {where} ORDER BY {order}"
    if selection.limit is not None:
        text += f" LIMIT {selection.limit:d}"
    if selection.offset:
        text += f" OFFSET {selection.offset:d}"
    return text, statement.all_values()


def places(rows: Rows, condition: Condition, selection: Selection, most: int | None) -> Sql:
    """The ids of what a query may find, with the terms that it sorts by: `directions` has their ways.

    Of a count `most` the first ones, else all in no order. The offset is not heeded.
    """
    statement = _Statement(rows)
    where = statement.chosen(condition, selection)
    terms = statement.terms(selection)
    listed = ", ".join(("id", *(text for text, _ in terms)))
    text = f"SELECT {listed} FROM {statement.source()} WHERE {where}"
    if most is not None:
        text += f" ORDER BY {', '.join(map(_ordered, terms))} LIMIT {most:d}"
    return text, statement.all_values()


def directions(rows: Rows, selection: Selection) -> list[bool]:
    """Which of the terms of `places` descend. NULL is greater than any value."""
    return [descending for _, descending in _Statement(rows).terms(selection)]


def matching(rows: Rows, condition: Condition) -> Sql:
    """Ids and texts of the documents that meet a condition, in no order."""
    statement = _Statement(rows)
    where = statement.expression(condition)
    return f"SELECT id, data FROM {statement.source()} WHERE {where}", statement.all_values()


def count(rows: Rows, condition: Condition) -> Sql:
    """How many documents meet a condition."""
    statement = _Statement(rows)
    where = statement.expression(condition)
    return f"SELECT count(*) FROM {statement.source()} WHERE {where}", statement.all_values()


def parses(rows: Rows, condition: Condition, selection: Selection | None = None) -> bool:
    """Whether the documents must be parsed for an answer: not all that it asks for has columns."""
    statement = _Statement(rows)
    statement.chosen(condition, selection or _ANY)
    if selection is not None:
        statement.terms(selection)
    return statement.takes_fields


class _Statement:
    """One statement in the making: the fields it takes out, its parameters in order."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._columns = {column.path: column for column in rows.columns if column.exact}
        self._json: dict[Path, int] = {}
        self._plain: dict[Path, int] = {}
        self.values: list[Any] = []  # of what follows the source

    def all_values(self) -> list[Any]:
        """The parameters of a statement that has the source before all else that has some."""
        return [*self._rows.values, *self.values]

    def source(self) -> str:
        """What to select from, when all fields are known."""
        source = self._rows.source
        if self._json:
            pointers = ", ".join(pointer(path) for path in self._json)
            taken = f"unnest([json_extract(data, [{pointers}])]) AS f"
            source = f"(SELECT *, {taken} FROM {source})"
        if self._plain:
            texts = ", ".join(_unquoted(self._field(path)) for path in self._plain)
            source = f"(SELECT *, unnest([[{texts}]]) AS s FROM {source})"
        return source

    @property
    def takes_fields(self) -> bool:
        """Whether it takes something out of the documents."""
        return bool(self._json)

    def chosen(self, condition: Condition, selection: Selection) -> str:
        """What a query may find; never NULL."""
        where = self.expression(condition)
        if selection.after is not None:
            where = f"{where} AND {self.after(selection.order, selection.after)}"
        return where

    def terms(self, selection: Selection) -> list[Term]:
        """What a query sorts by."""
        return [term for key in selection.order for term in self.order(key)]

    def expression(self, condition: Condition) -> str:
        """A condition; never NULL."""
        return _WRITERS[type(condition)](self, condition)

    def order(self, key: SortKey) -> list[Term]:
        """Numbers before strings before the rest; what is missing or null last either way."""
        path, down = key.path, key.descending
        if path in (_CREATED, _ID):
            return [(self._own(path), down)]
        absent = (self.absent(path), False)
        number = self.number(path)
        typed = self.typed(path)
        if typed is not None:
            own = number if typed.kind in ("DOUBLE", "BIGINT") else typed.column
            return [absent, (own, down)]
        plain = _unquoted(self._field(path))
        # Equal numbers may be written differently.
        return [absent, (number, down), (f"CASE WHEN {number} IS NULL THEN {plain} END", down)]

    def after(self, order: tuple[SortKey, ...], place: tuple[Json, ...]) -> str:
        """Whether a document comes after a place in the order; never NULL."""
        if not order:
            return "FALSE"
        key, value = order[0], place[0]
        beyond, level = self._beyond(key, value), self._level(key, value)
        return f"({beyond} OR ({level} AND {self.after(order[1:], place[1:])}))"

    def _beyond(self, key: SortKey, value: Json) -> str:
        """Whether the field comes after a value in the order of `order`."""
        path = key.path
        sign = "<" if key.descending else ">"
        if path in (_CREATED, _ID):
            return f"({self._own(path)} {sign} {self._own_mark(path, value)})"
        if value is None:
            return "FALSE"
        if _is_number(value):
            others = "FALSE" if key.descending else "TRUE"
            compared = f"coalesce({self.number(path)} {sign} {self.mark(float(value))}, {others})"
            return f"({self.absent(path)} OR {compared})"
        compared = f"coalesce({self.plain(path)} {sign} {self.mark(_plain(value))}, FALSE)"
        if key.descending:
            return f"({self.absent(path)} OR {self.number(path)} IS NOT NULL OR {compared})"
        return f"({self.absent(path)} OR ({self.number(path)} IS NULL AND {compared}))"

    def _level(self, key: SortKey, value: Json) -> str:
        """Whether the field stands at the same place as a value."""
        path = key.path
        if path in (_CREATED, _ID):
            return f"({self._own(path)} = {self._own_mark(path, value)})"
        if value is None:
            return f"({self.absent(path)})"
        if _is_number(value):
            return f"coalesce({self.number(path)} = {self.mark(float(value))}, FALSE)"
        same = f"{self.number(path)} IS NULL AND {self.plain(path)} = {self.mark(_plain(value))}"
        return f"coalesce({same} AND NOT {self.absent(path)}, FALSE)"

    def _own(self, path: Path) -> str:
        return "created" if path == _CREATED else "id"

    def _own_mark(self, path: Path, value: Json) -> str:
        if path == _CREATED:
            return f"make_timestamp({self.mark(instant(value))}::BIGINT)"
        return self.mark(value)

    def typed(self, path: Path) -> Column | None:
        """The column that says all of the field but whether it is null or missing."""
        column = self._columns.get(path)
        return column if column is not None and column.kind != "JSON" else None

    def absent(self, path: Path) -> str:
        """Whether the field is missing or null."""
        typed = self.typed(path)
        if typed is not None:
            return f"({typed.column} IS NULL)"
        return f"(coalesce({self.json(path)}, 'null') = 'null')"

    def json(self, path: Path) -> str:
        """The field as JSON text; NULL where there is none."""
        column = self._columns.get(path)
        if column is not None and column.kind == "JSON":
            return column.column
        return f"{self._field(path)}::VARCHAR"

    def plain(self, path: Path) -> str:
        """The field as text, a string without its quotes. Of a column of numbers nothing."""
        typed = self.typed(path)
        if typed is not None:
            return _TEXTS[typed.kind].format(typed.column)
        self._field(path)
        return f"s[{self._plain.setdefault(path, len(self._plain) + 1)}]"

    def number(self, path: Path) -> str:
        """The field where it is a number, else NULL: the text of a string has its quotes."""
        typed = self.typed(path)
        if typed is not None:
            return _NUMBERS[typed.kind].format(typed.column)
        return f"try_cast({self.json(path)} AS DOUBLE)"

    def is_string(self, path: Path) -> str:
        """Whether the field is a string, or NULL."""
        typed = self.typed(path)
        if typed is not None:
            return f"({typed.column} IS NOT NULL)" if typed.kind == "VARCHAR" else "FALSE"
        return f"starts_with({self.json(path)}, '\"')"

    def is_text(self, path: Path, value: str) -> str:
        """Whether the field is this string; never NULL."""
        typed = self.typed(path)
        if typed is None:
            return f"coalesce({self.json(path)} = {self.json_mark(value)}, FALSE)"
        if typed.kind != "VARCHAR":
            return "FALSE"
        return f"coalesce({typed.column} = {self.mark(value)}, FALSE)"

    def is_boolean(self, path: Path, value: bool) -> str:
        """Whether the field is this boolean; never NULL."""
        typed = self.typed(path)
        word = str(value).lower()
        if typed is None:
            return f"coalesce({self.json(path)} = '{word}', FALSE)"
        return f"coalesce({typed.column} = {word}, FALSE)" if typed.kind == "BOOLEAN" else "FALSE"

    def _field(self, path: Path) -> str:
        column = self._columns.get(path)
        if column is not None and column.kind == "JSON":
            return f"{column.column}::JSON"
        return f"f[{self._json.setdefault(path, len(self._json) + 1)}]"

    def mark(self, value: Any) -> str:
        """The place of a parameter."""
        self.values.append(value)
        return "?"

    def json_mark(self, value: Scalar) -> str:
        """The place of a parameter that is compared as JSON text, written as DuckDB writes it."""
        return f"json_extract({self.mark(orjson.dumps(value).decode())}::JSON, '$')::VARCHAR"


def _ordered(term: Term) -> str:
    text, descending = term
    return f"{text} {'DESC NULLS FIRST' if descending else 'ASC NULLS LAST'}"


def _unquoted(field: str) -> str:
    """The text of a field; of a string, without its quotes."""
    return f"json_extract_string({field}, '$')"


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Json) -> str:
    """A value as `plain` gives it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _all_of(to: _Statement, condition: AllOf) -> str:
    parts = [to.expression(part) for part in condition.conditions]
    return f"({' AND '.join(parts)})" if parts else "TRUE"


def _any_of(to: _Statement, condition: AnyOf) -> str:
    return f"({' OR '.join([to.expression(part) for part in condition.conditions])})"


def _not(to: _Statement, condition: Not) -> str:
    return f"(NOT {to.expression(condition.condition)})"


def _equals(to: _Statement, condition: Equals) -> str:
    return _is(to, condition.path, condition.value)


def _is(to: _Statement, path: Path, value: Scalar) -> str:
    if value is None:
        return to.absent(path)
    if isinstance(value, bool):
        return to.is_boolean(path, value)
    if isinstance(value, str):
        return f"(id = {to.mark(value)})" if path == _ID else to.is_text(path, value)
    return f"coalesce({to.number(path)} = {to.mark(float(value))}, FALSE)"


def _compares(to: _Statement, condition: Compares) -> str:
    path, order, value = condition.path, condition.order, condition.value
    moment = instant(value) if path == _CREATED else None
    if moment is not None:
        return f"(created {order} make_timestamp({to.mark(moment)}::BIGINT))"
    if not isinstance(value, str):
        return f"coalesce({to.number(path)} {order} {to.mark(float(value))}, FALSE)"
    if path == _ID:
        return f"(id {order} {to.mark(value)})"
    return f"coalesce({to.plain(path)} {order} {to.mark(value)} AND {to.is_string(path)}, FALSE)"


def _one_of(to: _Statement, condition: OneOf) -> str:
    path = condition.path
    strings = [value for value in condition.values if isinstance(value, str)]
    numbers = [
        float(value)
        for value in condition.values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    rest = {value for value in condition.values if value is None or isinstance(value, bool)}
    parts = []
    if strings and path == _ID:
        parts.append(f"(id IN ({', '.join(map(to.mark, strings))}))")
    elif strings:
        marks = ", ".join(map(to.mark, strings))
        parts.append(f"coalesce({to.plain(path)} IN ({marks}) AND {to.is_string(path)}, FALSE)")
    if numbers:
        marks = ", ".join(map(to.mark, numbers))
        parts.append(f"coalesce({to.number(path)} IN ({marks}), FALSE)")
    parts += [_is(to, path, value) for value in rest]
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def _like(to: _Statement, condition: Like) -> str:
    word = "ILIKE" if condition.any_case else "LIKE"
    text = f"{to.plain(condition.path)} {word} {to.mark(condition.pattern)}"
    return f"coalesce({text} AND {to.is_string(condition.path)}, FALSE)"


def _contains(to: _Statement, condition: Contains) -> str:
    path, value = condition.path, condition.value
    if to.typed(path) is not None:  # no array
        if not isinstance(value, str):
            return "FALSE"
        part = f"contains({to.plain(path)}, {to.mark(value)}) AND {to.is_string(path)}"
        return f"coalesce({part}, FALSE)"
    forms: list[Scalar] = [value]
    if _is_number(value) and value == int(value):
        whole = [int(value)] if -(1 << 63) <= value < 1 << 64 else []
        forms = [*whole, float(value)]
    marks = ", ".join([to.json_mark(form) for form in forms])
    members = f"CAST(CAST({to.json(path)} AS JSON) AS JSON[])::VARCHAR[]"
    if value is None:  # whose text is none
        members = f"list_transform({members}, lambda x: coalesce(x, 'null'))"
    is_array = f"starts_with({to.json(path)}, '[')"
    text = f"coalesce(CASE WHEN {is_array} THEN list_has_any({members}, [{marks}]) END, FALSE)"
    if isinstance(value, str):
        part = f"contains({to.plain(path)}, {to.mark(value)}) AND {to.is_string(path)}"
        text = f"({text} OR coalesce({part}, FALSE))"
    return text


def _exists(to: _Statement, condition: Exists) -> str:
    return f"({to.json(condition.path)} IS NOT NULL)"


def _sized(to: _Statement, condition: Sized) -> str:
    json = to.json(condition.path)
    first, size = "[", f"json_array_length({json})"
    if condition.kind == "object":
        first, size = "{", f"len(json_keys({json}))"
    return f"coalesce(starts_with({json}, '{first}') AND {size} = {condition.size:d}, FALSE)"


_WRITERS: dict[type, Callable[[_Statement, Any], str]] = {
    AllOf: _all_of,
    AnyOf: _any_of,
    Compares: _compares,
    Contains: _contains,
    Equals: _equals,
    Exists: _exists,
    Like: _like,
    Not: _not,
    OneOf: _one_of,
    Sized: _sized,
}
