"""`req.validate` and `define` read schemas by two libraries: what one accepts, the other accepts."""

from __future__ import annotations

from typing import Any

import orjson

from aiwe_engine.store.schemas import InvalidSchema, Schema
from tests.engine.runtime.bench import Bench

FORMATS: dict[str, list[str]] = {
    "email": ["a@b.co", "a", "a@b", "@b.co", "a b@c.de", '"a b"@c.de', "Ann <a@b.co>", "a..b@c.de", "a@-b.co",
              "ä@b.co", "a+b@c.de", "a@b.c_d", "a@b.co\n", "a@[127.0.0.1]", ""],
    "idn-email": ["ä@ö.de", "a@b.co", "a", "@"],
    "date": ["2026-01-31", "2026-02-29", "2024-02-29", "2026-13-01", "2026-1-1", "20260131", ""],
    "date-time": ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123Z", "2026-01-31t12:00:00z", "2026-01-31 12:00:00Z",
                  "2026-01-31T12:00:00", "2026-01-31T12:00:00+01:00", "2026-01-31T24:00:00Z", "2026-12-31T23:59:60Z",
                  "2026-06-15T12:00:60Z", "2026-02-30T12:00:00Z", "2026-01-31T12:00:00+25:00"],
    "time": ["12:00:00Z", "12:00:00", "12:00Z", "24:00:00Z", "23:59:60Z", "12:00:00+01:00"],
    "duration": ["P3DT12H", "P1Y", "P1W", "PT0S", "P", "PT", "P0.5D", "-P1D", "P1M2W"],
    "uri": ["https://example.com/page", "https://example.com/a b", "mailto:a@b.co", "//example.com", "/path", "a",
            "https://example.com/ä", "https://[::1]/", "https://example.com/%zz", ""],
    "url": ["https://example.com/page", "a", "//x", "mailto:a@b.co", "https://example.com/ä", ""],
    "uri-reference": ["/path", "a", "//x", "#f", "a b", "ä", "\\", ""],
    "iri": ["https://example.com/ä", "https://example.com/ä b", "a", "/x"],
    "iri-reference": ["/ä", "a b", ""],
    "uuid": ["2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
             "2eb8aa08aa9811eab4aa73b441d16380", "x"],
    "hostname": ["example.com", "localhost", "a_b.com", "-a.com", "a..b", "1.2.3.4", "a" * 64 + ".de", ""],
    "ipv4": ["127.0.0.1", "256.0.0.1", "1.2.3", "01.2.3.4", "::1"],
    "ipv6": ["::1", "::", "1::2::3", "fe80::1%eth0", "::ffff:1.2.3.4", "12345::"],
    "regex": ["a", "[", "(a", "\\p{L}", "(?<=a)b", "a{2,1}"],
    "json-pointer": ["", "/a", "/a~0", "/a~2", "a"],
    "relative-json-pointer": ["0", "0#", "1/a", "01", "a"],
    "uri-template": ["/a/{b}", "/{", "a b"],
    "binary": ["x"],
    "phone": ["x"],
}  # fmt: skip
OTHERS: list[tuple[dict[str, Any], list[Any]]] = [
    ({"multipleOf": 0.01}, [0.07, 19.99, 1.005, 4.35, 0]),
    ({"uniqueItems": True}, [[1, 1.0], [1, True], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], ["1", 1]]),
    ({"const": 1}, [1, 1.0, True, "1"]),
    ({"enum": [1, "a", None, [1], {"x": 1}]}, [1.0, "a", None, [1], {"x": 1}, True]),
    ({"type": "integer"}, [1, 1.0, 1.5, 1e300, True, "1"]),
    ({"maxLength": 1}, ["😀", "ab", "e\u0301"]),
    ({"pattern": "^\\d$"}, ["1", "٣"]),
    ({"pattern": "^\\w$"}, ["a", "ä"]),
    ({"pattern": "a$"}, ["a", "a\n"]),
    ({"pattern": "^\\p{Lu}\\u{61}+$"}, ["Äa", "äa"]),
    ({"pattern": "^(?!x)(?=.*[A-Z])(?=.*\\d).{3,}$"}, ["aB1", "xB1", "ab1"]),
    ({"pattern": "^(a|b)\\1$"}, ["aa", "ab"]),
    ({"additionalProperties": False, "patternProperties": {"^x": {}}}, [{"xa": 1}, {"b": 1}]),
    ({"dependentRequired": {"a": ["b"]}}, [{"a": 1}, {"a": 1, "b": 2}]),
    ({"contains": {"type": "string"}, "maxContains": 2}, [[], ["a"], ["a"] * 3]),
    ({"prefixItems": [{"type": "string"}], "items": False}, [["a"], ["a", 1], [1]]),
    ({"if": {"type": "string"}, "then": {"minLength": 2}, "else": False}, ["a", "ab", 1]),
    ({"oneOf": [{"type": "number"}, {"minimum": 5}]}, [4, 6, "x"]),
    (
        {
            "allOf": [{"properties": {"a": {}}}],
            "anyOf": [{"required": ["b"], "properties": {"b": {}}}, {"properties": {"c": {}}}],
            "unevaluatedProperties": False,
        },
        [{"a": 1}, {"b": 1}, {"c": 1}, {"a": 1, "d": 1}],
    ),
    ({"type": "any"}, [1]),
    ({"required": "a"}, [{}]),
    ({"minLength": -1}, ["a"]),
    ({"multipleOf": 0}, [1]),
    ({"$ref": "#/nope"}, [1]),
    ({"pattern": "a**"}, ["a"]),
]
CASES = [({"format": name}, values) for name, values in FORMATS.items()] + OTHERS
PROGRAM = """
app.post("/check/:n", (req) => {
  req.validate({ properties: { value: SCHEMAS[+req.params.n] } });
  return "fits";
});
"""


def checked(schema: dict[str, Any], value: Any) -> str:
    """What `define` makes of a value: the code of an answer to the same."""
    try:
        made = Schema({"properties": {"value": schema}})
    except InvalidSchema:
        return "invalid_schema"
    return "fits" if made.fits({"value": value}) else "invalid_input"


async def test_what_one_accepts_the_other_accepts(bench: Bench) -> None:
    schemas = orjson.dumps([schema for schema, _ in CASES]).decode()
    await bench.serve(f"const SCHEMAS = {schemas};\n{PROGRAM}")
    headers = [("content-type", "application/json")]
    seen = set()
    for number, (schema, values) in enumerate(CASES):
        for value in values:
            body = orjson.dumps({"value": value})
            answer = await bench.get(f"/check/{number}", method="POST", headers=headers, body=body)
            found = answer.body.decode()
            if answer.status != 200:
                found = orjson.loads(found)["error"]["code"]
            assert found == checked(schema, value), (schema, value)
            seen.add(found)
    assert seen == {"fits", "invalid_input", "invalid_schema"}
