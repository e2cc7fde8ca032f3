"""What an author's statement is, in the words of the database's own parser, and whether it may run.

DuckDB has no users and no rights, so what a statement may touch is decided before it runs, on the
tree that DuckDB's parser makes of it. All that is not known here to be harmless is refused: kinds of
nodes, tables, functions. A table is a name that the statement itself has given in WITH, or a collection.
A name is what DuckDB takes for the same: it knows small and large letters of ASCII alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

import orjson

from aiwe_engine.store.duckdb.functions import AGGREGATES, FUNCTIONS, SCALARS, TABLES
from aiwe_engine.store.statement import Statement, invalid_sql, nearest, unknown_collection
from aiwe_engine.types import Json

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_SOURCES = {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT"}
_MODIFIERS = {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
_MODIFIERS |= {"ORDER_DEFAULT", "ASCENDING", "DESCENDING"}
_EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "PARAMETER",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
}
_NOWHERE = 1 << 62  # DuckDB gives 2**64 - 1 for a place that it does not know
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
_ONLY_READS = "SQL reads: to change documents use create, update, modify or delete."


@dataclass(slots=True)
class Reading:
    """What a statement touches.

    Attributes:
        tables: the collections that it names, by the name in small letters.
        words: the names in small letters that may be those of columns.
        whole: it may mean columns that it does not name, as `*` does, or counts them.
    """

    tables: dict[str, str] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    whole: bool = False


def read(connection: Connection, statement: Statement, known: list[str]) -> Reading:
    """What one statement touches.

    Args:
        connection: whose parser reads it.
        statement: as it will run.
        known: the collections that it may name.

    Raises:
        RequestError: `invalid_sql`, `unknown_collection`.
    """
    found = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [statement.text]).fetchone()
    judge = _Judge(statement, known)
    return judge.judge(found[0] if found else "")


def small(name: str) -> str:
    """A name in small letters, as DuckDB compares names."""
    return name.translate(_SMALL)


def _recursion(node: dict[str, Any], part: str) -> frozenset[str]:
    """The name of a recursion in that part of it which sees it: in what begins it, it is a table's."""
    if node.get("type") == "RECURSIVE_CTE_NODE" and part == "right":
        return frozenset({small(node["cte_name"])})
    return frozenset()


