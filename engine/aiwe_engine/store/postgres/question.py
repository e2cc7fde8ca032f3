"""Conditions and selections as PostgreSQL's SQL: of each operator the meaning that DuckDB's has.

Fields are taken out of `doc`, the document as `jsonb`. Values compare with those of their own type
only; numbers as JavaScript has them, in double precision; texts by code point, whatever language the
database sorts by. A condition is never NULL.

Values are parameters. Where an index was declared on a field, what it says of the value is asked for as
well, so that it is used; it never decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import orjson

from aiwe_engine.store.documents import instant
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
from aiwe_engine.store.postgres.characters import json_for, text_for
from aiwe_engine.store.postgres.fields import KINDS, field, number, plain, rank, rank_of
from aiwe_engine.store.postgres.statements import Sql, Table
from aiwe_engine.store.selection import Selection, SortKey
from aiwe_engine.types import Json

_ID, _CREATED = ("id",), ("createdAt",)  # these have columns of their own


def find(table: Table, condition: Condition, selection: Selection) -> Sql:
    """The texts of the chosen documents in their order."""
    statement = _Statement(table)
    where = statement.expression(condition)
    if selection.after is not None:
        where = f"{where} AND {statement.after(selection.order, selection.after)}"
    order = ", ".join(term for key in selection.order for term in statement.order(key))
    text = f"SELECT data FROM {table.name} WHERE {table.holds} AND {where} ORDER BY {order}"
    if selection.limit is not None:
        text += f" LIMIT {statement.mark(selection.limit, 'bigint')}"
    if selection.offset:
        text += f" OFFSET {statement.mark(selection.offset, 'bigint')}"
    return text, statement.values


def matching(table: Table, condition: Condition) -> Sql:
    """Ids and texts of the documents that meet a condition; they are locked."""
    statement = _Statement(table)
    where = statement.expression(condition)
    text = f"SELECT id, data FROM {table.name} WHERE {table.holds} AND {where}"
    return f"{text} ORDER BY id FOR UPDATE", statement.values


def count(table: Table, condition: Condition) -> Sql:
    """How many documents meet a condition."""
    statement = _Statement(table)
    where = statement.expression(condition)
    return (
        f"SELECT count(*) FROM {table.name} WHERE {table.holds} AND {where}",
        statement.values,
    )


class _Statement:
    """One statement in the making, with its parameters in order."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.values: list[Any] = []
        self._indexed = {path for key in table.definition.index for path in key}

    def expression(self, condition: Condition) -> str:
        """A condition; never NULL."""
        return _WRITERS[type(condition)](self, condition)

    def order(self, key: SortKey) -> list[str]:
        """Numbers before strings before the rest; what is missing or null last either way."""
        way = "DESC" if key.descending else "ASC"
        if key.path in (_CREATED, _ID):
            return [f"{_own(key.path)} {way}"]
        nulls = "FIRST" if key.descending else "LAST"
        taken = number(key.path)
        return [
            _absent(key.path),
            f"{taken} {way} NULLS {nulls}",
            # Equal numbers may be written differently.
            f"(CASE WHEN {taken} IS NULL THEN {plain(key.path)} END) {way}",
        ]

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
            return f"({_own(path)} {sign} {self._own_mark(path, value)})"
        if value is None:
            return "FALSE"
        if _is_number(value):
            others = "FALSE" if key.descending else "TRUE"
            mark = self.mark(float(value), "float8")
            return f"({_absent(path)} OR coalesce({number(path)} {sign} {mark}, {others}))"
        compared = f"coalesce({plain(path)} {sign} {self._plain_mark(value)}, FALSE)"
        if key.descending:
            return f"({_absent(path)} OR {number(path)} IS NOT NULL OR {compared})"
        return f"({_absent(path)} OR ({number(path)} IS NULL AND {compared}))"

    def _level(self, key: SortKey, value: Json) -> str:
        """Whether the field stands at the same place as a value."""
        path = key.path
        if path in (_CREATED, _ID):
            return f"({_own(path)} = {self._own_mark(path, value)})"
        if value is None:
            return _absent(path)
        if _is_number(value):
            return f"coalesce({number(path)} = {self.mark(float(value), 'float8')}, FALSE)"
        same = f"{number(path)} IS NULL AND {plain(path)} = {self._plain_mark(value)}"
        return f"coalesce({same} AND NOT {_absent(path)}, FALSE)"

    def _own_mark(self, path: Path, value: Json) -> str:
        if path == _CREATED:
            return self.mark(instant(value), "bigint")
        return self.text_mark(str(value))

    def _plain_mark(self, value: Json) -> str:
        """The place of a value that is compared as `plain` gives it."""
        if isinstance(value, str):
            return self.text_mark(value)
        return f"({self.json_mark(value)} #>> '{{}}')"

    def near(self, path: Path, exact: str, *tests: tuple[str, Any]) -> str:
        """A test, and before it what an index on the field says of it, where there is one."""
        if path not in self._indexed:
            return exact
        ranks = [
            f"{rank(path)} {sign} {self.mark(value, 'text')}"
            if isinstance(value, str)
            else f"{rank(path)} {sign} ANY({self.mark(value, 'text[]')})"
            for sign, value in tests
        ]
        return f"({' AND '.join([*ranks, exact])})"

    def mark(self, value: Any, kind: str) -> str:
        """The place of a parameter."""
        self.values.append(value)
        return f"${len(self.values)}::{kind}"

    def text_mark(self, value: str) -> str:
        """The place of a text that is compared with what a document holds, or with its id."""
        return self.mark(text_for(value), "text")

    def json_mark(self, value: Json) -> str:
        """The place of a value that is compared as JSON."""
        text = orjson.dumps(value).decode()
        return self.mark(json_for(text) or text, "jsonb")


