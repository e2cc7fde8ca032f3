"""Conditions and selections as DuckDB's SQL.

Field names travel as JSON pointers inside quoted literals, values as parameters, table names are
made here: nothing that a program writes is ever SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from aiwe_engine.store.documents import Document, instant
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
from aiwe_engine.store.selection import Selection, SortKey

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection

Sql: TypeAlias = tuple[str, list[Any]]

_NUMBERS = "('UBIGINT', 'BIGINT', 'DOUBLE', 'HUGEINT')"


def make(number: int, place: tuple[str, str, str]) -> list[Sql]:
    """The statements that make the table of a collection."""
    table = (
        f"CREATE TABLE documents_{number:d} "
        "(id VARCHAR PRIMARY KEY, created TIMESTAMP NOT NULL, data JSON NOT NULL)"
    )
    return [(table, []), ("INSERT INTO collections VALUES (?, ?, ?, ?)", [number, *place])]


def insert(number: int, documents: list[Document]) -> Sql:
    """Bulk forms throughout: sixty-four rows cost little more than one."""
    text = (
        f"INSERT INTO documents_{number:d} SELECT unnest(?::VARCHAR[]), "
        "make_timestamp(unnest(?::BIGINT[])), unnest(?::VARCHAR[])::JSON"
    )
    return text, _columns(documents)


def change(number: int, documents: list[Document]) -> Sql:
    """New texts for documents that are there."""
    text = (
        f"UPDATE documents_{number:d} AS d SET data = u.data::JSON "
        "FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::VARCHAR[]) AS data) AS u "
        "WHERE d.id = u.id"
    )
    ids, _, texts = _columns(documents)
    return text, [ids, texts]


def move(number: int, documents: list[Document]) -> Sql:
    """New texts and times of creation for documents that are there."""
    text = (
        f"UPDATE documents_{number:d} AS d "
        "SET created = make_timestamp(u.created), data = u.data::JSON "
        "FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::BIGINT[]) AS created, "
        "unnest(?::VARCHAR[]) AS data) AS u WHERE d.id = u.id"
    )
    return text, _columns(documents)


def delete(number: int, ids: list[str]) -> Sql:
    """The documents with these ids go."""
    text = f"DELETE FROM documents_{number:d} WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    return text, [ids]


def _columns(documents: list[Document]) -> list[list[Any]]:
    return [
        [document.id for document in documents],
        [document.created for document in documents],
        [document.text.decode() for document in documents],
    ]


def read(connection: Connection, number: int, ids: list[str]) -> dict[str, bytes]:
    """The documents with these ids; an empty text for one that is not there."""
    text = f"SELECT id, data FROM documents_{number:d} WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    found = dict.fromkeys(ids, b"")
    for doc_id, data in connection.execute(text, [ids]).fetchall():
        found[doc_id] = data.encode()
    return found


def matching(number: int, condition: Condition) -> Sql:
    """Ids and texts of the documents that meet a condition."""
    text, values = where(condition)
    return f"SELECT id, data FROM documents_{number:d} WHERE {text}", values


def find(number: int, condition: Condition, selection: Selection) -> Sql:
    """The texts of the chosen documents in their order."""
    text, values = where(condition)
    order = ", ".join(term for key in selection.order for term in _order(key))
    text = f"SELECT data FROM documents_{number:d} WHERE {text} ORDER BY {order}"
    if selection.limit is not None:
        text += f" LIMIT {selection.limit:d}"
    if selection.offset:
        text += f" OFFSET {selection.offset:d}"
    return text, values


def count(number: int, condition: Condition) -> Sql:
    """How many documents meet a condition."""
    text, values = where(condition)
    return f"SELECT count(*) FROM documents_{number:d} WHERE {text}", values


def where(condition: Condition) -> Sql:
    """The condition as an expression, never NULL, and its parameters in order."""
    values: list[Any] = []
    return _expression(condition, values), values


def _expression(condition: Condition, values: list[Any]) -> str:
    write = _WRITERS[type(condition)]
    return write(condition, values)


def _pointer(path: Path) -> str:
    steps = (step.replace("~", "~0").replace("/", "~1").replace("'", "''") for step in path)
    return "'/" + "/".join(steps) + "'"


def _text(path: Path) -> str:
    return "id" if path == ("id",) else f"json_extract_string(data, {_pointer(path)})"


def _kind(path: Path) -> str:
    return f"json_type(data, {_pointer(path)})"


def _number(path: Path) -> str:
    return f"try_cast({_text(path)} AS DOUBLE)"


def _all_of(condition: AllOf, values: list[Any]) -> str:
    parts = [_expression(part, values) for part in condition.conditions]
    return f"({' AND '.join(parts)})" if parts else "TRUE"


def _any_of(condition: AnyOf, values: list[Any]) -> str:
    return f"({' OR '.join([_expression(part, values) for part in condition.conditions])})"


def _not(condition: Not, values: list[Any]) -> str:
    return f"(NOT {_expression(condition.condition, values)})"


def _equals(condition: Equals, values: list[Any]) -> str:
    return _is(condition.path, condition.value, values)


def _is(path: Path, value: Scalar, values: list[Any]) -> str:
    if value is None:
        return f"(coalesce({_kind(path)}, 'NULL') = 'NULL')"
    if isinstance(value, bool):
        return (
            f"coalesce({_kind(path)} = 'BOOLEAN' AND {_text(path)} = '{str(value).lower()}', FALSE)"
        )
    return _compare(path, "=", value, values)


def _compares(condition: Compares, values: list[Any]) -> str:
    moment = instant(condition.value) if condition.path == ("createdAt",) else None
    if moment is not None:
        values.append(moment)
        return f"(created {condition.order} make_timestamp(?::BIGINT))"
    return _compare(condition.path, condition.order, condition.value, values)


def _compare(path: Path, order: str, value: float | str, values: list[Any]) -> str:
    if isinstance(value, str):
        values.append(value)
        if path == ("id",):
            return f"(id {order} ?)"
        return f"coalesce({_text(path)} {order} ? AND {_kind(path)} = 'VARCHAR', FALSE)"
    values.append(float(value))
    return f"coalesce({_number(path)} {order} ? AND {_kind(path)} IN {_NUMBERS}, FALSE)"


def _one_of(condition: OneOf, values: list[Any]) -> str:
    path = condition.path
    strings = [value for value in condition.values if isinstance(value, str)]
    numbers = [
        float(value)
        for value in condition.values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    rest = {value for value in condition.values if value is None or isinstance(value, bool)}
    parts = []
    for members, of, kinds in (
        (strings, _text(path), "('VARCHAR')"),
        (numbers, _number(path), _NUMBERS),
    ):
        if members:
            values.extend(members)
            marks = ", ".join("?" * len(members))
            parts.append(f"coalesce({of} IN ({marks}) AND {_kind(path)} IN {kinds}, FALSE)")
    parts += [_is(path, value, values) for value in rest]
    return f"({' OR '.join(parts)})" if parts else "FALSE"


def _like(condition: Like, values: list[Any]) -> str:
    values.append(condition.pattern)
    word = "ILIKE" if condition.any_case else "LIKE"
    kind = _kind(condition.path)
    return f"coalesce({_text(condition.path)} {word} ? AND {kind} = 'VARCHAR', FALSE)"


def _contains(condition: Contains, values: list[Any]) -> str:
    path, value = condition.path, condition.value
    forms = [json.dumps(value, ensure_ascii=False)]
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        forms = [str(int(value)), f"{int(value)}.0"]
    # A parameter keeps the text it came as; extracting "" from it writes it as elements are.
    marks = ", ".join(["json_extract(?::JSON, '$')"] * len(forms))
    values.extend(forms)
    members = f"CAST(json_extract(data, {_pointer(path)}) AS JSON[])"
    text = (
        f"coalesce(CASE WHEN {_kind(path)} = 'ARRAY' "
        f"THEN list_has_any({members}, [{marks}]) END, FALSE)"
    )
    if isinstance(value, str):
        values.append(value)
        part = f"coalesce(contains({_text(path)}, ?) AND {_kind(path)} = 'VARCHAR', FALSE)"
        text = f"({text} OR {part})"
    return text


def _exists(condition: Exists, _values: list[Any]) -> str:
    return f"({_kind(condition.path)} IS NOT NULL)"


def _sized(condition: Sized, _values: list[Any]) -> str:
    pointer, kind = _pointer(condition.path), condition.kind.upper()
    size = f"json_array_length(data, {pointer})"
    if condition.kind == "object":
        size = f"len(json_keys(data, {pointer}))"
    return f"coalesce({_kind(condition.path)} = '{kind}' AND {size} = {condition.size:d}, FALSE)"


def _order(key: SortKey) -> list[str]:
    """Numbers before strings before the rest; what is missing or null comes last either way."""
    way = "DESC" if key.descending else "ASC"
    if key.path == ("createdAt",):
        return [f"created {way}"]
    if key.path == ("id",):
        return [f"id {way}"]
    number = f"CASE WHEN {_kind(key.path)} IN {_NUMBERS} THEN {_number(key.path)} END"
    return [
        f"coalesce({_kind(key.path)}, 'NULL') = 'NULL'",
        f"{number} {way} NULLS {'FIRST' if key.descending else 'LAST'}",
        f"{_text(key.path)} {way}",
    ]


_WRITERS: dict[type, Callable[[Any, list[Any]], str]] = {
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
