"""`req.validate` and a route's described input and output: what fits, what is told, what is safe."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.errors import ProgramError
from tests.engine.runtime.bench import Bench, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROGRAM = r"""
const check = (path, schema) => app.post(path, (req) => ({ valid: req.validate(schema) }));
const order = {
  type: "object",
  required: ["customer", "items"],
  additionalProperties: false,
  properties: {
    customer: { type: "string", format: "email" },
    status: { enum: ["new", "paid"] },
    note: { anyOf: [{ type: "string", maxLength: 5 }, { type: "null" }] },
    when: { type: "string", format: "date-time" },
    items: {
      type: "array", minItems: 1, uniqueItems: true,
      items: { type: "object", required: ["price"], properties: { price: { type: "number", exclusiveMinimum: 0 } } },
    },
  },
};
check("/order", order);
check("/word", { type: "string", minLength: 2, maxLength: 4, pattern: "^[a-z]+$" });
check("/number", { type: "integer", minimum: 1, maximum: 10, multipleOf: 3 });
check("/shape", {
  oneOf: [
    { type: "object", required: ["kind", "radius"], properties: { kind: { const: "circle" }, radius: { type: "number" } } },
    { type: "object", required: ["kind", "side"], properties: { kind: { const: "square" }, side: { type: "number" } } },
  ],
});
check("/card", {
  type: "object", properties: { paid: { type: "boolean" } },
  if: { properties: { paid: { const: true } }, required: ["paid"] }, then: { required: ["card"] }, else: { required: ["iban"] },
});
check("/names", { propertyNames: { maxLength: 3 }, minProperties: 1, dependentRequired: { a: ["b"] }, not: { required: ["bad"] } });
check("/tree", { $ref: "#/$defs/node", $defs: { node: { type: "object", required: ["name"],
  properties: { name: { type: "string" }, nodes: { type: "array", items: { $ref: "#/$defs/node" } } }, unevaluatedProperties: false } } });
check("/texts", { type: "array", items: { type: "string" } });
check("/slow", { type: "string", pattern: "^(a+)+$" });
check("/closed", { type: "object", properties: {}, additionalProperties: false });
check("/form", { type: "object", required: ["name", "age"], properties: {
  name: { type: "string", minLength: 1 }, age: { type: "integer" }, site: { type: "string", format: "uri" },
  agree: { type: "boolean" }, tags: { type: "array", items: { type: "string" } } } });
app.post("/files", (req) => ({ body: req.body, files: req.files.map((file) => file.filename) })).describe({ input: {
  type: "object", required: ["file"], additionalProperties: false, properties: {
    file: { type: "array", maxItems: 2, items: { type: "string", format: "binary" } }, note: { type: "string" } } } });
app.get("/search", (req) => ({ read: req.validate({ type: "object", required: ["q"], properties: {
  q: { type: "string" }, limit: { type: "integer", maximum: 50 }, deep: { type: "boolean" }, ids: { type: "array", items: { type: "integer" } } } }),
  query: req.query }));
app.delete("/either", (req) => req.validate({ required: ["sure"] }));
for (const [name, schema] of Object.entries({
  type: { properties: { age: { type: "nummber" } } },
  pattern: { properties: { a: { items: { pattern: "[" } } } },
  lost: { properties: { a: { $ref: "#/$defs/none" } } },
  remote: { $ref: "https://schemas.invalid/task.json" },
  loop: { allOf: [{ $ref: "#" }] },
  draft: { $schema: "https://example.com/other" },
  none: 5,
})) app.post(`/wrong/${name}`, (req) => req.validate(schema));
app.post("/wrong/circle", (req) => { const schema = {}; schema.self = schema; return req.validate(schema); });
app.post("/wrong/nothing", (req) => req.validate());
let runs = 0;
app.get("/runs", () => ({ runs }));
app.use("/described", async (req, next) => {
  req.order = ["middleware"];
  const answer = await next();
  answer.headers.set("x-saw", String(answer.status));
  return answer;
});
app.post("/described", (req, next) => { req.order.push("route"); return next(); }, (req) => {
  runs++;
  return { body: req.body, input: req.validate(), order: req.order };
}).describe({ input: { type: "object", required: ["title"], properties: { title: { type: "string" }, count: { type: "integer" } } } });
app.get("/pages", (req) => ({ input: req.validate(), raw: req.query.page ?? null }))
  .describe({ input: { type: "object", properties: { page: { type: "integer", minimum: 1 } } } });
