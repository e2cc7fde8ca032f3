"""What is wrong with a document, in words for whoever wrote it, as `req.validate` has them.

Each is a predicate of the place that `path` names, a JSON Pointer. Of alternatives that all fail,
the words are about the one that was meant. Knows the validator's errors only by their shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import orjson

Problem: TypeAlias = dict[str, str]  # path, message

_SHOWN = 300
_NAME = re.compile(r"[A-Za-z_$][\w$-]*")
_A = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_FORMATS = {
    "email": "an email address",
    "idn-email": "an email address",
    "date": "a date such as 2026-01-31",
    "date-time": "a date and time such as 2026-01-31T12:00:00Z",
    "time": "a time such as 12:00:00Z",
    "duration": "a duration such as P3DT12H",
    "uri": "a URI such as https://example.com/page",
    "url": "a URL such as https://example.com/page",
    "uri-reference": "a URI or a part of one",
    "uuid": "a UUID",
    "hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "regex": "a regular expression",
    "json-pointer": "a JSON Pointer",
}


@dataclass(frozen=True, slots=True)
class _Told:
    """One problem; `allowed` are the values or types that would do."""

    path: str
    message: str
    kind: str
    allowed: tuple[Any, ...] = ()


def problems_of(errors: Iterable[Any], schema: Any) -> list[Problem]:
    """The validator's errors as `{path, message}`, none twice.

    Args:
        errors: what `jsonschema_rs` found.
        schema: what it was found by.
    """
    found = (told for error in errors for told in _tell(error, schema))
    unique = dict.fromkeys((told.path, told.message) for told in found)
    return [{"path": path, "message": message} for path, message in unique]


def sentence(problems: list[Problem], most: int = 3) -> str:
    """The first problems in one line: "title is required; price must be a number"."""
    told = [f"{problem['path'][1:] or 'it'} {problem['message']}" for problem in problems[:most]]
    if len(problems) > most:
        told.append(f"and {len(problems) - most} more")
    return "; ".join(told)


def pointer(steps: Iterable[str | int]) -> str:
    """A JSON Pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def at(root: Any, steps: Iterable[str | int]) -> Any:
    """What stands in a JSON value at the end of these steps; None where nothing does."""
    for step in steps:
        if isinstance(root, dict):
            root = root.get(str(step))
        elif isinstance(root, list) and str(step).isdigit() and int(step) < len(root):
            root = root[int(step)]
        else:
            return None
    return root


def _tell(error: Any, schema: Any) -> list[_Told]:
    kind, place = error.kind.name, pointer(error.instance_path)
    if type(error.kind).__name__ in ("BacktrackLimitExceeded", "RegexEngineFailure"):
        return [_Told(place, "takes too long to match with the schema's pattern", kind)]
    plain = _PLAIN.get(kind)
    if plain is not None:
        return [_Told(place, plain(error.kind), kind)]
    write = _WRITERS.get(kind)
    if write is not None:
        return write(error, place, schema)
    return [_Told(place, f'does not fit the schema\'s "{kind}"', kind)]


def _type(error: Any, place: str, schema: Any) -> list[_Told]:
    declared = at(schema, error.schema_path)
    types = declared if isinstance(declared, list) else error.kind.types
    return [_Told(place, _of_type(types, error.instance), "type", tuple(types))]


def _of_type(types: Iterable[str], value: Any) -> str:
    wanted = f"must be {_either([_A.get(name, name) for name in types])}"
    if "integer" in types and isinstance(value, int | float) and not isinstance(value, bool):
        return wanted
    return f"{wanted}, not {_kind_of(value)}"


def _enum(error: Any, place: str, _: Any) -> list[_Told]:
    options = error.kind.options
    return [_Told(place, _one_of(options), "enum", tuple(options))]


def _const(error: Any, place: str, _: Any) -> list[_Told]:
    value = error.kind.expected_value
    return [_Told(place, _one_of([value]), "const", (value,))]


