"""What may be asked about accounts: what a program sees of a person, and nothing else.

A filter or an order on a hash would tell it bit by bit, so fields are allowed by name; whatever is not
listed here cannot be asked about.
"""

from __future__ import annotations

from typing import Any

from aiwe_engine.errors import RequestError

FIELDS = ("id", "username", "email", "roles", "claims", "tenant", "createdAt", "updatedAt")
_OPTIONS = frozenset({"limit", "offset", "cursor"})
_GROUPS = frozenset({"$and", "$or", "$not"})
_DEEPEST = 40


def check(where: Any, options: Any) -> list[str] | None:
    """Refuses a question about anything that is not told; the fields that are wanted, None for all.

    Raises:
        RequestError: `invalid_filter`.
    """
    given = {**where} if isinstance(where, dict) else {}
    given |= options if isinstance(options, dict) else {}
    _sort(given.get("sort"))
    fields = given.get("fields")
    if isinstance(fields, list):
        for name in fields:
            _name(name)
    if isinstance(where, dict):
        asked = {
            name: value
            for name, value in where.items()
            if name not in {*_OPTIONS, "sort", "fields"}
        }
        _where(asked, 0)
    return fields if isinstance(fields, list) else None


def whole(given: Any) -> Any:
    """A question without the fields that are wanted: accounts are read whole."""
    if isinstance(given, dict):
        return {name: value for name, value in given.items() if name != "fields"}
    return given


def _where(where: Any, depth: int) -> None:
    if depth > _DEEPEST:
        return  # deeper than the store takes
    if isinstance(where, list):
        for one in where:
            _where(one, depth + 1)
    elif isinstance(where, dict):
        for name, value in where.items():
            if name in _GROUPS:
                _where(value, depth + 1)
            else:
                _name(name)


def _sort(sort: Any) -> None:
    names: list[Any] = []
    if isinstance(sort, str):
        names = [name.strip().lstrip("+-") for name in sort.split(",")]
    elif isinstance(sort, dict):
        names = [*sort]
    for name in names:
        if name not in {"", "recent"}:
            _name(name)


def _name(name: Any) -> None:
    root = name.partition(".")[0] if isinstance(name, str) else ""
    if root not in FIELDS:
        raise RequestError(
            f'Auth.users knows no field "{str(name)[:80]}".',
            code="invalid_filter",
            hint=f"There are: {', '.join(FIELDS)}.",
        )
