"""What a program asks for, as a tree that names no database.

`DataRepository` takes filters as JSON: `{ status: "open", age: { $gte: 18 }, $or: [ … ] }`. Here
they become conditions, checked, with a message that names the operator and the nearest right one.
A store turns conditions into its own language.

Values compare with values of their own type only: the number 5 is never the string "5".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from aiwe_engine.errors import RequestError
from aiwe_engine.types import Json

Path: TypeAlias = tuple[str, ...]
Scalar: TypeAlias = bool | int | float | str | None
Order: TypeAlias = Literal[">", ">=", "<", "<="]

DEEPEST = 20
MOST_CONDITIONS = 200
MOST_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class Equals:
    """The field is this scalar; for null: it is null or missing."""

    path: Path
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field is one of these scalars."""

    path: Path
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Compares:
    """The field stands in this order to a number or a string."""

    path: Path
    order: Order
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Like:
    """The field is a string that matches an SQL pattern (% any characters, _ one)."""

    path: Path
    pattern: str
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Contains:
    """The field is an array with this element, or a string with this part."""

    path: Path
    value: Scalar


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there, though it may be null."""

    path: Path


@dataclass(frozen=True, slots=True)
class Sized:
    """The field is an object or array of so many members."""

    path: Path
    kind: Literal["object", "array"]
    size: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    condition: Condition


Condition: TypeAlias = (
    Equals | OneOf | Compares | Like | Contains | Exists | Sized | AllOf | AnyOf | Not
)

EVERYTHING = AllOf(())


def parse(where: Json) -> Condition:
    """The condition that a filter states.

    Raises:
        RequestError: `invalid_filter`.
    """
    if where is None:
        return EVERYTHING
    return _Parser().filter(where, 0)


def path_of(name: str) -> Path:
    """The steps of a dotted field name.

    Raises:
        RequestError: `invalid_filter`.
    """
    steps = tuple(name.split("."))
    if not all(steps) or len(steps) > DEEPEST or "\0" in name:
        raise invalid(
            f'"{name}" is not a field name', 'Write a field, or a path such as "address.city".'
        )
    return steps


def invalid(message: str, hint: str) -> RequestError:
    """The error for a filter or an option that cannot be understood."""
    return RequestError(message, code="invalid_filter", hint=hint)


def nearest(name: str, known: list[str]) -> str:
    """A hint that offers the known names nearest to a misspelt one, or all of them."""
    close = get_close_matches(name.lower(), known, n=2, cutoff=0.6)
    return f"Did you mean {' or '.join(close)}?" if close else f"There are {', '.join(known)}."


class _Parser:
    """One filter on its way to a condition; counts what it makes."""

    def __init__(self) -> None:
        self._made = 0
        self._values = 0  # in lists

    def filter(self, where: Json, depth: int) -> Condition:
        if not isinstance(where, dict):
            raise invalid(
                "A filter is an object", 'Write { status: "open" }, or {} for all documents.'
            )
        if depth > DEEPEST:
            raise invalid(f"The filter is nested over {DEEPEST} deep", "Flatten it.")
        return _all([self._entry(name, value, depth) for name, value in where.items()])

    def _entry(self, name: str, value: Json, depth: int) -> Condition:
        if name == "$not":
            return Not(self.filter(value, depth + 1))
        if name in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise invalid(
                    f"{name} takes a list of filters", f"Write {name}: [{{ … }}, {{ … }}]."
                )
            parts = tuple(self.filter(part, depth + 1) for part in value)
            return AllOf(parts) if name == "$and" else AnyOf(parts)
        if name.startswith("$"):
            hint = nearest(name, ["$and", "$or", "$not"])
            if name in FIELD_OPERATORS:
                hint = f"{name} stands below a field: {{ field: {{ {name}: … }} }}."
            raise invalid(f"{name} is not known at this place of a filter", hint)
        return self._field(path_of(name), value, depth)

    def _field(self, path: Path, value: Json, depth: int) -> Condition:
        if not isinstance(value, dict) or not any(key.startswith("$") for key in value):
            return self._equal(path, value, depth)
        return _all([self._operator(path, key, operand, depth) for key, operand in value.items()])

    def _operator(self, path: Path, name: str, operand: Json, depth: int) -> Condition:
        self._count()
        if name == "$eq":
            return self._equal(path, operand, depth)
        if name == "$ne":
            return Not(self._equal(path, operand, depth))
        if name == "$not":
            if not isinstance(operand, dict):
                raise _operand(path, name, "operators", "{ $gt: 5 }")
            return Not(self._field(path, operand, depth + 1))
        make = _OPERATORS.get(name)
        if make is None:
            if not name.startswith("$"):
                raise invalid(
                    f'"{name}" stands beside operators of "{".".join(path)}"',
                    "A field is compared either with a value or by operators, not both.",
                )
            hint = _ELSEWHERE.get(name) or nearest(name, FIELD_OPERATORS)
            raise invalid(f"{name} is not an operator", hint)
        if isinstance(operand, list):
            self._values += len(operand)
            if self._values > MOST_VALUES:
                raise invalid(
                    f"$in and $nin of a filter take at most {MOST_VALUES:,} values together",
                    "Ask in portions.",
                )
        return make(path, name, operand)

    def _equal(self, path: Path, value: Json, depth: int) -> Condition:
        """Equality reaches into objects and arrays; the order of an object's keys is free."""
        self._count()
        if not isinstance(value, dict | list):
            return Equals(path, value)
        if depth > DEEPEST:
            raise invalid(f"The filter is nested over {DEEPEST} deep", "Flatten it.")
        if isinstance(value, dict):
            members = [((*path, name), inner) for name, inner in value.items()]
            parts: list[Condition] = [Sized(path, "object", len(members))]
        else:
            members = [((*path, str(index)), inner) for index, inner in enumerate(value)]
            parts = [Sized(path, "array", len(members))]
        for inner_path, inner in members:
            parts.append(self._equal(inner_path, inner, depth + 1))
            if inner is None:
                parts.append(Exists(inner_path))
        return AllOf(tuple(parts))

    def _count(self) -> None:
        self._made += 1
        if self._made > MOST_CONDITIONS:
            raise invalid(
                f"The filter has over {MOST_CONDITIONS:,} conditions",
                "Use $in for many values of one field.",
            )


