"""JSON Schemas that documents are checked by, made ready and kept within bounds.

The program that declares a schema is not trusted, and the check runs where everybody's writes run.
So references lead inside the schema only, patterns give up after so many steps, and a schema that
multiplies when its references are followed is refused. Whether a value fits is asked first, which
is quick for every schema; the reasons are looked for only where that cannot explode either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

import orjson

from aiwe_engine.store.problems import Problem, at, pointer, problems_of

if TYPE_CHECKING:
    import jsonschema_rs

LARGEST = 100_000  # bytes of a schema's text
DEEPEST = 100  # levels of objects and arrays in it
MOST_PARTS = 3_000  # with every reference followed once
LONGEST_WAY = 200  # of parts, each inside the one before
MOST_STEPS = 2_000  # of one pattern on one string, where it must try again
LARGEST_PATTERN = 1_000_000  # bytes, compiled
MOST_PROBLEMS = 100
LARGE = 2_000  # values inside one: then the first problem must do

_Node: TypeAlias = dict[str, Any]
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_ONE = ("else", "if", "not", "then")  # these look at the value that the schema looks at
_LIST = ("allOf", "anyOf", "oneOf")
_MAP = ("dependencies", "dependentSchemas")
_APART_ONE = ("additionalItems", "additionalProperties", "items")  # and these inside it, each at
_APART_LIST = ("items", "prefixItems")  # places of its own
_OVER_ONE = (  # while these look at what others look at, too
    "contains",
    "contentSchema",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)


class InvalidSchema(Exception):
    """What is wrong with a schema; `problem` says where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.problem: Problem = {"path": path, "message": message}


class Schema:
    """A schema that was found good.

    Args:
        schema: as JSON.

    Raises:
        InvalidSchema: it is none, or leads out of its bounds.

    Attributes:
        names: the fields that it speaks of by name.
        properties: what each named field must be in any case, references followed.
    """

    def __init__(self, schema: _Node) -> None:
        _check_size(schema)
        parts = _Parts(schema)
        parts.check_references()
        self._validator = _compile(schema)
        parts.measure()
        self._schema = schema
        self._explains = not parts.branches
        self._chooses = parts.have_alternatives()
        self.names = parts.names()
        self.properties = parts.properties()

    def fits(self, value: Any) -> bool:
        """Whether nothing is wrong with a value."""
        fits: bool = self._validator.is_valid(value)
        return fits

    def problems(self, value: Any) -> list[Problem]:
        """What is wrong with a value; empty where it fits. At most 100 are told."""
        if self.fits(value):
            return []
        if not self._explains:
            return [{"path": "", "message": "does not fit the schema"}]
        if _is_large(value):
            return self._first_problem(value)
        found = problems_of(self._validator.iter_errors(value), self._schema)
        return found[:MOST_PROBLEMS]

    def _first_problem(self, value: Any) -> list[Problem]:
        """One problem of a large value: to list them all would take long."""
        import jsonschema_rs

        if self._chooses:  # to say which of several forms it fails, all of them are gone through
            message = "does not fit the schema, and is too large to say where"
            return [{"path": "", "message": message}]
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return problems_of([error], self._schema)[:MOST_PROBLEMS]
        return []