app.get("/item/:id/:part", (req) => req.params)
  .describe({ params: { id: { type: "integer", minimum: 1 }, part: { enum: ["a", "b"] } }, input: { required: ["q"] } });
app.get("/told/:status", (req) => Response.json({ n: 1 }, { status: Number(req.params.status) })).describe({
  output: { type: "object" }, responses: { 201: { schema: { type: "string" } }, 404: "Not there", "5XX": { schema: { required: ["m"] } } } });
app.get("/promised/:what", (req) => ({
  good: { id: 1 }, bad: { id: "x" }, moved: Response.redirect("/"), text: "text", later: Promise.resolve({ id: "y" }),
})[req.params.what]).describe({ output: { type: "object", required: ["id"], properties: { id: { type: "integer" } } } });
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    async with Engine(settings(), root=folder, data=folder / "data") as engine:
        bench = Bench(engine, folder)
        await bench.serve(PROGRAM)
        yield bench


async def post(
    bench: Bench, path: str, body: Any, kind: str = "application/json", method: str = "POST"
) -> tuple[int, Any]:
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = [("content-type", kind)] if kind else []
    answer = await bench.get(path, method=method, body=sent, headers=headers)
    return answer.status, orjson.loads(answer.body)


def told(answer: tuple[int, Any]) -> list[tuple[str, str]]:
    status, body = answer
    assert (status, body["error"]["code"]) == (400, "invalid_input"), body
    return [(one["path"], one["message"]) for one in body["error"]["details"]]


GOOD = {"customer": "ada@example.com", "items": [{"price": 1.5}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/order", GOOD),
        ("/order", {**GOOD, "note": None, "status": "paid", "when": "2026-02-28T23:59:60Z"}),
        ("/word", "abc"),
        ("/number", 9),
        ("/shape", {"kind": "square", "side": 2}),
        ("/card", {"paid": True, "card": "4"}),
        ("/tree", {"name": "a", "nodes": [{"name": "b", "nodes": []}]}),
        ("/closed", {}),
    ],
)
async def test_what_fits_is_given_back_as_it_came(shop, path, body):
    assert await post(shop, path, body) == (200, {"valid": body})


@pytest.mark.parametrize(
    ("path", "body", "problems"),
    [
        ("/order", {}, [("/customer", "is required"), ("/items", "is required")]),
        (
            "/order",
            {"customer": "ada", "status": "lost", "note": 5, "when": "today", "items": []},
            [
                ("/customer", "must be an email address"),
                ("/status", 'must be one of "new", "paid"'),
                ("/note", "must be a string or null, not a number"),
                ("/when", "must be a date and time such as 2026-01-31T12:00:00Z"),
                ("/items", "must have at least 1 item"),
            ],
        ),
        (
            "/order",
            {**GOOD, "items": [{"price": "1"}, {}, {"price": 0}, {"price": 0}], "a/b": 1},
            [
                (
                    "/a~1b",
                    "is not expected here, only customer, status, note, when, items",
                ),
                ("/items/0/price", "must be a number, not a string"),
                ("/items/1/price", "is required"),
                ("/items/2/price", "must be more than 0"),
                ("/items/3/price", "must be more than 0"),
                ("/items/3", "is the same as an item before it"),
            ],
        ),
        ("/order", {**GOOD, "note": "too long"}, [("/note", "must have at most 5 characters")]),
        ("/order", [], [("", "must be an object, not an array")]),
        ("/word", "", [("", "must have at least 2 characters"), ("", "must match the pattern ^[a-z]+$")]),
        ("/number", 20, [("", "must be at most 10"), ("", "must be a multiple of 3")]),
        ("/number", 0, [("", "must be at least 1")]),
        ("/number", 1.5, [("", "must be a whole number"), ("", "must be a multiple of 3")]),
        ("/number", "3", [("", "must be a whole number, not a string")]),
        ("/shape", {"kind": "square", "side": "2"}, [("/side", "must be a number, not a string")]),
        ("/shape", 5, [("", "must be an object, not a number")]),
        ("/card", {"paid": True}, [("/card", "is required")]),
        ("/card", {}, [("/iban", "is required")]),
        ("/names", {}, [("", "must have at least 1 property")]),
        (
            "/names",
            {"a": 1, "long": 2, "bad": 3},
            [
                ("/b", "is required where a is given"),
                ("/long", "cannot be a name here: it must have at most 3 characters"),
                ("", "must not have bad"),
            ],
        ),
        (
            "/tree",
            {"name": "a", "nodes": [{"nodes": [{"name": 1}]}], "more": 1},
            [
                ("/nodes/0/name", "is required"),
                ("/nodes/0/nodes/0/name", "must be a string, not a number"),
                ("/more", "is not expected here"),
            ],
        ),
    ],
)  # fmt: skip
async def test_everything_that_is_wrong_is_told_at_once(shop, path, body, problems):
    assert sorted(told(await post(shop, path, body))) == sorted(problems)


