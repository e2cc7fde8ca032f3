"""Which part of the found documents is wanted, and in which order: limit, offset, cursor, sort, fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from aiwe_engine.store.filters import Path, invalid, nearest, path_of
from aiwe_engine.types import Json

OPTIONS = ("limit", "offset", "cursor", "sort", "fields")
MOST = 1_000_000_000
MOST_KEYS = 32
MOST_FIELDS = 1_000
_DIRECTION = re.compile(r"[-+]?(\S+?)(?:\s+|:)(asc|desc)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SortKey:
    """One field to sort by. Documents without it come last in both directions."""

    path: Path
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The options of a query. Without `sort`: in the order of creation. Ties by id.

    Attributes:
        limit: how many documents at most.
        offset: how many are left out first.
        sort: by what.
        fields: which are wanted; None: all.
        cursor: as it was given.
        after: the place after which to begin, as `cursor.position` has it.
    """

    limit: int | None = None
    offset: int = 0
    sort: tuple[SortKey, ...] = ()
    fields: tuple[Path, ...] | None = None
    cursor: str | None = None
    after: tuple[Json, ...] | None = None

    @property
    def order(self) -> tuple[SortKey, ...]:
        """A total order: what was asked for, then the id.

        Made ids are times, so they follow the direction of a last `createdAt`: the newest of one
        millisecond is the newest.
        """
        keys = self.sort or (SortKey(("createdAt",)),)
        last = keys[-1]
        if last.path == ("id",):
            return keys
        return (*keys, SortKey(("id",), last.descending and last.path == ("createdAt",)))


def split(where: Json, options: Json) -> tuple[Json, dict[str, Any]]:
    """The filter of a query without the options that stand inside it, and all its options.

    Raises:
        RequestError: `invalid_filter` where an option is given twice or is none.
    """
    found: dict[str, Any] = {}
    if options is not None:
        if not isinstance(options, dict):
            raise invalid("The options of a query are an object", "Write { limit: 10 }.")
        found.update(options)
    if isinstance(where, dict) and not where.keys().isdisjoint(OPTIONS):
        inside = {name: value for name, value in where.items() if name in OPTIONS}
        for name in inside.keys() & found.keys():
            raise invalid(f"{name} is given twice", f"Leave {name} in the options only.")
        found.update(inside)
        where = {name: value for name, value in where.items() if name not in OPTIONS}
    return where, found


def select(options: dict[str, Any]) -> Selection:
    """The selection that the options of a query state.

    Raises:
        RequestError: `invalid_filter`.
    """
    for name in options:
        if name not in OPTIONS:
            raise invalid(f'"{name}" is not an option of a query', nearest(name, list(OPTIONS)))
    return Selection(
        limit=_whole("limit", options.get("limit")),
        offset=_whole("offset", options.get("offset")) or 0,
        sort=_sort(options.get("sort")),
        fields=_fields(options.get("fields")),
        cursor=_cursor(options.get("cursor")),
    )


def _whole(name: str, value: Json) -> int | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    hint = f"Write {name}: 10. To compare a field named {name}: {{ $and: [{{ {name}: … }}] }}."
    raise invalid(f"{name} takes a whole number from 0", hint)


def _cursor(value: Json) -> str | None:
    if value is None or value == "":  # as a form or an address sends it for the first page
        return None
    if isinstance(value, str):
        return value
    raise invalid("cursor takes a string", "Pass on the `cursor` of the array of the page before.")


def _sort(value: Json) -> tuple[SortKey, ...]:
    if value in (None, "", {}):
        return ()
    if isinstance(value, str):
        names = ["-createdAt" if name.strip() == "recent" else name for name in value.split(",")]
        keys = [_key(name.strip()) for name in names]
    elif isinstance(value, dict) and all(direction in (1, -1) for direction in value.values()):
        keys = [SortKey(path_of(name), value[name] == -1) for name in value]
    else:
        raise invalid(
            "sort cannot be understood",
            'Write "price", "-price", "status,-price", { price: -1 } or "recent".',
        )
    if len(keys) > MOST_KEYS:
        raise invalid(f"sort takes at most {MOST_KEYS} fields", "Leave some out.")
    return tuple(keys)


def _key(name: str) -> SortKey:
    worded = _DIRECTION.fullmatch(name)
    if worded:
        field, direction = worded.groups()
        right = f"-{field}" if direction.lower() == "desc" else field
        raise invalid(f'"{name}" is not a field to sort by', f'Write sort: "{right}".')
    if name.startswith("-"):
        return SortKey(path_of(name[1:]), descending=True)
    return SortKey(path_of(name.removeprefix("+")))


def _fields(value: Json) -> tuple[Path, ...] | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) > MOST_FIELDS:
        raise invalid(f"fields takes at most {MOST_FIELDS:,} names", "Leave fields out for all.")
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(path_of(str(name)) for name in value)
    raise invalid("fields takes a list of field names", 'Write fields: ["title", "price"].')