class _Parts:
    """The schemas inside a schema and how they hang together.

    Attributes:
        branches: one of them comes back to itself in more than one way for the same value; to find
            all that is wrong with a deep value would take for ever.
    """

    def __init__(self, root: _Node) -> None:
        self._root = root
        self._anchors: dict[str, _Node] = {}
        self._parts: list[tuple[_Node, str]] = []  # with their places
        self._known: set[int] = set()
        self._legacy = any(f"draft-0{number}" in str(root.get("$schema")) for number in (4, 6, 7))
        own = root.get("$id", root.get("id") if self._legacy else None)
        self._own = own.rstrip("#") if isinstance(own, str) else None
        self._sizes: dict[int, int] = {}  # 0: it is being measured
        self._returns: dict[int, int] = {}  # ways back to what is being measured
        self._heads: set[int] = set()  # what was come back to
        self.branches = False
        self._visit(root, "")

    def check_references(self) -> None:
        """Every reference leads to a part of the schema.

        Raises:
            InvalidSchema: one does not.
        """
        for node, place in self._parts:  # grows while it is read: a target may stand anywhere
            for keyword in _REFERENCES:
                reference = node.get(keyword)
                if not isinstance(reference, str):
                    continue
                target = self._target(reference)
                self._visit(target, reference.partition("#")[2])
                if target is None:
                    message = f"leads to {reference}, which is not there"
                    if not reference.startswith("#"):
                        message = (
                            f"leads to {reference}, which is not part of the schema: "
                            "put it below $defs, nothing is fetched"
                        )
                    raise InvalidSchema(f"{place}/{keyword}", message)

    def measure(self) -> None:
        """Bounds how much there is to do for one value.

        Raises:
            InvalidSchema: its references multiply.
        """
        self._measure(self._root, 0)

    def have_alternatives(self) -> bool:
        """Whether a value may be of one of several forms."""
        return any("anyOf" in node or "oneOf" in node for node, _ in self._parts)

    def names(self) -> frozenset[str]:
        """The fields of the value itself that are spoken of by name."""
        found: set[str] = set()
        seen: set[int] = set()
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            for keyword in ("properties", "dependentRequired", "dependentSchemas"):
                if isinstance(node.get(keyword), dict):
                    found.update(node[keyword])
            if isinstance(node.get("required"), list):
                found.update(name for name in node["required"] if isinstance(name, str))
            waiting += [part for part, _ in (*self._in_place(node), *self._referred(node))]
        return frozenset(found)

    def properties(self) -> dict[str, Any]:
        """What each field that the root names is held to, where it is one schema."""
        root = self._followed(self._root)
        named = _entries(root.get("properties")) if isinstance(root, dict) else []
        return {name: self._followed(part) for name, part in named}

    def _followed(self, node: Any) -> Any:
        """The schema that a reference stands for. What stands beside one counts in later drafts."""
        for _ in range(LONGEST_WAY):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            if not self._legacy and ("type" in node or "properties" in node):
                return node
            node = self._target(node["$ref"])
        return {}

    def _visit(self, node: Any, place: str) -> None:
        """Learns a part and all that stand in it."""
        if not isinstance(node, dict) or id(node) in self._known:
            return
        self._known.add(id(node))
        self._parts.append((node, place))
        for name in _ANCHORS:
            if isinstance(node.get(name), str):
                self._anchors.setdefault(node[name], node)
        own = node.get("$id", node.get("id") if self._legacy else None)
        if place and isinstance(own, str):
            if not own.startswith("#"):
                message = "is for a whole schema: inside one, use $anchor"
                raise InvalidSchema(f"{place}/$id", message)
            self._anchors.setdefault(own[1:], node)
        for part, step in (*self._in_place(node), *self._apart(node), *self._over(node)):
            self._visit(part, place + step)
        for keyword in ("$defs", "definitions"):
            for name, part in _entries(node.get(keyword)):
                self._visit(part, f"{place}/{keyword}{pointer([name])}")

    def _target(self, reference: str) -> Any:
        if self._own and reference.startswith(self._own):
            reference = reference[len(self._own) :] or "#"
        if not reference.startswith("#"):
            return None
        fragment = reference[1:]
        if fragment and not fragment.startswith("/"):
            return self._anchors.get(fragment)
        target = at(self._root, map(_unescape, fragment.split("/")[1:]))
        return target if isinstance(target, dict | bool) else None

    def _in_place(self, node: _Node) -> Iterator[tuple[_Node, str]]:
        """The parts that look at the same value, with their places."""
        for keyword in _ONE:
            yield from _dicts([(node.get(keyword), f"/{keyword}")])
        for keyword in _LIST:
            yield from _dicts(_items(node.get(keyword), keyword))
        for keyword in _MAP:
            yield from _dicts(_named(node.get(keyword), keyword))

    def _referred(self, node: _Node) -> Iterator[tuple[_Node, str]]:
        """The parts that it refers to, which look at the same value, too."""
        for keyword in _REFERENCES:
            if isinstance(node.get(keyword), str):
                yield from _dicts([(self._target(node[keyword]), f"/{keyword}")])

    def _apart(self, node: _Node) -> Iterator[tuple[_Node, str]]:
        """The parts that look at values inside, of which each value meets one."""
        yield from _dicts(_named(node.get("properties"), "properties"))
        for keyword in _APART_ONE:
            yield from _dicts([(node.get(keyword), f"/{keyword}")])
        for keyword in _APART_LIST:
            yield from _dicts(_items(node.get(keyword), keyword))

    def _over(self, node: _Node) -> Iterator[tuple[_Node, str]]:
        """The parts that look at values inside, whatever else does."""
        yield from _dicts(_named(node.get("patternProperties"), "patternProperties"))
        for keyword in _OVER_ONE:
            yield from _dicts([(node.get(keyword), f"/{keyword}")])

    def _measure(self, node: _Node, depth: int) -> tuple[int, int]:
        """The parts that are met from here on, and the ways back to where we came from."""
        key = id(node)
        if key in self._sizes:
            if self._sizes[key]:
                return self._sizes[key], self._returns[key]
            self._heads.add(key)
            return 1, 1
        if depth > LONGEST_WAY:
            raise InvalidSchema("", f"leads over {LONGEST_WAY} parts deep")
        self._sizes[key] = 0
        size, returns, apart = 1, 0, 0
        for part, _ in (*self._in_place(node), *self._referred(node), *self._over(node)):
            more, ways = self._measure(part, depth + 1)
            size, returns = size + more, returns + ways
        for part, _ in self._apart(node):
            more, ways = self._measure(part, depth + 1)
            size, apart = size + more, max(apart, ways)
        if size > MOST_PARTS:
            raise InvalidSchema(
                "", f"comes to over {MOST_PARTS:,} parts when it follows its references"
            )
        returns += apart
        self._sizes[key], self._returns[key] = size, returns
        if key in self._heads and returns > 1:
            self.branches = True
        return size, returns