async def test_the_message_names_the_first_problems_and_counts_the_rest(shop):
    _, body = await post(shop, "/order", {"status": 1, "note": 2, "when": 3})
    message = body["error"]["message"]
    assert message.startswith("The body is not as expected: customer is required; ")
    assert message.endswith("; and 2 more.")


@pytest.mark.parametrize(
    ("body", "kind", "problem", "hint"),
    [
        (b"", "", "is required, and the request has none", "application/json"),
        (b"\0\1", "application/octet-stream", "came as application/octet-stream", "application/json"),
        (b'{"name": 1}', "text/plain", "must be an object, not a string", "application/json"),
        (b'{"name":1,"age":2}', "application/x-www-form-urlencoded", "is required", "application/json"),
        (b"{}", "application/json", "is required", "JSON Pointer"),
    ],
)  # fmt: skip
async def test_a_body_of_another_kind_is_told_which_is_wanted(shop, body, kind, problem, hint):
    answer = await post(shop, "/form", body, kind)
    assert problem in told(answer)[0][1]
    assert hint in answer[1]["error"]["hint"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"name=A&age=5&agree=on&tags=x", {"name": "A", "age": 5, "agree": True, "tags": ["x"]}),
        (b"name=5&age=-1&agree=false&tags=x&tags=y",
         {"name": "5", "age": -1, "agree": False, "tags": ["x", "y"]}),
        (b"name=A&age=5&site=&agree=", {"name": "A", "age": 5}),
        (b"name=A&age=5&other=7", {"name": "A", "age": 5, "other": "7"}),
    ],
)  # fmt: skip
async def test_fields_of_a_form_become_what_the_schema_says(shop, text, read):
    answer = await post(shop, "/form", text, "application/x-www-form-urlencoded")
    assert answer == (200, {"valid": read})


def form(*parts: tuple[str, str | None]) -> bytes:
    """A form of fields (name, None) and files (field, file name)."""
    text = ""
    for name, filename in parts:
        more = "" if filename is None else f'; filename="{filename}"'
        text += f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\nvalue\r\n'
    return f"{text}--x--\r\n".encode()


async def test_files_of_a_form_are_checked_as_fields_and_stay_files(shop):
    kind = "multipart/form-data; boundary=x"
    sent = form(("file", "a.txt"), ("file", "b.txt"), ("note", None))
    status, answer = await post(shop, "/files", sent, kind)
    assert (status, answer) == (200, {"body": {"note": "value"}, "files": ["a.txt", "b.txt"]})
    status, answer = await post(shop, "/files", form(("file", "a.txt")), kind)
    assert (status, answer["files"]) == (200, ["a.txt"])
    assert told(await post(shop, "/files", form(("note", None)), kind)) == [
        ("/file", "is required")
    ]
    many = form(*[("file", f"{n}.txt") for n in range(3)])
    assert told(await post(shop, "/files", many, kind)) == [("/file", "must have at most 2 items")]
    text = told(await post(shop, "/files", form(("file", None)), kind))
    assert text == [("/file", "must be a file, of a form that is multipart/form-data")]
    other = form(("file", "a.txt"), ("more", "b.txt"))
    assert told(await post(shop, "/files", other, kind))[0][0] == "/more"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (b"name=&age=", [("/name", "is required"), ("/age", "is required")]),
        (b"name=A&age=five&agree=maybe",
         [("/age", "must be a whole number"), ("/agree", "must be true or false")]),
        (b"name=A&age=0x5", [("/age", "must be a whole number")]),
        (b"name=A&name=B&age=5", [("/name", "must be a string, not an array")]),
    ],
)  # fmt: skip
async def test_what_a_form_lacks_is_told(shop, text, problems):
    assert told(await post(shop, "/form", text, "application/x-www-form-urlencoded")) == problems


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("q=5", {"q": "5"}),
        ("q=a&limit=50&deep=true&ids=1", {"q": "a", "limit": 50, "deep": True, "ids": [1]}),
        ("q=a&ids=1&ids=2&other=1", {"q": "a", "ids": [1, 2], "other": "1"}),
    ],
)
async def test_a_get_request_is_checked_by_its_query(shop, query, read):
    answer = await shop.json("/search", query=query)
    assert answer["read"] == read
    assert answer["query"]["q"] == read["q"]
    assert all(isinstance(value, str | list) for value in answer["query"].values())


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ("", [("/q", "is required")]),
        ("q=a&limit=51", [("/limit", "must be at most 50")]),
        ("q=a&limit=", [("/limit", "must be a whole number")]),
        ("q=a&limit=1&limit=2", [("/limit", "must be a whole number, not an array")]),
        ("q=a&ids=1&ids=x", [("/ids/1", "must be a whole number")]),
    ],
)
async def test_a_query_that_does_not_fit_is_told(shop, query, problems):
    answer = await shop.get("/search", query=query)
    assert told((answer.status, orjson.loads(answer.body))) == problems