class _Judge:
    """One statement, and what was found in it so far."""

    def __init__(self, statement: Statement, known: list[str]) -> None:
        self._statement = statement
        self._known = known
        self._reading = Reading()
        self._names: set[str] = set()  # what tables are called
        self._columns: set[str] = set()  # what stands alone, as a column or as a whole row
        self._places: list[int] = []  # of parameters
        self._judged: set[int] = set()  # functions that stand in FROM

    def judge(self, text: str) -> Reading:
        try:
            tree = orjson.loads(text)
        except orjson.JSONDecodeError:  # it nests deeper than it reads
            raise invalid_sql("The statement is nested too deep", "Flatten it.") from None
        if tree["error"]:
            raise self._failure(tree)
        if len(tree["statements"]) != 1:
            raise invalid_sql(
                "One statement is asked at a time", "Leave out what stands after the semicolon."
            )
        self._walk(tree["statements"][0]["node"], frozenset())
        self._check_values()
        if self._names & self._columns:
            self._reading.whole = True
        return self._reading

    def _failure(self, tree: dict[str, Any]) -> Exception:
        message = str(tree["error_message"])
        if tree["error_type"] == "not implemented":
            return invalid_sql("Only SELECT statements can be asked", _ONLY_READS)
        details, hint = (
            None,
            (
                'Names that are words of SQL, or have odd characters, go into double quotes: "order". '
                "See https://duckdb.org/docs/sql/introduction."
            ),
        )
        position = str(tree.get("position", ""))
        if position.isdigit():
            offset = self._characters(int(position))
            details = self._statement.where(offset)
            if offset in self._statement.places:
                hint = "A value cannot be the name of a table or a column: write names in the text."
        return invalid_sql(message[:1].upper() + message[1:], hint, details)

    def _walk(self, node: Any, given: frozenset[str]) -> None:
        """Looks at a part of the tree. `given`: the names that WITH has given."""
        if isinstance(node, list):
            for part in node:
                self._walk(part, given)
        elif isinstance(node, dict):
            if "cte_map" in node:
                given = self._query(node, given)
            elif "class" in node:
                self._expression(node)
            elif isinstance(node.get("type"), str):
                self._source(node, given)
            for name, part in node.items():
                if name != "cte_map":
                    self._walk(part, given | _recursion(node, name))

    def _query(self, node: dict[str, Any], given: frozenset[str]) -> frozenset[str]:
        """Looks at what WITH gives names to; the names that hold within the query."""
        if node["type"] not in _QUERIES:
            raise invalid_sql("Only SELECT statements can be asked", _ONLY_READS)
        for entry in node["cte_map"]["map"]:
            name = small(entry["key"])
            self._walk(entry["value"], given)
            given |= {name}
            self._names.add(name)
        return given

    def _source(self, node: dict[str, Any], given: frozenset[str]) -> None:
        kind = node["type"]
        if kind in _MODIFIERS:
            return
        if kind not in _SOURCES:
            raise self._refused(f"{kind.replace('_', ' ')} is not available in an app's SQL", node)
        self._names.add(small(str(node.get("alias", ""))))
        if kind == "BASE_TABLE":
            self._table(node, given)
        elif kind == "TABLE_FUNCTION":
            function = node["function"]
            if function.get("class") != "FUNCTION":
                raise self._refused("What stands in FROM is a table or a function", node)
            self._check_function(function, TABLES, node)
            self._judged.add(id(function))
        elif kind == "JOIN":
            self._reading.words.update(name.lower() for name in node.get("using_columns", ()))
        if kind == "PIVOT" or node.get("ref_type") == "NATURAL" or node.get("column_name_alias"):
            self._reading.whole = True

    def _table(self, node: dict[str, Any], given: frozenset[str]) -> None:
        path = node["qualified_name"]["path"]
        name, lower = node["table_name"], small(node["table_name"])
        self._names.add(lower)
        if len(path) != 1 or node["catalog_name"] or node["schema_name"]:
            raise unknown_collection(".".join(path), self._known, self._where(node))
        if node["at_clause"] is not None:
            raise self._refused("AT is not available in an app's SQL", node)
        if lower in given:
            return
        collection = self._collection(name)
        if collection is None:
            raise unknown_collection(name, self._known, self._where(node))
        if self._reading.tables.setdefault(lower, collection) != collection:
            raise self._refused("Names of one statement cannot differ by their case alone", node)

    def _collection(self, name: str) -> str | None:
        """The collection of a name: to SQL, large and small letters are the same."""
        if name in self._known:
            return name
        alike = [one for one in self._known if small(one) == small(name)]
        return alike[0] if len(alike) == 1 else None

    def _expression(self, node: dict[str, Any]) -> None:
        kind = node["class"]
        if kind not in _EXPRESSIONS:
            raise self._refused(f"{kind.capitalize()} is not available in an app's SQL", node)
        if kind in {"STAR", "POSITIONAL_REFERENCE"}:
            self._reading.whole = True
        elif kind == "COLUMN_REF":
            names = node["column_names"]
            self._reading.words.update(name.lower() for name in names)
            if len(names) == 1:
                self._columns.add(small(names[0]))
        elif kind == "FUNCTION":
            if id(node) not in self._judged:
                self._check_function(node, FUNCTIONS, node)
        elif kind == "WINDOW":
            self._check_function(node, AGGREGATES, node)
        elif kind == "PARAMETER":
            self._places.append(self._characters(node["query_location"]))

    def _check_function(
        self, function: dict[str, Any], allowed: frozenset[str], node: dict[str, Any]
    ) -> None:
        name = function["function_name"]
        path = function.get("qualified_name", {}).get("path", [name])
        if name in allowed or name.lower() in allowed:
            if len(path) == 1 and not function.get("catalog") and not function.get("schema"):
                return
            name = ".".join(path)
        close = nearest(name, sorted(one for one in allowed if one[:1].isalpha()), 0.75)
        hint = f"Did you mean {close}?" if close else "Functions of values are, as lower or round."
        if name.lower() in TABLES:
            hint = f"It stands in FROM: SELECT … FROM {name}(…)."
        elif name.lower() in SCALARS:
            hint = "It stands in the SELECT list or a condition, not in FROM."
        message = f"The function {name[:80]} is not available in an app's SQL"
        raise invalid_sql(message, hint, self._where(node))

    def _check_values(self) -> None:
        """Every value is a parameter, and every parameter a value."""
        places = set(self._statement.places)
        for place in self._places:
            if place not in places:
                raise invalid_sql(
                    "A parameter without a value",
                    "Put the value where it belongs: WHERE total > ${least}.",
                    self._statement.where(place),
                )
        missing = sorted(places.difference(self._places))
        if missing:
            raise invalid_sql(
                "A value stands inside quotes or a comment",
                "Leave the quotes out: WHERE status = ${status}. For a part of a text: "
                "LIKE ${'%' + part + '%'}.",
                self._statement.where(missing[0]),
            )

    def _refused(self, message: str, node: dict[str, Any]) -> Exception:
        return invalid_sql(
            message, "Write it with SELECT, joins and subqueries.", self._where(node)
        )

    def _where(self, node: dict[str, Any]) -> Json:
        place = node.get("query_location", _NOWHERE)
        if not isinstance(place, int) or place >= _NOWHERE:
            return None
        return self._statement.where(self._characters(place))

    def _characters(self, offset: int) -> int:
        """The place of a byte of the text, in characters."""
        text = self._statement.text
        if text.isascii():
            return offset
        return len(text.encode()[:offset].decode("utf-8", "ignore"))
