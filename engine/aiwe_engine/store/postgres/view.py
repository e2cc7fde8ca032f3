"""A collection as a table of SQL: a view with its fields as columns, for one caller and one statement.

It belongs to the store's own user, so whoever may read the view need not read what is below it. What
confines the caller stands in it as a condition that nothing of the author's comes before
(`security_barrier`). Texts sort by code point, whatever language the database sorts by.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiwe_engine.store.declared import wanted
from aiwe_engine.store.guard import Guard
from aiwe_engine.store.kinds import Columns, Kind, free_name, type_of
from aiwe_engine.store.postgres.characters import text_for
from aiwe_engine.store.postgres.fields import field, literal, plain
from aiwe_engine.store.postgres.statements import Table

WHOLE = "_doc"  # a column with all of the document, where a statement names it
_ENGINE = ("id", "version", "createdAt", "updatedAt")
#: What a column of a type is taken from: {0} the field, {1} the field as text.
_SOURCES = {
    "VARCHAR": "CASE WHEN jsonb_typeof({0}) = 'string' THEN {1} END",
    "DOUBLE": "CASE WHEN jsonb_typeof({0}) = 'number' THEN {0}::float8 END",
    "BIGINT": "CASE WHEN jsonb_typeof({0}) = 'number' THEN {0}::bigint END",
    "BOOLEAN": "CASE WHEN jsonb_typeof({0}) = 'boolean' THEN {0}::boolean END",
    "JSON": "nullif({0}, 'null')",
}
_HOLDS = {
    "VARCHAR": Kind.STRING,
    "DOUBLE": Kind.INTEGER | Kind.NUMBER,
    "BIGINT": Kind.INTEGER,
    "BOOLEAN": Kind.BOOLEAN,
}
_CREATED = "to_timestamp(created / 1000000) AT TIME ZONE 'UTC' + (created % 1000000) * interval '1 microsecond'"
_UPDATED = "(doc ->> 'updatedAt')::timestamptz AT TIME ZONE 'UTC'"


@dataclass(frozen=True, slots=True)
class View:
    """One collection, as a statement finds it.

    Attributes:
        collection: its name.
        table: where its documents are.
        known: the fields that documents have.
        guard: what confines the caller.
    """

    collection: str
    table: Table
    known: Columns
    guard: Guard | None

    def make(self, name: str, *, whole: bool) -> str:
        """The statement that makes it under a name. `whole`: with a column of the whole document."""
        columns = self.columns()
        if whole:
            columns[WHOLE] = "doc"
        listed = ", ".join(f"{source} AS {quoted(column)}" for column, source in columns.items())
        where = " AND ".join(self._own()) or "TRUE"
        return (
            f"CREATE TEMPORARY VIEW {quoted(name)} WITH (security_barrier) AS "
            f"SELECT {listed} FROM {self.table.name} WHERE {where}"
        )

    def grant(self, name: str, role: str) -> str:
        """The statement that lets a role read it."""
        return f"GRANT SELECT ON {quoted(name)} TO {role}"

    def columns(self) -> dict[str, str]:
        """What gives their values, in the order in which a document has its fields."""
        taken: set[str] = set()
        columns = {free_name("id", taken): "id"}
        end = [free_name(name, taken) for name in _ENGINE[1:]]
        declared = wanted(self.table.definition)
        typed = {name: kind for name, kind in declared.items() if kind != "JSON"}
        for name in dict.fromkeys((*self.known, *typed)):
            if name in _ENGINE:
                continue
            kinds, kind = self.known.get(name, Kind.NOTHING), typed.get(name)
            if kind is None or kinds | _HOLDS[kind] != _HOLDS[kind]:
                columns[free_name(name, taken)] = _source(type_of(kinds), name)
            else:
                columns[free_name(name, taken)] = _source(kind, name)
        sources = ("(doc -> 'version')::bigint", _CREATED, _UPDATED)
        return columns | dict(zip(end, sources, strict=True))

    def _own(self) -> list[str]:
        fields = self.guard.fields if self.guard is not None else {}
        return [
            f"jsonb_typeof({field((name,))}) = 'string' "
            f"AND {plain((name,))} = {literal(text_for(value))}"
            for name, value in fields.items()
        ]


def quoted(name: str) -> str:
    """A name as SQL has it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def _source(kind: str, name: str) -> str:
    text = f'((doc ->> {literal(text_for(name))}) COLLATE "C")'
    return _SOURCES[kind].format(f"(doc -> {literal(text_for(name))})", text)
