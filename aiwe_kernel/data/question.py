"""What a person types to ask for data: a filter as in JavaScript, or SQL.

A filter is read as JSON5, a JavaScript object literal without expressions: names and single quotes
as in a program, but nothing that runs. The braces may be left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from aiwe_kernel.errors import CellError, cell_error

MOST = 1000  # documents on a page
_OPTIONS = {
    "limit": f"a whole number up to {MOST}",
    "offset": "a whole number",
    "sort": 'text such as "-price", or { price: -1 }',
    "fields": 'a list such as ["title", "price"]',
}
_HINT = 'Write values, as in { status: "open", price: { $gt: 5 } }, or a SELECT.'
_SQL = re.compile(r"\s*(?:select|with|from)\b(?!\s*:)", re.IGNORECASE)  # and no field of that name
_PLACE = re.compile(r"<string>:(\d+) (.*?)(?: at column (\d+))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Filter:
    """Some documents of one collection.

    Attributes:
        where: as `DataRepository.query` takes it, without options.
        options: those of its options that stood inside.
    """

    where: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sql:
    """A SELECT over all collections."""

    text: str


def is_sql(line: str) -> bool:
    """Whether a line begins as a SELECT does."""
    return _SQL.match(line) is not None


def read_question(line: str) -> Filter | Sql:
    """What was asked; an empty line asks for everything.

    Raises:
        CellError: `invalid_filter`, with the place of the mistake.
    """
    if is_sql(line):
        return Sql(line.strip())
    text = line.strip().rstrip(";")
    if not text:
        return Filter()
    if not text.startswith("{"):
        text = f"{{{text}}}"
    given = _literal(text)
    options = {name: given.pop(name) for name in _OPTIONS if name in given}
    for name, value in options.items():
        if not _fits(name, value):
            hint = f"For a field of that name write $and: [{{ {name}: … }}]."
            raise _mistake(f"{name} takes {_OPTIONS[name]}", hint)
    return Filter(given, options)


def _fits(name: str, value: Any) -> bool:
    match name:
        case "sort":
            return isinstance(value, str | dict)
        case "fields":
            return isinstance(value, list)
        case _:
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
            return whole and (name == "offset" or value <= MOST)


def _literal(text: str) -> dict[str, Any]:
    import json5  # 20 ms that no other cell needs

    try:
        value = json5.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _mistake("The filter is nested too deeply") from None
    except ValueError as error:
        raise _mistake(f"The filter cannot be read: {_what(str(error), text)}") from None
    if not isinstance(value, dict):
        raise _mistake("A filter is an object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a value of JSON")


def _what(message: str, text: str) -> str:
    """The parser's words, with the text around the place that it means."""
    place = _PLACE.fullmatch(message)
    if place is None:
        return message
    what = place[2][:1].lower() + place[2][1:]
    if not place[3] or "\n" in text:
        return what
    column = int(place[3]) - 1
    before = text[max(0, column - 20) : column]
    return f"{what} after `{before}`" if before else what


def _mistake(message: str, hint: str = _HINT) -> CellError:
    error = {"name": "FilterError", "code": "invalid_filter", "message": message, "hint": hint}
    return cell_error(error)
