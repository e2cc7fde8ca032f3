"""What a program declares of a collection: `DataRepository.define`.

A definition is checked when it is made and holds for every write from then on, whoever writes. The
engine's own fields are no business of a schema unless it names them. A unique key compares values
as filters do: 1 is 1.0 and not "1"; documents in which one of its fields is null or missing are not
compared, as in SQL. In a collection of tenants a key is unique within each of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.store.filters import Path, nearest, path_of
from aiwe_engine.store.problems import Problem, canonical, pointer, sentence
from aiwe_engine.store.schemas import InvalidSchema, Schema
from aiwe_engine.types import Json

Key: TypeAlias = tuple[Path, ...]

MOST_UNIQUE, MOST_INDEXES, MOST_FIELDS = 16, 32, 8
LONGEST_KEY = 500  # characters; beyond it, a digest stands for the values
_ENGINE = ("id", "version", "createdAt", "updatedAt")
_WORDS = ["schema", "unique", "index", "tenant", "owner"]
# Words of JSON Schema: where none stands, fields may be standing in their place.
_KEYWORDS = (
    "type properties required additionalProperties patternProperties propertyNames "
    "minProperties maxProperties dependentRequired dependentSchemas dependencies "
    "unevaluatedProperties allOf anyOf oneOf not if enum const $ref $dynamicRef $recursiveRef "
    "$schema $id $defs definitions $comment title description default examples items "
    "prefixItems contains pattern format"
)
_EXAMPLES = {
    "schema": '{ type: "object", required: ["title"], properties: { title: { type: "string" } } }',
    "unique": '[["email"]]',
    "index": '[["status"], ["customerId", "createdAt"]]',
}


@dataclass(frozen=True, slots=True)
class Definition:
    """The rules of one collection.

    Attributes:
        schema: the JSON Schema of its documents.
        unique: keys that no two documents share, each a list of fields.
        index: fields that are often asked for together.
        tenant: documents belong to the tenant of whoever made them, and others do not see them.
        owner: the same of the user.
    """

    schema: dict[str, Any] | None = None
    unique: tuple[Key, ...] = ()
    index: tuple[Key, ...] = ()
    tenant: bool = False
    owner: bool = False
    _checks: Schema | None = field(default=None, compare=False, repr=False)
    _hidden: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    _integers: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def check(self, document: dict[str, Any]) -> None:
        """Refuses a document, with the engine's fields inside, that is not as the schema says.

        Raises:
            RequestError: `invalid_document`, with details [{path, message}].
        """
        if self._checks is None:
            return
        problems = self._checks.problems(self._own_fields(document)) or self._too_large(document)
        if problems:
            raise RequestError(
                f"The document is not as its collection declares it: {sentence(problems)}.",
                code="invalid_document",
                hint="Each entry of details names a place in the document as a JSON Pointer, "
                "and what is expected there.",
                details=problems,
            )

    def accepts(self, document: dict[str, Any]) -> bool:
        """Whether a document is as the schema says."""
        checks = self._checks
        if checks is None:
            return True
        return checks.fits(self._own_fields(document)) and not self._too_large(document)

    def keys(self, fields: dict[str, Any]) -> list[str | None]:
        """A text per unique key, the same for equal values; None: not compared."""
        return [self._key(key, fields) for key in self.unique]

    def to_json(self) -> dict[str, Json]:
        """As `parse` takes it."""
        return {
            "schema": self.schema,
            "unique": [[".".join(path) for path in key] for key in self.unique],
            "index": [[".".join(path) for path in key] for key in self.index],
            "tenant": self.tenant,
            "owner": self.owner,
        }

    def properties(self) -> dict[str, Any]:
        """The schemas of the fields that a document's schema holds to one each, by name."""
        return self._checks.properties if self._checks is not None else {}

    @property
    def checks(self) -> bool:
        """Whether it has a schema."""
        return self._checks is not None

    @property
    def schema_text(self) -> str:
        """The schema, the same for equal ones."""
        return orjson.dumps(self.schema, option=orjson.OPT_SORT_KEYS).decode()

    def differences(self, before: Definition) -> list[str]:
        """What it changes, in words."""
        said = []
        if self.schema_text != before.schema_text:
            verb = "declared" if before.schema is None else "changed"
            said.append(f"schema {verb if self.schema is not None else 'dropped'}")
        for what in ("unique", "index"):
            now, then = getattr(self, what), getattr(before, what)
            word = "unique key" if what == "unique" else "index"
            said += [f"{word} {_named(key)} added" for key in now if key not in then]
            said += [f"{word} {_named(key)} dropped" for key in then if key not in now]
        for what in ("tenant", "owner"):
            if getattr(self, what) != getattr(before, what):
                told = "belong to their" if getattr(self, what) else "belong no more to their"
                said.append(f"documents {told} {what}")
        return said

    @property
    def text(self) -> str:
        """As `parse` takes it, the same for equal definitions."""
        return orjson.dumps(self.to_json(), option=orjson.OPT_SORT_KEYS).decode()

    @property
    def weight(self) -> int:
        """Bytes by which it is longer than one that declares nothing."""
        return len(self.text.encode()) - len(PLAIN.text)

    def _too_large(self, document: dict[str, Any]) -> list[Problem]:
        """Whole numbers that no database keeps as such."""
        return [
            {"path": pointer([name]), "message": "must be a whole number of at most 64 bits"}
            for name in self._integers
            if isinstance(value := document.get(name), int | float)
            and not -(2**63) <= value < 2**63
        ]

    def _own_fields(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document without the fields that are the engine's, but for what the schema names."""
        hidden = self._hidden
        return {name: value for name, value in document.items() if name not in hidden}

    def _key(self, key: Key, fields: dict[str, Any]) -> str | None:
        values = [_value(fields, path) for path in key]
        if None in values:
            return None
        if self.tenant:
            values.append(fields.get("tenant"))
        text = canonical(values)
        if len(text) > LONGEST_KEY:
            return hashlib.sha256(text.encode()).hexdigest()
        return text


#: Of a collection of which nothing is declared.
PLAIN = Definition()


def parse(collection: str, value: Json, before: Definition = PLAIN) -> Definition:
    """The definition that a program states.

    Args:
        collection: its name, for messages.
        value: as `DataRepository.define` takes it.
        before: what was declared so far: `tenant` and `owner` stay until one says false.

    Raises:
        RequestError: `invalid_definition`.
    """
    if not isinstance(value, dict):
        raise _invalid(
            f'The definition of "{collection}" is an object, not {_kind(value)}',
            f"Write {{ schema: {_EXAMPLES['schema']}, unique: {_EXAMPLES['unique']} }}.",
        )
    for name in value:
        if name not in _WORDS:
            raise _unknown(collection, name)
    schema = value.get("schema")
    checks = _schema(collection, schema)
    tenant = _flag(collection, "tenant", value.get("tenant"), before=before.tenant)
    owner = _flag(collection, "owner", value.get("owner"), before=before.owner)
    hidden = {*_ENGINE, *(["tenant"] if tenant else ()), *(["owner"] if owner else ())}
    return Definition(
        schema=schema if isinstance(schema, dict) else None,
        unique=_keys(collection, "unique", value.get("unique"), MOST_UNIQUE),
        index=_keys(collection, "index", value.get("index"), MOST_INDEXES),
        tenant=tenant,
        owner=owner,
        _checks=checks,
        _hidden=frozenset(hidden) - (checks.names if checks is not None else frozenset()),
        _integers=_integers(checks),
    )


def duplicate(collection: str, key: Key) -> RequestError:
    """The error for a document whose key is another's."""
    names = _named(key)
    return RequestError(
        f'"{collection}" has a document with this {names} already',
        code="already_exists",
        status=409,
        hint=f"{names} must be unique there: choose another value, "
        "or find the document that has it and update that.",
        details={"fields": [".".join(path) for path in key]},
    )


def unfit(count: int) -> str:
    """What a migration says of stored documents that are not as a new schema has it."""
    return (
        f"{count:,} stored documents do not fit the schema: they stay as they are, "
        "and are checked when they are written"
    )


def not_unique(collection: str, key: Key, ids: list[str]) -> RequestError:
    """The error for a new unique key that stored documents break.

    Args:
        collection: its name.
        key: the fields.
        ids: of some documents that have the same values there.
    """
    names = _named(key)
    return RequestError(
        f'"{collection}" cannot have the unique key {names}: '
        f"documents share one value of it, {', '.join(ids)} among them",
        code="not_unique",
        status=409,
        hint="Nothing was changed. Change or delete all of them but one, then define it again.",
        details={"fields": [".".join(path) for path in key], "ids": ids},
    )


def _named(key: Key) -> str:
    return " and ".join(".".join(path) for path in key)


def _invalid(message: str, hint: str, details: Any = None) -> RequestError:
    return RequestError(message, code="invalid_definition", hint=hint, details=details)


def _unknown(collection: str, name: str) -> RequestError:
    hint = nearest(name, _WORDS)
    if name in ("type", "properties", "required", "$schema", "additionalProperties"):
        hint = "A JSON Schema goes into schema: { schema: { type: …, properties: … } }."
    return _invalid(f'"{name[:80]}" is not part of the definition of "{collection}"', hint)


def _schema(collection: str, schema: Json) -> Schema | None:
    if schema is None:
        return None
    if not isinstance(schema, dict):
        raise _invalid(
            f'The schema of "{collection}" is an object, not {_kind(schema)}',
            f"Write schema: {_EXAMPLES['schema']}.",
        )
    if schema and schema.keys().isdisjoint(_KEYWORDS.split()):
        raise _invalid(
            f'The schema of "{collection}" has no keyword of JSON Schema, so it would check nothing',
            "Fields stand in properties, with their types: "
            f"{{ schema: {{ properties: {{ {next(iter(schema))[:40]}: {{ type: … }} }} }} }}.",
        )
    if schema.get("type") in ("array", "string", "number", "integer", "boolean", "null"):
        raise _invalid(
            f'The schema of "{collection}" allows no document: its type is "{schema["type"]}"',
            'A document is an object: type: "object".',
        )
    try:
        return Schema(schema)
    except InvalidSchema as error:
        problem: Problem = error.problem
        raise _invalid(
            f'The schema of "{collection}" is no JSON Schema: '
            f"{problem['path'] or 'it'} {problem['message']}.",
            "Schemas are read as JSON Schema 2020-12, or as the draft that $schema names; "
            "references lead inside the schema only.",
            [problem],
        ) from error


def _keys(collection: str, what: str, value: Json, most: int) -> tuple[Key, ...]:
    if value is None:
        return ()
    hint = f"Write {what}: {_EXAMPLES[what]}: a list of keys, each a list of field names."
    if not isinstance(value, list):
        raise _invalid(f'"{what}" of "{collection}" is a list, not {_kind(value)}', hint)
    if len(value) > 1 and all(isinstance(name, str) for name in value):
        one, several = _written([value]), _written([[name] for name in value])
        raise _invalid(
            f'"{what}" of "{collection}" is a list of lists of field names',
            f"Write {what}: {several} for {len(value)} keys, or {what}: {one} for one of all.",
        )
    if len(value) > most:
        raise _invalid(f'"{what}" of "{collection}" has over {most} keys', "Leave some out.")
    keys = [_key_of(collection, what, [key] if isinstance(key, str) else key) for key in value]
    return tuple(dict.fromkeys(keys))


def _key_of(collection: str, what: str, names: Json) -> Key:
    message = f'"{what}" of "{collection}" has a key that is no list of field names'
    hint = f"Write {what}: {_EXAMPLES[what]}, each with 1 to {MOST_FIELDS} fields."
    if not isinstance(names, list) or not 0 < len(names) <= MOST_FIELDS:
        raise _invalid(message, hint)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise _invalid(message, hint)
    try:
        return tuple(path_of(str(name)) for name in names)
    except RequestError as error:
        raise _invalid(
            f'"{what}" of "{collection}": {error.message}', error.hint or hint
        ) from error


def _flag(collection: str, what: str, value: Json, *, before: bool) -> bool:
    if value is None:
        return before
    if isinstance(value, bool):
        return value
    raise _invalid(
        f'"{what}" of "{collection}" is true or false, not {_kind(value)}',
        f"The field of each document is called {what}; write {what}: true.",
    )


def _integers(checks: Schema | None) -> tuple[str, ...]:
    """The fields that a schema holds to whole numbers."""
    found = []
    for name, schema in checks.properties.items() if checks is not None else ():
        types = schema.get("type") if isinstance(schema, dict) else None
        if "integer" in ([types] if isinstance(types, str) else types or ()):
            found.append(name)
    return tuple(found)


def _value(fields: dict[str, Any], path: Path) -> Any:
    value: Any = fields
    for step in path:
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds = {
        dict: "an object",
        list: "an array",
        str: "a string",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "null")


def _written(keys: list[Any]) -> str:
    return str(keys).replace("'", '"')