def _required(error: Any, place: str, schema: Any) -> list[_Told]:
    name = error.kind.property
    message = "is required"
    if error.schema_path and error.schema_path[-1] in ("dependentRequired", "dependencies"):
        needs = at(schema, error.schema_path)
        for given, wanted in needs.items() if isinstance(needs, dict) else ():
            if isinstance(wanted, list) and name in wanted and given in (error.instance or ()):
                message = f"is required where {_name(given)} is given"
    return [_Told(place + pointer([name]), message, "required")]


def _additional(error: Any, place: str, schema: Any) -> list[_Told]:
    around = at(schema, error.schema_path[:-1])
    known = list(map(_name, (around or {}).get("properties") or ()))
    message = "is not expected here"
    if known:
        message = _short(f"{message}, only {', '.join(known)}")
    return [_Told(place + pointer([name]), message, "boolean") for name in error.kind.unexpected]


def _unevaluated(error: Any, place: str, _: Any) -> list[_Told]:
    kind = error.kind.name
    steps = error.kind.unexpected
    return [_Told(place + pointer([step]), "is not expected here", kind) for step in steps]


def _unique(error: Any, place: str, _: Any) -> list[_Told]:
    seen, found = set(), []
    for index, item in enumerate(error.instance):
        text = canonical(item)
        if text in seen:
            message = "is the same as an item before it"
            found.append(_Told(place + pointer([index]), message, "uniqueItems"))
        seen.add(text)
    return found or [_Told(place, "must not have an item twice", "uniqueItems")]


def _property_names(error: Any, place: str, schema: Any) -> list[_Told]:
    inner = error.kind.error
    reasons = " and ".join(told.message for told in _tell(inner, schema)) or "is not allowed"
    message = _short(f"cannot be a name here: it {reasons}")
    return [_Told(place + pointer([str(inner.instance)]), message, "propertyNames")]


def _contains(error: Any, place: str, schema: Any) -> list[_Told]:
    around = at(schema, error.schema_path[:-1]) or {}
    least, most = around.get("minContains", 1), around.get("maxContains")
    message = f"must contain at least {_count(least, 'item')} of the wanted form"
    if most is not None:
        message = f"must contain {least} to {most} items of the wanted form"
    return [_Told(place, message, "contains")]


def _not(error: Any, place: str, _: Any) -> list[_Told]:
    schema = error.kind.schema
    message = 'is what the schema\'s "not" excludes'
    if isinstance(schema, dict) and len(schema) == 1:
        if "type" in schema:
            types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            message = f"must not be {_either([_A.get(name, name) for name in types])}"
        elif "const" in schema:
            message = f"must not be {_json(schema['const'])}"
        elif "enum" in schema:
            message = f"must be none of {', '.join(map(_json, schema['enum']))}"
        elif "required" in schema:
            message = f"must not have {_either([_name(name) for name in schema['required']])}"
    return [_Told(place, _short(message), "not")]


def _additional_items(error: Any, place: str, _: Any) -> list[_Told]:
    more = range(error.kind.limit, len(error.instance))
    return [_Told(f"{place}/{index}", "is not expected here", "boolean") for index in more]


def _alternatives(error: Any, place: str, schema: Any) -> list[_Told]:
    branches = [
        [told for inner in branch for told in _tell(inner, schema)] for branch in error.kind.context
    ]
    fitting = branches.count([])
    if fitting:
        message = f"fits {fitting} of the forms that are allowed here, where only one may fit"
        return [_Told(place, message, "oneOf")]
    flat = [branch[0] for branch in branches if len(branch) == 1 and branch[0].path == place]
    if len(flat) == len(branches) and {told.kind for told in flat} == {"type"}:
        types = list(dict.fromkeys(name for told in flat for name in told.allowed))
        return [_Told(place, _of_type(types, error.instance), "type", tuple(types))]
    if len(flat) == len(branches) and {told.kind for told in flat} <= {"const", "enum"}:
        allowed = [value for told in flat for value in told.allowed]
        return [_Told(place, _one_of(allowed), "enum", tuple(allowed))]
    ranked = sorted(branches, key=lambda branch: _weight(branch, place))
    least = _weight(ranked[0], place)
    best = [branch for branch in ranked if _weight(branch, place) == least]
    if len(best) == 1:
        kind = error.kind.name
        return [told if told.kind == "const" else replace(told, kind=kind) for told in best[0]]
    forms = dict.fromkeys(
        branch[0].message
        if branch[0].path == place
        else f"{branch[0].path[len(place) + 1 :]} {branch[0].message}"
        for branch in best
    )
    message = f"fits none of the forms that are allowed here: {'; or '.join(forms)}"
    return [_Told(place, _short(message), error.kind.name)]


