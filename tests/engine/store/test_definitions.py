"""What `define` takes, what it refuses, and what a document is told by it."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from aiwe_engine.errors import RequestError
from aiwe_engine.store.definitions import PLAIN, Definition, parse

ORDER = {
    "type": "object",
    "required": ["customer", "items"],
    "additionalProperties": False,
    "properties": {
        "customer": {"type": "string", "format": "email"},
        "status": {"enum": ["new", "paid"]},
        "kind": {"const": "order"},
        "count": {"type": ["integer", "null"], "minimum": 1, "multipleOf": 3},
        "note": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
        "shape": {
            "oneOf": [
                {"required": ["kind", "r"], "properties": {"kind": {"const": "circle"}}},
                {"required": ["kind", "s"], "properties": {"kind": {"const": "square"}}},
            ]
        },
        "code": {"type": "string", "minLength": 1, "pattern": "^[a-z]+$"},
        "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 9.5},
        "items": {"type": "array", "minItems": 1, "uniqueItems": True},
        "names": {"propertyNames": {"maxLength": 3}, "dependentRequired": {"a": ["b"]}},
        "never": {"not": {"type": "string"}},
        "tree": {"$ref": "#/$defs/node"},
    },
    "$defs": {
        "node": {
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "unevaluatedProperties": False,
        }
    },
}


def problems(definition: Definition, document: dict[str, Any]) -> list[tuple[str, str]]:
    if definition.accepts(document):
        definition.check(document)
        return []
    with pytest.raises(RequestError) as caught:
        definition.check(document)
    assert (caught.value.code, caught.value.status) == ("invalid_document", 400)
    assert caught.value.hint
    return [(problem["path"], problem["message"]) for problem in caught.value.details]


def refusal(definition: Any, before: Definition = PLAIN) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse("orders", definition, before)
    assert caught.value.code == "invalid_definition"
    assert caught.value.hint
    return caught.value


@pytest.fixture(scope="module")
def orders() -> Definition:
    return parse("orders", {"schema": ORDER})


GOOD = {"customer": "a@example.com", "items": [1]}


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"customer": 5}, "/customer", "must be a string, not a number"),
        ({"customer": "a"}, "/customer", "must be an email address"),
        ({"status": "old"}, "/status", 'must be one of "new", "paid"'),
        ({"kind": "x"}, "/kind", 'must be "order"'),
        ({"count": 1.5}, "/count", "must be a whole number or null"),
        ({"count": True}, "/count", "must be a whole number or null, not a boolean"),
        ({"count": 0}, "/count", "must be at least 1"),
        ({"count": 4}, "/count", "must be a multiple of 3"),
        ({"note": "toolong"}, "/note", "must have at most 5 characters"),
        ({"shape": {"kind": "square"}}, "/shape/s", "is required"),
        ({"code": ""}, "/code", "must not be empty"),
        ({"code": "A"}, "/code", "must match the pattern ^[a-z]+$"),
        ({"price": 0}, "/price", "must be more than 0"),
        ({"price": 10}, "/price", "must be at most 9.5"),
        ({"items": []}, "/items", "must have at least 1 item"),
        ({"items": [1, 1.0]}, "/items/1", "is the same as an item before it"),
        ({"names": {"abcd": 1}}, "/names/abcd", "cannot be a name here: it must have at most 3"),
        ({"names": {"a": 1}}, "/names/b", "is required where a is given"),
        ({"never": "x"}, "/never", "must not be a string"),
        ({"extra": 1}, "/extra", "is not expected here, only customer, status"),
        ({"tree": {"name": "a", "nodes": [{}]}}, "/tree/nodes/0/name", "is required"),
        ({"tree": {"name": "a", "odd": 1}}, "/tree/odd", "is not expected here"),
    ],
)
def test_a_document_is_told_where_and_why_it_does_not_fit(orders, change, path, message):
    assert problems(orders, GOOD) == []
    found = problems(orders, GOOD | change)
    assert [where for where, _ in found][:1] == [path]
    assert any(words.startswith(message) for _, words in found), found


def test_everything_wrong_is_told_at_once_and_the_first_of_it_in_the_message(orders):
    with pytest.raises(RequestError) as caught:
        orders.check({"status": "old", "count": 0, "price": 0})
    assert len(caught.value.details) == 5
    assert "customer is required" in caught.value.message
    assert "and 2 more" in caught.value.message


def test_the_engines_fields_are_no_business_of_a_schema_that_does_not_name_them(orders):
    kept = {"id": "a", "version": 1, "createdAt": "2026", "updatedAt": "2026"}
    assert problems(orders, GOOD | kept) == []
    assert problems(orders, GOOD | {"owner": "ann"}) == [
        ("/owner", problems(orders, GOOD | {"owner": "ann"})[0][1])
    ]
    owned = parse("orders", {"schema": ORDER, "owner": True, "tenant": True})
    assert problems(owned, GOOD | kept | {"owner": "ann", "tenant": "acme"}) == []
    named = parse("orders", {"schema": {"properties": {"id": {"pattern": "^o-"}}}})
    assert problems(named, kept) == [("/id", "must match the pattern ^o-")]


@pytest.mark.parametrize(
    ("definition", "message", "hint"),
    [
        (None, "is an object, not null", "unique: [["),
        ([], "is an object, not an array", "unique: [["),
        ({"uniqe": []}, '"uniqe" is not part', "Did you mean unique?"),
        ({"properties": {}}, '"properties" is not part', "goes into schema"),
        ({"fields": {}}, '"fields" is not part', "There are schema, unique, index"),
        ({"schema": "x"}, "The schema of", "Write schema: {"),
        ({"schema": {"email": "string"}}, "would check nothing", "properties: { email: "),
        ({"schema": {"email": {"type": "string"}}}, "would check nothing", "properties"),
        ({"schema": {"type": "array"}}, "allows no document", 'type: "object"'),
        ({"unique": "email"}, "is a list, not a string", 'unique: [["email"]]'),
        ({"unique": ["a", "b"]}, "list of lists", 'unique: [["a"], ["b"]] for 2 keys'),
        ({"unique": ["a", "b"]}, "list of lists", 'unique: [["a", "b"]] for one of all'),
        ({"unique": [5]}, "no list of field names", 'unique: [["email"]]'),
        ({"unique": [[]]}, "no list of field names", "1 to 8 fields"),
        ({"unique": [["a", "a"]]}, "no list of field names", "unique: "),
        ({"unique": [["a..b"]]}, '"a..b" is not a field name', "address.city"),
        ({"unique": [[f"f{n}"] for n in range(17)]}, "over 16 keys", "Leave some out"),
        ({"index": {"a": 1}}, "is a list, not an object", 'index: [["status"]'),
        ({"owner": "me"}, "is true or false, not a string", "owner: true"),
    ],
)
def test_a_definition_that_is_not_understood_is_told_the_right_form(definition, message, hint):
    error = refusal(definition)
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ({"properties": {"a": {"type": "nummber"}}}, "/properties/a/type", "must be"),
        ({"properties": {"a": {"pattern": "["}}}, "/properties/a/pattern", "no regular expression"),
        ({"pattern": "(a{1000}){1000}"}, "/pattern", "very large"),
        ({"items": {"$ref": "#/$defs/none"}}, "/items/$ref", "which is not there"),
        ({"$ref": "https://example.com/s.json"}, "/$ref", "nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "/$ref", "nothing is fetched"),
        ({"$ref": "other.json"}, "/$ref", "nothing is fetched"),
        ({"$defs": {"a": {"$id": "x"}}}, "/$defs/a/$id", "use $anchor"),
        ({"$schema": "https://example.com/other"}, "/$schema", "must name a draft"),
        ({"description": "x" * 100_000}, "", "100,000 are allowed"),
    ],
)
def test_a_schema_that_is_wrong_is_told_where(schema, path, message):
    error = refusal({"schema": schema})
    assert error.details[0]["path"] == path
    assert message in error.details[0]["message"]


def test_a_schema_is_bounded_in_depth_in_length_and_in_what_its_references_multiply_to():
    nested: dict[str, Any] = {}
    for _ in range(60):
        nested = {"properties": {"a": nested}}
    assert "nested over 100 deep" in refusal({"schema": nested}).message

    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(900)} | {"d900": {}}
    assert "200 parts deep" in refusal({"schema": {"$defs": chain, "$ref": "#/$defs/d0"}}).message

    def twice(n: int) -> dict[str, Any]:
        return {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}

    bomb = {f"d{n}": twice(n) for n in range(40)} | {"d40": {}}
    assert "3,000 parts" in refusal({"schema": {"$defs": bomb, "$ref": "#/$defs/d0"}}).message
    anchored = {name: {"$anchor": name, **part} for name, part in bomb.items()}
    for part in anchored.values():
        for one in part.get("allOf", []):
            one["$ref"] = one["$ref"].replace("/$defs/", "")
    assert "3,000 parts" in refusal({"schema": {"$defs": anchored, "$ref": "#d0"}}).message


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "bad": False}},
        {"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}, "bad": False}},
        {
            "properties": {"a": {"$ref": "#"}, "bad": False},
            "patternProperties": {"a": {"$ref": "#"}},
        },
        {"items": {"pattern": "^(?:(?=a)a|(?=a)a)*$"}, "properties": {"a": {"type": "null"}}},
        {"allOf": [{"$ref": "#"}], "properties": {"a": {"type": "null"}}},
    ],
)
def test_no_schema_and_document_take_long_together(schema):
    definition = parse("orders", {"schema": schema})
    document: dict[str, Any] = {"bad": 1}
    for _ in range(200):
        document = {"a": document}
    began = time.perf_counter()
    assert problems(definition, document) != []
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("items", "path", "message"),
    [
        ({"type": "string"}, "/a/0", "must be a string, not a number"),
        ({"anyOf": [{"type": "string"}, {"required": ["x"], "type": "object"}]}, "", "too large"),
    ],
)
def test_of_a_large_document_the_first_problem_must_do(items, path, message):
    definition = parse("orders", {"schema": {"properties": {"a": {"items": items}}}})
    began = time.perf_counter()
    found = problems(definition, {"a": [7] * 300_000})
    assert time.perf_counter() - began < 1
    assert [where for where, _ in found] == [path]
    assert message in found[0][1]
    assert len(problems(definition, {"a": [7] * 1000})) == 100


def test_a_pattern_that_tries_for_ever_gives_up_and_the_document_is_refused():
    pattern = {"properties": {"a": {"pattern": "^(?:(?=a)a|(?=a)a)*$"}}}
    definition = parse("orders", {"schema": pattern})
    assert problems(definition, {"a": "a" * 60 + "b"}) == [
        ("/a", "takes too long to match with the schema's pattern")
    ]


def test_references_lead_by_pointer_by_anchor_and_by_the_schemas_own_name():
    for reference in ("#/$defs/name", "#name", "https://example.com/task#name"):
        schema = {
            "$id": "https://example.com/task",
            "properties": {"name": {"$ref": reference}},
            "$defs": {"name": {"$anchor": "name", "type": "string"}},
        }
        definition = parse("orders", {"schema": schema})
        assert problems(definition, {"name": 5}) == [("/name", "must be a string, not a number")]


def test_one_name_stands_for_a_key_of_one_field_and_paths_lead_inside():
    definition = parse("users", {"unique": ["email"], "index": [["address.city", "age"]]})
    assert definition.unique == ((("email",),),)
    assert definition.index == ((("address", "city"), ("age",)),)


def test_keys_are_equal_where_values_are_and_null_is_compared_with_nothing():
    definition = parse("users", {"unique": [["email"], ["a.b", "c"]]})

    def keys(**fields: Any) -> list[str | None]:
        return definition.keys(fields)

    assert keys(email="x") == ['["x"]', None]
    assert keys(email=1) == keys(email=1.0) != keys(email="1")
    assert keys(email=True) != keys(email=1)
    assert keys(email={"a": 1, "b": 2.0}) == keys(email={"b": 2, "a": 1})
    assert keys(email=None, a={"b": 1}, c=[2]) == [None, "[1,[2]]"]
    assert keys(a={"b": 1}, c=None) == keys(a=5, c=1) == [None, None]
    assert keys(email="x" * 1000)[0] != keys(email="x" * 999)[0]
    assert len(keys(email="x" * 1000)[0] or "") == 64


def test_a_key_is_unique_within_a_tenant():
    definition = parse("users", {"unique": [["email"]], "tenant": True})
    keys = [definition.keys({"email": "x", "tenant": name})[0] for name in ("acme", "bell")]
    assert keys[0] != keys[1]


def test_tenant_and_owner_stay_until_a_definition_says_false():
    owned = parse("notes", {"owner": True})
    again = parse("notes", {"index": [["title"]]}, owned)
    assert (again.owner, again.tenant) == (True, False)
    assert not parse("notes", {"owner": False}, again).owner


def test_a_definition_is_the_same_after_it_was_kept():
    value = {"schema": ORDER, "unique": [["customer"]], "index": [["a.b"]], "owner": True}
    definition = parse("orders", value)
    kept = parse("orders", orjson.loads(definition.text))
    assert (kept, kept.text) == (definition, definition.text)
    assert parse("orders", value | {"unique": [["status"]]}).text != definition.text
    assert parse("a", {"schema": {"const": 1}}).text != parse("a", {"schema": {"const": True}}).text