async def test_a_delete_is_checked_by_its_body_or_by_its_query(shop):
    assert await shop.json("/either", method="DELETE", query="sure=yes") == {"sure": "yes"}
    assert await post(shop, "/either", {"sure": 1}, method="DELETE") == (200, {"sure": 1})
    assert await shop.code("/either", method="DELETE") == (400, "invalid_input")


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("type", "/properties/age/type", 'must be one of "array", "boolean"'),
        ("pattern", "/properties/a/items/pattern", "regular expression"),
        ("lost", "/properties/a/$ref", "leads to #/$defs/none, which is not there"),
        ("remote", "/$ref", "nothing is fetched"),
        ("loop", "", "refers to itself without end"),
        ("draft", "/$schema", "must be one of"),
        ("none", "", "must be an object"),
        ("circle", "", "cannot be written as JSON"),
    ],
)
async def test_a_schema_that_is_wrong_is_the_authors_error_and_names_the_place(
    shop, name, place, words
):
    status, body = await post(shop, f"/wrong/{name}", {})
    error = body["error"]
    assert (status, error["code"]) == (500, "invalid_schema")
    assert error["details"][0]["path"] == place
    assert words in error["details"][0]["message"]
    assert words in error["message"]
    assert error["where"]["line"]


async def test_validate_without_a_schema_asks_for_one(shop):
    status, body = await post(shop, "/wrong/nothing", {})
    assert (status, body["error"]["code"]) == (500, "invalid_schema")
    assert "describe" in body["error"]["hint"]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "hasOwnProperty"])
async def test_names_that_every_object_knows_are_names_like_others(shop, name):
    sent = json.dumps({name: 1}).encode()
    expected = [(f"/{name}", "is not expected here")]
    assert told(await post(shop, "/closed", sent)) == expected
    nested = json.dumps({"name": "a", name: {"polluted": True}}).encode()
    assert told(await post(shop, "/tree", nested)) == expected
    assert await shop.json("/runs") == {"runs": 0}


async def test_a_body_that_is_nested_deeply_ends_in_an_answer(shop):
    for levels in (50, 99, 400):  # two of JSON each
        deep = b'{"name":"a","nodes":[' * levels + b"]}" * levels
        status, body = await post(shop, "/tree", deep)
        assert status == (200 if levels < 100 else 400), body
        assert levels < 100 or body["error"]["code"] == "invalid_json"
    assert (await post(shop, "/tree", {"name": "a"}))[0] == 200


async def test_a_large_body_that_is_wrong_throughout_gets_a_short_list(shop):
    problems = told(await post(shop, "/texts", list(range(20_000))))
    assert problems[0] == ("/0", "must be a string, not a number")
    assert problems[-1] == ("", "has more problems than the 100 that are listed")
    assert len(problems) == 101


async def test_a_pattern_that_never_ends_costs_its_own_request_only(shop):
    status, body = await post(shop, "/slow", "a" * 40 + "b")
    assert (status, body["error"]["code"]) == (500, "cpu_limit")
    assert await post(shop, "/slow", "aaa") == (200, {"valid": "aaa"})


async def test_a_described_input_is_checked_between_middleware_and_handler(shop):
    before = (await shop.json("/runs"))["runs"]
    answer = await post(shop, "/described", {"title": 5})
    assert told(answer) == [("/title", "must be a string, not a number")]
    assert (await shop.json("/runs"))["runs"] == before
    sent = {"title": "x", "count": 2}
    _, body = await post(shop, "/described", sent)
    assert body == {"body": sent, "input": sent, "order": ["middleware", "route"]}
    _, body = await post(
        shop, "/described", b"title=x&count=2", "application/x-www-form-urlencoded"
    )
    assert body["body"] == sent