def _weight(branch: list[_Told], place: str) -> int:
    """The form that was meant is of the right type, and has the right mark (`kind: "a"`)."""

    def of(told: _Told) -> int:
        if told.kind == "type" and told.path == place:
            return 1000
        return 100 if told.kind in ("const", "enum") else 1

    return sum(map(of, branch))


def canonical(value: Any) -> str:
    """One text for all JSON values that are equal: 1 and 1.0, and objects in any order."""
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [item if isinstance(item, str) else _plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _kind_of(value: Any) -> str:
    kinds: list[tuple[type, str]] = [
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a number"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    ]
    return next((words for kind, words in kinds if isinstance(value, kind)), "null")


def _one_of(values: Iterable[Any]) -> str:
    texts = list(dict.fromkeys(map(_json, values)))
    lead = "must be " if len(texts) == 1 else "must be one of "
    return _short(lead + ", ".join(texts))


def _either(words: list[str]) -> str:
    if len(words) < 2:
        return words[0] if words else "nothing"
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _number(value: Any) -> str:
    return str(_plain(value))


def _name(key: str) -> str:
    return key if _NAME.fullmatch(key) else _short(_json(key))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _count(number: int, what: str) -> str:
    many = "properties" if what == "property" else f"{what}s"
    return f"{number} {what if number == 1 else many}"


def _pattern(kind: Any) -> str:
    return _short(f"must match the pattern {kind.pattern}")


_PLAIN: dict[str, Callable[[Any], str]] = {
    "minLength": lambda kind: (
        "must not be empty"
        if kind.limit == 1
        else f"must have at least {_count(kind.limit, 'character')}"
    ),
    "maxLength": lambda kind: f"must have at most {_count(kind.limit, 'character')}",
    "pattern": _pattern,
    "format": lambda kind: (
        f"must be {_FORMATS.get(kind.format) or f'in the format {_json(kind.format)}'}"
    ),
    "minimum": lambda kind: f"must be at least {_number(kind.limit)}",
    "maximum": lambda kind: f"must be at most {_number(kind.limit)}",
    "exclusiveMinimum": lambda kind: f"must be more than {_number(kind.limit)}",
    "exclusiveMaximum": lambda kind: f"must be less than {_number(kind.limit)}",
    "multipleOf": lambda kind: f"must be a multiple of {_number(kind.multiple_of)}",
    "minItems": lambda kind: f"must have at least {_count(kind.limit, 'item')}",
    "maxItems": lambda kind: f"must have at most {_count(kind.limit, 'item')}",
    "minProperties": lambda kind: f"must have at least {_count(kind.limit, 'property')}",
    "maxProperties": lambda kind: f"must have at most {_count(kind.limit, 'property')}",
    "falseSchema": lambda _: "is not expected here",
}

_WRITERS: dict[str, Callable[[Any, str, Any], list[_Told]]] = {
    "additionalItems": _additional_items,
    "additionalProperties": _additional,
    "anyOf": _alternatives,
    "const": _const,
    "contains": _contains,
    "enum": _enum,
    "not": _not,
    "oneOf": _alternatives,
    "propertyNames": _property_names,
    "required": _required,
    "type": _type,
    "unevaluatedItems": _unevaluated,
    "unevaluatedProperties": _unevaluated,
    "uniqueItems": _unique,
}