def _all(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _operand(path: Path, name: str, wanted: str, example: str) -> RequestError:
    field = ".".join(path)
    return invalid(f'{name} of "{field}" takes {wanted}', f"Write {{ {field}: {example} }}.")


def _compares(order: Order) -> Callable[[Path, str, Json], Condition]:
    def make(path: Path, name: str, operand: Json) -> Condition:
        if isinstance(operand, bool) or not isinstance(operand, int | float | str):
            raise _operand(path, name, "a number or a string", f"{{ {name}: 5 }}")
        return Compares(path, order, operand)

    return make


def _one_of(path: Path, name: str, operand: Json) -> Condition:
    if not isinstance(operand, list) or any(isinstance(item, dict | list) for item in operand):
        raise _operand(path, name, "a list of plain values", f'{{ {name}: ["a", "b"] }}')
    found = OneOf(path, tuple(operand))
    return found if name == "$in" else Not(found)


def _like(path: Path, name: str, operand: Json) -> Condition:
    if not isinstance(operand, str):
        raise _operand(path, name, "a pattern", f'{{ {name}: "A%" }}')
    return Like(path, operand, any_case=name == "$ilike")


def _exists(path: Path, name: str, operand: Json) -> Condition:
    if not isinstance(operand, bool):
        raise _operand(path, name, "true or false", f"{{ {name}: true }}")
    return Exists(path) if operand else Not(Exists(path))


def _contains(path: Path, name: str, operand: Json) -> Condition:
    if isinstance(operand, dict | list):
        raise _operand(path, name, "one plain value", f'{{ {name}: "a" }}')
    return Contains(path, operand)


_OPERATORS: dict[str, Callable[[Path, str, Json], Condition]] = {
    "$gt": _compares(">"),
    "$gte": _compares(">="),
    "$lt": _compares("<"),
    "$lte": _compares("<="),
    "$in": _one_of,
    "$nin": _one_of,
    "$like": _like,
    "$ilike": _like,
    "$exists": _exists,
    "$contains": _contains,
}

_ELSEWHERE = {  # what other databases call it
    "$regex": 'Use $like: "A%" begins with A, "%a%" has an a in it; $ilike takes large letters for small.',
    "$startsWith": 'Use $like: "A%".',
    "$endsWith": 'Use $like: "%a".',
    "$elemMatch": "Use $contains for an element that is a plain value.",
    "$all": "Use $and with a $contains for each element.",
    "$size": "Keep the number in a field of its own.",
    "$between": "Use $gte and $lte together.",
}

FIELD_OPERATORS = ["$eq", "$ne", "$not", *_OPERATORS]