async def test_a_described_query_is_read_by_validate_and_stays_text_in_query(shop):
    assert await shop.json("/pages", query="page=2") == {"input": {"page": 2}, "raw": "2"}
    assert await shop.json("/pages") == {"input": {}, "raw": None}
    assert await shop.code("/pages", query="page=0") == (400, "invalid_input")
    assert (await shop.get("/pages", method="HEAD", query="page=x")).status == 400


async def test_an_output_that_is_not_as_described_is_told_once_in_the_log(shop):
    def warnings() -> list[str]:
        lines = [line for _, line in shop.engine.logs("app", limit=1000)]
        return [line.text for line in lines if "than it is described" in line.text]

    for what in ("good", "moved", "text", "none"):
        await shop.get(f"/promised/{what}")
    assert warnings() == []
    assert await shop.json("/promised/later") == {"id": "y"}
    assert await shop.json("/promised/bad") == {"id": "x"}
    (line,) = warnings()
    assert line.startswith("GET /promised/:what answered 200 otherwise than it is described")
    assert "id must be a whole number" in line


async def test_parameters_of_the_path_are_checked_as_they_are_described(shop):
    assert await shop.json("/item/7/a", query="q=1") == {"id": "7", "part": "a"}
    answer = await shop.get("/item/0/c", query="q=1")
    assert told((answer.status, orjson.loads(answer.body))) == [
        ("/id", "must be at least 1"),
        ("/part", 'must be one of "a", "b"'),
    ]
    assert "The path is not as expected" in orjson.loads(answer.body)["error"]["message"]
    assert await shop.code("/item/x/a", query="q=1") == (400, "invalid_input")


async def test_an_answer_is_held_against_what_its_status_is_described_to_be(shop):
    def warned() -> list[str]:
        return [
            line.text for _, line in shop.engine.logs("app", limit=1000) if "/told/" in line.text
        ]

    for status in (200, 404, 400):
        await shop.get(f"/told/{status}")
    assert warned() == []
    await shop.get("/told/201")
    (line,) = warned()
    assert "it must be a string, not an object" in line


@pytest.mark.parametrize(
    ("info", "code", "words"),
    [
        ('{ input: { properties: { n: { type: "int" } } } }', "invalid_schema", "/properties/n/type"),
        ('{ output: { $ref: "#/$defs/x" } }', "invalid_schema", "which is not there"),
        ("{ params: { name: {} } }", "invalid_route", "no parameter of the path"),
        ("{ params: { id: { type: 5 } } }", "invalid_schema", "The parameter id"),
        ('{ responses: { 99: "x" } }', "invalid_route", "no status"),
        ("{ responses: { 404: 5 } }", "invalid_route", "a text or {"),
        ('{ responses: { 404: { schema: { type: "x" } } } }', "invalid_schema", "The response 404"),
        ('{ tags: "tasks" }', "invalid_route", 'tags is a list of texts, not "tasks"'),
        ("{ summary: 5 }", "invalid_route", "summary is a text"),
        ('{ hidden: "yes" }', "invalid_route", "hidden is true or false"),
        ('{ body: "raw" }', "invalid_route", '"parsed" or "stream"'),
        ("{ bodyLimit: 1.5 }", "invalid_route", "bodyLimit is a whole number"),
        ('{ body: "stream", input: {} }', "invalid_route", "cannot be a stream"),
    ],
)  # fmt: skip
async def test_a_description_that_is_wrong_keeps_the_program_from_loading(shop, info, code, words):
    text = f'app.post("/a/:id", () => 1)\n  .describe({info});'
    with pytest.raises(ProgramError) as caught:
        await shop.serve(text, app="wrong")
    assert (caught.value.code, caught.value.where.line) == (code, 2)
    assert words in caught.value.message


async def test_outside_dev_an_output_is_not_checked(tmp_path):
    program = 'app.get("/", () => 5).describe({ output: { type: "string" } });'
    data = tmp_path / "data"
    async with Engine(settings(), env="production", root=tmp_path, data=data) as engine:
        bench = Bench(engine, tmp_path)
        await bench.serve(program)
        assert await bench.json("/") == 5
        assert engine.logs("app") == []
