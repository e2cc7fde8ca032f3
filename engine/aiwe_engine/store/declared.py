"""The fields of which a definition says so much that a database can have columns for them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from aiwe_engine.store.definitions import Definition

Kind: TypeAlias = Literal["VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN", "JSON"]

MOST = 64  # of one collection
_OWN = ("id", "version", "createdAt", "updatedAt")
_TYPES: dict[str, Kind] = {
    "string": "VARCHAR",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
}


def wanted(definition: Definition) -> dict[str, Kind]:
    """The fields that shall have columns, each with its type."""
    found: dict[str, Kind] = {}
    for field, schema in definition.properties().items():
        kind = _kind(schema)
        if kind is not None and field not in _OWN and _is_plain(field):
            found[field] = kind
    flags = [name for name in ("tenant", "owner") if getattr(definition, name)]
    indexed = [".".join(path) for key in definition.index for path in key]
    for field in (*flags, *indexed):
        if field not in _OWN:
            found.setdefault(field, "JSON")
    return dict(list(found.items())[:MOST])


def _is_plain(field: str) -> bool:
    """Whether a name means the same in a schema and in a filter."""
    return 0 < len(field) <= 100 and "." not in field and "\0" not in field


def _kind(schema: Any) -> Kind | None:
    types = schema.get("type") if isinstance(schema, dict) else None
    if types is None and isinstance(schema, dict):
        return _kind_of_values(schema)
    names = [types] if isinstance(types, str) else types
    scalars = [name for name in names if name != "null"] if isinstance(names, list) else []
    if sorted(scalars) == ["integer", "number"]:
        return "DOUBLE"
    return _TYPES.get(scalars[0]) if len(scalars) == 1 else None


def _kind_of_values(schema: dict[str, Any]) -> Kind | None:
    """The type of an `enum` or a `const` of strings or booleans."""
    values = schema["enum"] if isinstance(schema.get("enum"), list) else [schema.get("const")]
    types = {type(value) for value in values if value is not None}
    kinds: dict[type, Kind] = {str: "VARCHAR", bool: "BOOLEAN"}
    return kinds.get(types.pop()) if len(types) == 1 else None
