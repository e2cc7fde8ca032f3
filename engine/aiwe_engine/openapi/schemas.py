"""Schemas of routes inside one OpenAPI document.

A route's schema is a document of its own, whose references begin at its own root. Here it becomes a
part of a larger one: what it defines under `$defs`, and every schema that has a `title`, moves to
`components`, where equal ones are one, and references follow. OpenAPI 3.1 says JSON Schema 2020-12
by itself, so the schemas need no other translation. What a program described is read with
tolerance: a schema that means nothing becomes one that allows everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

import orjson

LATEST = "https://json-schema.org/draft/2020-12/schema"
PLACE = "#/components/schemas/"

_ONE = frozenset(
    {
        "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items",
        "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_LIST = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_MAP = frozenset(
    {
        "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties",
    }
)  # fmt: skip
_DEFINITIONS = ("$defs", "definitions")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_IDENTITIES = ("$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor")
_TITLE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_DEFINED = re.compile(r"/(?:\$defs|definitions)/([^/]+)(.*)", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")

Schema = dict[str, Any]


class Components:
    """The schemas that a document shares, by name."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self._names: dict[bytes, str] = {}  # of what stands in `schemas`, by its content

    def add(self, name: str, schema: Any) -> Schema:
        """A reference to this schema, which stands under `name` or, where that is taken, near it."""
        name, new = self.reserve(name, _text(schema))
        if new:
            self.schemas[name] = schema
        return {"$ref": PLACE + name}

    def reserve(self, name: str, key: bytes) -> tuple[str, bool]:
        """The name of what `key` identifies, and whether it is new and still to be put there."""
        found = self._names.get(key)
        if found is not None:
            return found, False
        self._names[key] = name = self.free(name)
        self.schemas[name] = {}
        return name, True

    def embed(self, schema: Any, name: str) -> Any:
        """A schema of a route as it stands in the document.

        Args:
            schema: what the program described.
            name: what it is called where it refers to itself and has no title.
        """
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            return {}
        copy = orjson.loads(orjson.dumps(schema))
        if copy.get("$schema") == LATEST:
            del copy["$schema"]
        return self.titled(_Relocation(self, copy, name).done())

    def resolve(self, schema: Any) -> Any:
        """What a reference into the components leads to, as far as one step; else the schema."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith(PLACE):
            return schema
        return self.schemas.get(reference.removeprefix(PLACE), {})

    def free(self, name: str) -> str:
        """A name that no component has yet."""
        wanted = _NOT_IN_A_NAME.sub("_", name) or "Schema"
        name, count = wanted, 1
        while name in self.schemas:
            count += 1
            name = f"{wanted}{count}"
        return name

    def titled(self, schema: Any) -> Any:
        """The schema, or a reference to it where it has a title and so moved to the components."""
        schema = self.parts(schema)
        title = _title(schema)
        return schema if title is None else self.add(title, schema)

    def parts(self, schema: Any) -> Any:
        """The schema with every titled one in it moved to the components."""
        if isinstance(schema, dict):
            for place, keyword, inner in list(_inside(schema)):
                place[keyword] = self.titled(inner)
        return schema


class _Relocation:
    """Moves one schema into a document, so that its references lead to the same as before."""

    def __init__(self, components: Components, root: Schema, name: str) -> None:
        self._components, self._root = components, root
        self._known: dict[str, str] = {}  # addresses and anchors → pointers from the root
        self._bases: list[tuple[Schema, str]] = []
        self._visit(root, "schema:/", "")
        self._name = _title(root) or name
        self._moved: dict[str, Any] = {}  # definitions that became components, by their new names
        self._shared = {kind: _text(root[kind]) for kind in _DEFINITIONS if kind in root}
        self._key = b"whole " + _text(root)
        self._itself: str | None = None  # the name of the root, where something refers to it
        self._new = False

    def done(self) -> Any:
        """The schema as it stands in the document: itself, or a reference to where it stands."""
        for schema, base in self._bases:
            for keyword in _REFERENCES:
                reference = schema.pop(keyword, None)
                if isinstance(reference, str):
                    schema["$ref"] = self._target(reference, base)
            for keyword in _IDENTITIES:
                schema.pop(keyword, None)
        for name, schema in self._moved.items():
            self._components.schemas[name] = self._components.parts(schema)
        if self._itself is None:
            for kind in _DEFINITIONS:
                self._root.pop(kind, None)
            return self._root
        if self._new:
            self._components.schemas[self._itself] = self._components.parts(self._root)
        return {"$ref": PLACE + self._itself}

    def _visit(self, schema: Schema, base: str, place: str) -> None:
        identity = schema.get("$id")
        if isinstance(identity, str):
            base = urljoin(base, identity)
        document = base.partition("#")[0]
        if place == "" or isinstance(identity, str):
            self._known[document] = place
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(schema.get(keyword), str):
                self._known.setdefault(f"{document}#{schema[keyword]}", place)
        self._bases.append((schema, base))
        for container, keyword, inner in _inside(schema):
            if isinstance(inner, dict):
                path = _path_of(schema, container, keyword)
                self._visit(inner, base, place + path)

    def _target(self, reference: str, base: str) -> str:
        address = (
            base.partition("#")[0] + reference if reference[:1] == "#" else urljoin(base, reference)
        )
        document, _, fragment = address.partition("#")
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            pointer = self._known.get(address)
        else:
            at = self._known.get(document)
            pointer = None if at is None else at + fragment
        return reference if pointer is None else self._moved_to(pointer)

    def _moved_to(self, pointer: str) -> str:
        """Where what stands at a pointer of the old root stands in the document."""
        defined = _DEFINED.fullmatch(pointer)
        if defined is not None:
            kind = pointer[1:].partition("/")[0]
            key = defined[1].replace("~1", "/").replace("~0", "~")
            if isinstance(self._root.get(kind), dict) and key in self._root[kind]:
                return f"{PLACE}{self._definition(kind, key)}{defined[2]}"
        if self._itself is None:
            self._itself, self._new = self._components.reserve(self._name, self._key)
        return f"{PLACE}{self._itself}{pointer}"

    def _definition(self, kind: str, key: str) -> str:
        """The component that a definition is; routes that share their definitions share it too."""
        name, new = self._components.reserve(key, _text([kind, key]) + self._shared[kind])
        if new:
            self._moved[name] = self._root[kind][key]
        return name


def _inside(schema: Schema) -> Iterator[tuple[Any, Any, Any]]:
    """Every schema directly in this one: its container, its key there, and itself."""
    for keyword, value in schema.items():
        if isinstance(value, list):
            if keyword in _LIST:
                yield from ((value, index, one) for index, one in enumerate(value))
        elif keyword in _MAP:
            if isinstance(value, dict):
                yield from ((value, key, one) for key, one in value.items())
        elif keyword in _ONE:
            yield schema, keyword, value


def _title(schema: Any) -> str | None:
    """The title of a schema, where it can be a component's name."""
    title = schema.get("title") if isinstance(schema, dict) else None
    return title if isinstance(title, str) and _TITLE.fullmatch(title) else None


def _path_of(schema: Schema, container: Any, key: Any) -> str:
    step = str(key).replace("~", "~0").replace("/", "~1")
    if container is schema:
        return f"/{step}"
    outer = next(keyword for keyword, value in schema.items() if value is container)
    return f"/{outer}/{step}"


def _text(schema: Any) -> bytes:
    return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
