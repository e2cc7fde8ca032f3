"""The SQL of an author: the pieces of a template, and the values that stand between them.

Values never become text: each is a parameter, which the database tells from SQL. An array in
`IN (${ids})` becomes a list of parameters. Where something is wrong, it is said in lines and columns
of the author's own text, in which a value is `${…}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.types import Json

LONGEST = 100_000  # characters
MOST_VALUES = 10_000
VALUE = "${…}"  # what stands for a value where the text is shown

_LIST_BEFORE = re.compile(r"\bIN\s*\(\s*\Z", re.IGNORECASE)
_LIST_AFTER = re.compile(r"\A\s*\)")


@dataclass(frozen=True, slots=True)
class Statement:
    """A template as one text of a database.

    Attributes:
        text: the pieces, with a mark for each parameter between them.
        parameters: their values.
        places: where in `text` each mark begins.
    """

    text: str
    parameters: list[Any]
    places: tuple[int, ...]
    _spans: tuple[tuple[int, int], ...]  # of what stands between two pieces
    _shown: str

    def where(self, offset: int) -> dict[str, Json]:
        """The line and the column, from 1, that a place in `text` has in the author's own."""
        shown = offset
        for begin, end in self._spans:
            if offset <= begin:
                break
            shown += len(VALUE) - (min(offset, end) - begin)
        before = self._shown[:shown]
        line = before.count("\n") + 1
        return {"line": line, "column": shown - (before.rfind("\n") + 1) + 1}


def compose(
    texts: list[str], values: list[Any], mark: Callable[[int], str], nothing: str
) -> Statement:
    """The statement that a template states.

    Args:
        texts: the pieces, one more than values.
        values: what stands between them.
        mark: a parameter in the database's SQL, by its number from 1.
        nothing: what stands for no values in `IN (…)`, so that nothing is found.

    Raises:
        RequestError: `invalid_sql`.
    """
    texts = [*texts[:-1], texts[-1].rstrip("; \t\r\n")] if texts else [""]
    if not any(text.strip() for text in texts):
        raise invalid_sql("The statement is empty", "Write SELECT … FROM a collection.")
    text = texts[0]
    parameters: list[Any] = []
    places: list[int] = []
    spans: list[tuple[int, int]] = []
    for number, value in enumerate(values):
        begin = len(text)
        if _is_list(texts, number) and isinstance(value, list):
            for item in value:
                text += ", " if len(text) > begin else ""
                places.append(len(text))
                parameters.append(item)
                text += mark(len(parameters))
            text += "" if value else nothing
        else:
            places.append(len(text))
            parameters.append(value)
            text += mark(len(parameters))
        spans.append((begin, len(text)))
        text += texts[number + 1]
    if len(parameters) > MOST_VALUES:
        raise invalid_sql(
            f"The statement has over {MOST_VALUES:,} values", "Ask in portions, or join instead."
        )
    if sum(map(len, texts)) > LONGEST:
        raise invalid_sql(
            f"The statement has over {LONGEST:,} characters", "Pass data as values: ${…}."
        )
    return Statement(text, parameters, tuple(places), tuple(spans), VALUE.join(texts))


def invalid_sql(message: str, hint: str, details: Json = None) -> RequestError:
    """The error for a statement that cannot be done. `details`: its line and column."""
    return RequestError(message, code="invalid_sql", hint=hint, details=details)


def unknown_collection(name: str, known: list[str], details: Json = None) -> RequestError:
    """The error for a table that is no collection of the scope, with those of a like name."""
    close = nearest(name, known)
    hint = f"Did you mean {close}?" if close else "A collection is made by its first document."
    return RequestError(
        f'There is no collection "{name[:80]}"',
        code="unknown_collection",
        hint=hint,
        details=details,
    )


def nearest(name: str, known: list[str], likeness: float = 0.6) -> str:
    """The known names that look like one that is unknown: `a or b`; empty where none does."""
    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), list(by_lower), n=2, cutoff=likeness)
    return " or ".join(by_lower[one] for one in close)


def _is_list(texts: list[str], number: int) -> bool:
    """Whether a value stands alone in the brackets of an IN."""
    before, after = texts[number], texts[number + 1]
    return bool(_LIST_BEFORE.search(before)) and bool(_LIST_AFTER.match(after))