def _own(path: Path) -> str:
    return "created" if path == _CREATED else "id"


def _absent(path: Path) -> str:
    """Whether the field is missing or null."""
    return f"({plain(path)} IS NULL)"


def _is(kind: str, path: Path, test: str) -> str:
    """Whether a field is of a type and passes a test, which is made where it is of that type."""
    return f"coalesce(CASE WHEN jsonb_typeof({field(path)}) = '{kind}' THEN {test} END, FALSE)"


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_of(to: _Statement, condition: AllOf) -> str:
    parts = [to.expression(part) for part in condition.conditions]
    return f"({' AND '.join(parts)})" if parts else "TRUE"


def _any_of(to: _Statement, condition: AnyOf) -> str:
    return f"({' OR '.join([to.expression(part) for part in condition.conditions])})"


def _not(to: _Statement, condition: Not) -> str:
    return f"(NOT {to.expression(condition.condition)})"


def _equals(to: _Statement, condition: Equals) -> str:
    return _same(to, condition.path, condition.value)


def _same(to: _Statement, path: Path, value: Scalar) -> str:
    if value is None:
        return _absent(path)
    if isinstance(value, bool):
        return f"coalesce({field(path)} = '{str(value).lower()}', FALSE)"
    if isinstance(value, str):
        if path == _ID:
            return f"(id = {to.text_mark(value)})"
        exact = _is("string", path, f"{plain(path)} = {to.text_mark(value)}")
    else:
        mark = to.mark(float(value), "float8")
        exact = _is("number", path, f"{field(path)}::float8 = {mark}")
    return to.near(path, exact, ("=", rank_of(value)))


def _compares(to: _Statement, condition: Compares) -> str:
    path, order, value = condition.path, condition.order, condition.value
    moment = instant(value) if path == _CREATED else None
    if moment is not None:
        return f"(created {order} {to.mark(moment, 'bigint')})"
    if not isinstance(value, str):
        mark = to.mark(float(value), "float8")
        exact = _is("number", path, f"{field(path)}::float8 {order} {mark}")
    elif path == _ID:
        return f"(id {order} {to.text_mark(value)})"
    else:
        exact = _is("string", path, f"{plain(path)} {order} {to.text_mark(value)}")
    first, last = KINDS[type(value) is str]
    if order in (">", ">="):
        return to.near(path, exact, (">=", rank_of(value)), ("<", last))
    return to.near(path, exact, ("<=", rank_of(value)), (">=", first))


def _one_of(to: _Statement, condition: OneOf) -> str:
    path = condition.path
    strings = [value for value in condition.values if isinstance(value, str)]
    numbers = [float(value) for value in condition.values if _is_number(value)]
    rest = {value for value in condition.values if value is None or isinstance(value, bool)}
    parts = []
    if strings and path == _ID:
        mark = to.mark([text_for(value) for value in strings], "text[]")
        parts.append(f"(id = ANY({mark}))")
    elif strings:
        mark = to.mark([text_for(value) for value in strings], "text[]")
        exact = _is("string", path, f"{plain(path)} = ANY({mark})")
        parts.append(to.near(path, exact, ("=", [rank_of(value) for value in strings])))
    if numbers:
        mark = to.mark(numbers, "float8[]")
        exact = _is("number", path, f"{field(path)}::float8 = ANY({mark})")
        parts.append(to.near(path, exact, ("=", [rank_of(value) for value in numbers])))
    parts += [_same(to, path, value) for value in rest]
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def _like(to: _Statement, condition: Like) -> str:
    text, mark = plain(condition.path), to.text_mark(condition.pattern)
    if condition.any_case:
        text, mark = (f"lower({part} COLLATE {to.table.folding})" for part in (text, mark))
    return _is("string", condition.path, f"{text} LIKE {mark} ESCAPE ''")


def _contains(to: _Statement, condition: Contains) -> str:
    path, value = condition.path, condition.value
    text = _is("array", path, f"{field(path)} @> {to.json_mark([value])}")
    if isinstance(value, str):
        part = _is("string", path, f"strpos({plain(path)}, {to.text_mark(value)}) > 0")
        text = f"({text} OR {part})"
    return text


def _exists(to: _Statement, condition: Exists) -> str:  # noqa: ARG001  as the others
    return f"({field(condition.path)} IS NOT NULL)"


def _sized(to: _Statement, condition: Sized) -> str:  # noqa: ARG001  as the others
    taken = field(condition.path)
    size = f"jsonb_array_length({taken})"
    if condition.kind == "object":
        size = f"(SELECT count(*) FROM jsonb_object_keys({taken}))"
    return _is(condition.kind, condition.path, f"{size} = {condition.size:d}")


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