def _check_size(schema: _Node) -> None:
    try:
        size = len(orjson.dumps(schema))
    except TypeError as error:
        raise InvalidSchema("", f"cannot be written as JSON: {error}") from error
    if size > LARGEST:
        raise InvalidSchema("", f"has {size:,} bytes; {LARGEST:,} are allowed")
    level: list[Any] = [schema]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _members(value)]
        if not level:
            return
    raise InvalidSchema("", f"is nested over {DEEPEST} deep")


def _is_large(value: Any) -> bool:
    """Whether there are many values in it."""
    count = 0
    waiting = [value]
    while waiting and count <= LARGE:
        members = _members(waiting.pop())
        count += len(members)
        waiting += members
    return count > LARGE


def _compile(schema: _Node) -> jsonschema_rs.Validator:
    import jsonschema_rs

    uri = jsonschema_rs.validator_for({"format": "uri"}, validate_formats=True)
    try:
        return jsonschema_rs.validator_for(
            schema,
            offline=True,
            validate_formats=True,
            formats={"url": uri.is_valid},
            email_options=jsonschema_rs.EmailOptions(allow_display_text=False),
            pattern_options=jsonschema_rs.FancyRegexOptions(
                backtrack_limit=MOST_STEPS, size_limit=LARGEST_PATTERN
            ),
        )
    except jsonschema_rs.ValidationError as error:
        if error.kind.name == "$ref":
            raise InvalidSchema(
                "/$schema", "must name a draft of JSON Schema, 4 to 2020-12"
            ) from error
        told = problems_of([error], {})[0]
        if told["path"].endswith("/pattern"):
            told["message"] = "is no regular expression, or a very large one"
        raise InvalidSchema(told["path"], told["message"]) from error
    except ValueError as error:
        raise InvalidSchema("", f"cannot be used: {error}") from error


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _entries(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _named(value: Any, keyword: str) -> list[tuple[Any, str]]:
    return [(part, f"/{keyword}{pointer([name])}") for name, part in _entries(value)]


def _items(value: Any, keyword: str) -> list[tuple[Any, str]]:
    if not isinstance(value, list):
        return []
    return [(part, f"/{keyword}/{index}") for index, part in enumerate(value)]


def _dicts(parts: list[tuple[Any, str]]) -> list[tuple[_Node, str]]:
    return [(part, step) for part, step in parts if isinstance(part, dict)]


def _unescape(step: str) -> str:
    return unquote(step).replace("~1", "/").replace("~0", "~")
