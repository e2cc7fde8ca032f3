"""Changes inside a document, stated as operators: `{ $inc: { views: 1 }, $push: { tags: "new" } }`.

They are done where the document is written, so nothing is read before and nothing can come between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.store.filters import Path, nearest, path_of
from aiwe_engine.types import Json

_ENGINE = ("id", "version", "createdAt", "updatedAt")


@dataclass(frozen=True, slots=True)
class Step:
    """One operator on one field."""

    operator: str
    path: Path
    operand: Any  # JSON, of the operator's type


def parse(change: Json) -> list[Step]:
    """The steps that a change states.

    Raises:
        RequestError: `invalid_change`, or `invalid_filter` for what is no field name.
    """
    if not isinstance(change, dict) or not change:
        raise _invalid("modify takes an object of operators", "Write { $inc: { views: 1 } }.")
    steps = []
    for operator, fields in change.items():
        if operator not in _OPERATORS:
            hint = _ELSEWHERE.get(operator) or nearest(operator, list(_OPERATORS))
            if not operator.startswith("$"):
                hint = f"Write {{ $set: {{ {operator}: … }} }}, or use update."
            raise _invalid(f"{operator} is not an operator of modify", hint)
        steps += [_step(operator, name, operand) for name, operand in _fields(operator, fields)]
    return steps


def modify(document: dict[str, Any], steps: list[Step]) -> None:
    """Does the steps, in order, in the document.

    Raises:
        RequestError: `invalid_change` where a field is not what an operator works on.
    """
    for step in steps:
        holder = _holder(document, step)
        if holder is not None:
            _OPERATORS[step.operator](holder, step)


def _fields(operator: str, fields: Json) -> Iterable[tuple[str, Json]]:
    if isinstance(fields, dict):
        return fields.items()
    if operator == "$unset" and isinstance(fields, list):
        return [(str(name), None) for name in fields]
    raise _invalid(
        f"{operator} takes an object of fields", f"Write {{ {operator}: {{ field: … }} }}."
    )


def _step(operator: str, name: str, operand: Json) -> Step:
    path = path_of(name)
    if path[0] in _ENGINE:
        raise _invalid(f"{path[0]} is the engine's", "Leave it out.")
    if operator == "$inc" and not _is_number(operand):
        raise _invalid(f'$inc of "{name}" takes a number', f"Write {{ $inc: {{ {name}: 1 }} }}.")
    if operator in ("$push", "$pull") and isinstance(operand, dict):
        within = next((key for key in operand if key.startswith("$")), None)
        if within is not None:
            raise _invalid(
                f'{operator} of "{name}" takes one value; it knows no {within}',
                "For several values get the document and update the array, in a transaction.",
            )
    if operator in ("$min", "$max") and not (_is_number(operand) or isinstance(operand, str)):
        raise _invalid(
            f'{operator} of "{name}" takes a number or a string',
            f"Write {{ {operator}: {{ {name}: 5 }} }}.",
        )
    return Step(operator, path, operand)


def _holder(document: dict[str, Any], step: Step) -> dict[str, Any] | None:
    """The object that holds the field; made on the way, but not to take something away."""
    holder = document
    for name in step.path[:-1]:
        inner = holder.get(name)
        if inner is None:
            if step.operator in ("$unset", "$pull"):
                return None
            inner = holder[name] = {}
        if not isinstance(inner, dict):
            raise _unfit(step, "lies in an object", inner)
        holder = inner
    return holder


def _set(holder: dict[str, Any], step: Step) -> None:
    holder[step.path[-1]] = step.operand


def _unset(holder: dict[str, Any], step: Step) -> None:
    holder.pop(step.path[-1], None)


def _inc(holder: dict[str, Any], step: Step) -> None:
    name = step.path[-1]
    present = holder.get(name)
    if present is None:
        present = 0
    if not _is_number(present):
        raise _unfit(step, "is a number", present)
    holder[name] = present + step.operand


def _push(holder: dict[str, Any], step: Step) -> None:
    name = step.path[-1]
    present = holder.get(name)
    if present is not None and not isinstance(present, list):
        raise _unfit(step, "is an array", present)
    holder[name] = [*(present or []), step.operand]


def _pull(holder: dict[str, Any], step: Step) -> None:
    name = step.path[-1]
    present = holder.get(name)
    if present is None:
        return
    if not isinstance(present, list):
        raise _unfit(step, "is an array", present)
    holder[name] = [member for member in present if not _same(member, step.operand)]


def _least(holder: dict[str, Any], step: Step) -> None:
    _extreme(holder, step, lambda present, operand: operand < present)


def _greatest(holder: dict[str, Any], step: Step) -> None:
    _extreme(holder, step, lambda present, operand: operand > present)


def _extreme(holder: dict[str, Any], step: Step, better: Callable[[Any, Any], bool]) -> None:
    name = step.path[-1]
    present = holder.get(name)
    if present is not None and (
        isinstance(present, str) != isinstance(step.operand, str)
        or not (isinstance(present, str) or _is_number(present))
    ):
        raise _unfit(step, "is of the type of what it is compared with", present)
    if present is None or better(present, step.operand):
        holder[name] = step.operand


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: True is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unfit(step: Step, wanted: str, present: Json) -> RequestError:
    kind = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}.get(
        type(present), "a number"
    )
    return _invalid(
        f'{step.operator} works where "{".".join(step.path)}" {wanted}; here it meets {kind}',
        "Set the field to a value of the right type first, or use $set.",
    )


def _invalid(message: str, hint: str) -> RequestError:
    return RequestError(message, code="invalid_change", hint=hint)


_IN_TRANSACTION = "Get the document and update the field, in DataRepository.transaction."
_ELSEWHERE = dict.fromkeys(("$addToSet", "$mul", "$rename", "$pop", "$pullAll"), _IN_TRANSACTION)
_OPERATORS: dict[str, Callable[[dict[str, Any], Step], None]] = {
    "$inc": _inc,
    "$push": _push,
    "$pull": _pull,
    "$set": _set,
    "$unset": _unset,
    "$min": _least,
    "$max": _greatest,
}
