"""What an author's statement may touch: decided on the tree that PostgreSQL's own parser makes of it.

The statement becomes the body of a function that is never called, which has it parsed and every name in
it resolved. Then it is known by number which relations, functions and operators it means. Relations are
the views made for it; functions those of values, built in. The role under which it runs, which has no
right but to read these views, and a transaction that only reads stand behind that.

A collection may be called `pg_proc`: what is asked here of the catalog is named with its schema.
"""

from __future__ import annotations

import re

from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.store.statement import Statement, invalid_sql, unknown_collection

ONLY_READS = "SQL reads: to change documents use create, update, modify or delete."
HEAD, TAIL = "SELECT * FROM (\n", "\n) AS found"
_FUNCTION = "pg_temp.aiwe_statement"
_FIRST_OWN = 16_384  # numbers of what is not built in begin here

_COMMANDS = re.compile(r"\{QUERY :commandType (\d+)")
_RELATIONS = re.compile(r":relid (\d+)")
_CALLS = re.compile(r":(?:funcid|aggfnoid|winfnoid) (\d+)")
_OPERATORS = re.compile(r":(?:opno|sortop|eqop) (\d+)")
_CONVERTED = re.compile(r"\{(?:COERCEVIAIO|ARRAYCOERCEEXPR|COERCETODOMAIN) .*?:resulttype (\d+)")
_SAID = re.compile(r"\{SQLVALUEFUNCTION :op (\d+)")
_TIMES = 8  # up to here these are CURRENT_DATE and its like; then come names of users and schemas
_PARAMETERS = re.compile(r":paramid (\d+)")
# Whose value comes of their arguments alone, but for those that make a gigabyte of a few bytes; and some
# more: what tells the time or depends on its zone, makes JSON, or is random.
_REFUSED = """
SELECT proname FROM pg_catalog.pg_proc WHERE oid = ANY($1::pg_catalog.oid[]) AND NOT (oid < $2::pg_catalog.oid AND (
    provolatile = 'i' AND proname <> ALL($3::pg_catalog.text[]) OR proname = ANY($4::pg_catalog.text[])
)) LIMIT 1
"""
_HEAVY = ["array_fill", "repeat", "lpad", "rpad", "format"]
_MORE = [
    "age",
    "clock_timestamp",
    "date",
    "date_add",
    "date_bin",
    "date_part",
    "date_subtract",
    "date_trunc",
    "extract",
    "make_timestamptz",
    "now",
    "statement_timestamp",
    "time",
    "timeofday",
    "timestamp",
    "timestamptz",
    "timetz",
    "timezone",
    "to_char",
    "to_date",
    "to_timestamp",
    "transaction_timestamp",
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "json_agg",
    "json_array",
    "json_arrayagg",
    "json_build_array",
    "json_build_object",
    "json_object",
    "json_object_agg",
    "json_objectagg",
    "json_to_record",
    "json_to_recordset",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "jsonb_path_exists_tz",
    "jsonb_path_query_tz",
    "jsonb_to_record",
    "jsonb_to_recordset",
    "row_to_json",
    "string_agg",
    "to_json",
    "to_jsonb",
    "array_agg",
    "generate_series",
    "gen_random_uuid",
    "random",
    "uuidv4",
    "uuidv7",
]


def before(types: list[str]) -> str:
    """What comes before the statement where it is looked at."""
    arguments = ", ".join(types)
    return (
        f"CREATE FUNCTION {_FUNCTION}({arguments}) RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC "
    )


async def check(
    connection: Connection,
    statement: Statement,
    text: str,
    types: list[str],
    views: dict[int, str],
    known: list[str],
) -> set[str]:
    """Refuses what is more than a SELECT on some views; the names of those that it means.

    Args:
        connection: in the transaction in which the views are.
        statement: the author's.
        text: as it will run.
        types: of its parameters.
        views: the names of the views that were made for it, by their numbers.
        known: the collections that there are.

    Raises:
        RequestError: `invalid_sql`, `unknown_collection`.
    """
    whole = f"{before(types)}{HEAD}{text}{TAIL}; END"
    await connection.execute(whole.encode(), prepare=True)  # which one statement only can be
    found = await connection.execute(
        "SELECT prosqlbody::pg_catalog.text FROM pg_catalog.pg_proc WHERE proname = 'aiwe_statement' "
        "AND pronamespace = pg_my_temp_schema()"
    )
    row = await found.fetchone()
    tree = row[0] if row else ""
    if set(_COMMANDS.findall(tree)) != {"1"}:
        raise invalid_sql("Only SELECT statements can be asked", ONLY_READS)
    relations = {int(number) for number in _RELATIONS.findall(tree)} - {0}
    strange = sorted(relations - views.keys())
    if strange:
        names = await connection.execute(
            "SELECT relname FROM pg_catalog.pg_class WHERE oid = $1", strange[:1]
        )
        raise unknown_collection(str((await names.fetchone() or ("?",))[0]), known)
    await _check_calls(connection, tree)
    _check_values(statement, {int(number) for number in _PARAMETERS.findall(tree)})
    return {views[number] for number in relations}


async def _check_calls(connection: Connection, tree: str) -> None:
    calls = sorted({int(number) for number in _CALLS.findall(tree)} - {0})
    refused = await (
        await connection.execute(_REFUSED, [calls, _FIRST_OWN, _HEAVY, _MORE])
    ).fetchone()
    if refused is not None:
        raise invalid_sql(
            f"The function {refused[0]} is not available in an app's SQL",
            "Functions of values are, as lower or round.",
        )
    if any(int(number) > _TIMES for number in _SAID.findall(tree)):
        raise invalid_sql("The names of users and schemas are none of an app's", "Leave them out.")
    others = {int(number) for number in (*_OPERATORS.findall(tree), *_CONVERTED.findall(tree))}
    if any(number >= _FIRST_OWN for number in others):
        raise invalid_sql(
            "The statement uses an operator or a type that is not PostgreSQL's own",
            "Use those that are built in.",
        )


def _check_values(statement: Statement, present: set[int]) -> None:
    """Every value is a parameter."""
    for number, (place, value) in enumerate(
        zip(statement.places, statement.parameters, strict=True), start=1
    ):
        if value is not None and number not in present:
            raise invalid_sql(
                "A value stands inside quotes or a comment",
                "Leave the quotes out: WHERE status = ${status}. For a part of a text: "
                "LIKE ${'%' + part + '%'}.",
                statement.where(place),
            )
