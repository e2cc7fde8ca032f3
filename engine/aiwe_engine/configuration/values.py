"""One value of one setting: what it may be written as, what it must be, how it is shown.

A file has typed values; an environment variable or an option has text. Sizes and times may carry a
unit in each of them: "10MB", "500ms".
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal

from aiwe_engine.configuration.mistakes import suggest
from aiwe_engine.settings import GB, KB, MB, Row

#: Where a value stands: a file has types, a variable JSON lists, an option lists with commas too.
Form = Literal["file", "variable", "option"]

DAY = 86_400.0

_NUMBER = re.compile(r"(-?\d{1,30}(?:\.\d{1,30})?)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
_SIZES = {
    "b": 1,
    **dict.fromkeys(("k", "kb", "kib"), KB),
    **dict.fromkeys(("m", "mb", "mib"), MB),
    **dict.fromkeys(("g", "gb", "gib"), GB),
}
_TIMES = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": DAY}
_UNITS: dict[str, dict[str, Any]] = {"": {}, "bytes": _SIZES, "seconds": _TIMES}
_EXPECTED = {
    "": "a whole number",
    "bytes": 'a size: bytes, or text such as "512KB" or "10MB"',
    "seconds": 'a time: seconds, or text such as "500ms", "30s" or "5m"',
}
_FLAGS = {"true": True, "false": False, "1": True, "0": False}


class Unfit(ValueError):
    """A value that a setting cannot have; the text says why."""


def value_of(row: Row, given: Any, form: Form = "file") -> Any:
    """The value of a setting out of what was given for it.

    Raises:
        Unfit: it is of the wrong type, out of range, or not of the form that is asked for.
    """
    if isinstance(row.default, tuple):
        return _list(row, given, form)
    if isinstance(row.default, bool):
        return _flag(given, form)
    if isinstance(row.default, int | float):
        return _number(row, given, form)
    return _text(row, given)


def shown(row: Row, value: Any) -> str:
    """A value as people read it: `10 MB`, `5 s`, `a, b`."""
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if row.unit == "seconds":
        return f"{value / DAY:g} days" if value >= DAY and value % DAY == 0 else f"{value:g} s"
    if row.unit == "bytes":
        for size, name in ((GB, "GB"), (MB, "MB"), (KB, "KB")):
            if value >= size and value % size == 0:
                return f"{value // size} {name}"
        return f"{value} bytes"
    return str(value)


def written(row: Row, value: Any) -> str:
    """A value as it stands in `aiwe.toml`."""
    if row.unit == "bytes" and value >= KB and value % KB == 0:
        return json.dumps(shown(row, value).replace(" ", ""))
    if row.unit == "seconds":
        return f'"{int(value) if value == int(value) else value}s"'
    return json.dumps(value)


def _list(row: Row, given: Any, form: Form) -> tuple[str, ...]:
    items = given
    if isinstance(given, str) and form != "file":
        if form == "option" and not given.lstrip().startswith("["):
            items = [item.strip() for item in given.split(",") if item.strip()]
        else:
            try:
                items = json.loads(given)
            except ValueError:
                items = None
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        as_json = ' as JSON, such as ["a", "b"]' if form == "variable" else ""
        raise Unfit(f"expected a list of texts{as_json}, got {_quoted(given)}")
    wrong = [said for item in items if row.check and (said := row.check(item))]
    if wrong:
        raise Unfit("; ".join(wrong))
    return tuple(items)


def _flag(given: Any, form: Form) -> bool:
    found = _FLAGS.get(given.lower()) if form != "file" and isinstance(given, str) else given
    if not isinstance(found, bool):
        raise Unfit(f"expected true or false, got {_quoted(given)}")
    return found


def _text(row: Row, given: Any) -> str:
    if not isinstance(given, str):
        raise Unfit(f"expected a text, got {_quoted(given)}")
    if row.choices and given not in row.choices:
        known = " or ".join(f'"{choice}"' for choice in row.choices)
        raise Unfit(f"expected {known}, got {_quoted(given)}.{suggest(given, row.choices)}")
    if row.check and (said := row.check(given)):
        raise Unfit(said)
    return given


def _number(row: Row, given: Any, form: Form) -> float:
    whole = isinstance(row.default, int)
    found = _amount(row, given, form) if isinstance(given, str) else given
    if (
        isinstance(found, bool)
        or not isinstance(found, int | float)
        or not math.isfinite(found)
        or (whole and found != int(found))
    ):
        raise Unfit(f"expected {_EXPECTED[row.unit]}, got {_quoted(given)}")
    if not row.least <= found <= row.most:
        least, most = (shown(row, int(edge) if whole else edge) for edge in (row.least, row.most))
        raise Unfit(f"{_quoted(given)} is out of range: at least {least}, at most {most}")
    return int(found) if whole else float(found)


def _amount(row: Row, text: str, form: Form) -> float | None:
    """The number that a text says; None where it says none. In a file text must have a unit."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    digits, unit = match[1], match[2].lower()
    if not unit:
        if form == "file":
            return None
        return float(digits) if "." in digits else int(digits)
    factor = _UNITS[row.unit].get(unit)
    if factor is None:
        return None
    amount: float = float(digits) * factor
    return float(round(amount)) if row.unit == "bytes" else amount


def _quoted(given: Any) -> str:
    """What was given, shortened, as one would write it in a file."""
    try:
        text = json.dumps(given, ensure_ascii=False, default=str)
    except ValueError:
        text = str(given)
    return text if len(text) <= 80 else text[:77] + "..."
