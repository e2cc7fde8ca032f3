"""What an app says of its routes: a valid OpenAPI document that promises what holds."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from aiwe_engine.types import Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

TASK = """{ title: "Task", type: "object", required: ["id"], properties: { id: { type: "integer" } } }"""


def operation(document: Any, method: str, path: str) -> Any:
    return document["paths"][path][method]


def resolved(document: Any, schema: Any) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        at = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            at = at[step.replace("~1", "/").replace("~0", "~")]
        schema = at
    return schema


def content(document: Any, response: Any) -> Any:
    return resolved(document, response["content"]["application/json"]["schema"])


async def test_an_app_is_described_by_its_name_its_version_and_its_routes(document, engine):
    made = await document('app.get("/tasks", () => 1); app.post("/tasks", () => 1);')
    assert made["openapi"].startswith("3.1")
    assert made["info"] == {"title": "shop", "version": engine.deployments()[0].version}
    assert made["servers"] == [{"url": "/"}]
    assert {path: set(item) for path, item in made["paths"].items()} == {"/tasks": {"get", "post"}}


@pytest.mark.parametrize(
    ("route", "path", "parameters"),
    [
        ("/", "/", []),
        ("/tasks/:id", "/tasks/{id}", ["id"]),
        ("/a/:b/c/:d/", "/a/{b}/c/{d}", ["b", "d"]),
        ("/files/*rest", "/files/{rest}", ["rest"]),
        ("/caf%C3%A9", "/caf%C3%A9", []),
        ("/ü/{x}", "/%C3%BC/%7Bx%7D", []),
        ("/with%2Fslash", "/with%2Fslash", []),
    ],
)
async def test_patterns_become_paths_with_parameters(document, route, path, parameters):
    made = await document(f"app.get({json.dumps(route)}, () => 1);")
    assert list(made["paths"]) == [path]
    found = operation(made, "get", path).get("parameters", [])
    assert [(one["name"], one["in"], one["required"]) for one in found] == [
        (name, "path", True) for name in parameters
    ]


async def test_routes_that_differ_in_the_names_of_parameters_are_one_path(document):
    made = await document("""
      app.get("/tasks/:id", () => 1); app.put("/tasks/:task", () => 1); app.get("/tasks/*rest", () => 1);
    """)
    assert {path: sorted(item) for path, item in made["paths"].items()} == {
        "/tasks/{id}": ["get", "put"],
        "/tasks/{rest}": ["get"],
    }
    assert operation(made, "put", "/tasks/{id}")["parameters"][0]["name"] == "id"


async def test_what_answers_every_method_stands_under_each_that_has_no_route_of_its_own(document):
    made = await document("""
      app.all("/echo", () => 1).describe({ summary: "any" });
      app.get("/echo", () => 1).describe({ summary: "get" });
      app.options("/echo", () => 1).describe({ summary: "options" });
    """)
    summaries = {method: one["summary"] for method, one in made["paths"]["/echo"].items()}
    assert summaries == {"get": "get", "put": "any", "post": "any", "delete": "any", "patch": "any"}


async def test_hidden_routes_and_hooks_are_not_there(document):
    made = await document("""
      app.use((req, next) => next()); app.onError(() => {});
      app.get("/secret", () => 1).describe({ hidden: true });
      app.all("/mixed", () => 1).describe({ hidden: true }); app.get("/mixed", () => 1);
    """)
    assert {path: list(item) for path, item in made["paths"].items()} == {"/mixed": ["get"]}


async def test_every_operation_has_a_name_of_its_own(document):
    made = await document("""
      app.get("/", () => 1); app.get("/tasks/:id", () => 1); app.get("/tasks/by/id", () => 1);
      app.get("/tasks-by/id", () => 1); app.all("/x", () => 1); app.get("/ü", () => 1);
    """)
    names = [one["operationId"] for item in made["paths"].values() for one in item.values()]
    assert "getTasksById" in names
    assert len(set(names)) == len(names) == 10


async def test_what_a_route_is_described_with_is_told(document):
    made = await document("""
      app.post("/tasks", () => 1).describe({
        summary: "Add", description: "Adds **one**.", tags: ["tasks", "write"], bodyLimit: 2048, public: true });
      app.get("/tasks", () => 1).describe({ tags: ["tasks"] });
    """)
    post = operation(made, "post", "/tasks")
    assert (post["summary"], post["tags"], post["security"]) == ("Add", ["tasks", "write"], [])
    assert post["description"] == "Adds **one**.\n\nA body has at most 2,048 bytes."
    assert made["tags"] == [{"name": "tasks"}, {"name": "write"}]
    assert "security" not in operation(made, "get", "/tasks")


async def test_an_input_is_the_body_or_the_query(document):
    schema = """{ type: "object", required: ["q"], properties: {
      q: { type: "string", description: "words" }, limit: { type: "integer", deprecated: true } } }"""
    made = await document(f"""
      app.post("/a", () => 1).describe({{ input: {schema} }});
      app.get("/a", () => 1).describe({{ input: {schema} }});
      app.delete("/a", () => 1).describe({{ input: {{ allOf: [{schema}, {{ required: ["sure"] }}] }} }});
    """)
    body = operation(made, "post", "/a")["requestBody"]
    assert body["required"] is True
    assert list(body["content"]) == ["application/json"]
    assert content(made, body)["required"] == ["q"]
    assert operation(made, "get", "/a")["parameters"] == [
        {
            "name": "q", "in": "query", "required": True, "description": "words",
            "schema": {"type": "string", "description": "words"},
        },
        {
            "name": "limit", "in": "query", "required": False, "deprecated": True,
            "schema": {"type": "integer", "deprecated": True},
        },
    ]  # fmt: skip
    asked = operation(made, "delete", "/a")["parameters"]
    assert {one["name"]: one["required"] for one in asked} == {
        "q": True,
        "limit": False,
        "sure": True,
    }
    for method in ("post", "get", "delete"):
        response = operation(made, method, "/a")["responses"]["400"]
        assert content(made, response) == made["components"]["schemas"]["Error"]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ('{ properties: { a: { type: "string" } } }', "application/json"),
        ('{ properties: { a: { type: "string", format: "binary" } } }', "multipart/form-data"),
        ('{ properties: { a: { type: "array", items: { type: "string", format: "binary" } } } }', "multipart/form-data"),
        ('{ title: "Upload", properties: { a: { format: "binary" } } }', "multipart/form-data"),
    ],
)  # fmt: skip
async def test_an_input_with_files_is_a_form(document, schema, kind):
    made = await document(f'app.post("/a", () => 1).describe({{ input: {schema} }});')
    assert list(operation(made, "post", "/a")["requestBody"]["content"]) == [kind]


async def test_described_parameters_of_the_path_are_told(document):
    made = await document(
        'app.get("/a/:id", () => 1).describe({ params: { id: { type: "integer" } } });'
    )
    get = operation(made, "get", "/a/{id}")
    assert get["parameters"][0]["schema"] == {"type": "integer"}
    assert "400" in get["responses"]


@pytest.mark.parametrize(
    ("method", "info", "statuses"),
    [
        ("get", "{}", {"200", "default"}),
        ("post", "{}", {"200", "201", "204", "default"}),
        ("delete", "{}", {"200", "204", "default"}),
        ("get", f"{{ output: {TASK} }}", {"200", "default"}),
        ("post", f"{{ output: {TASK} }}", {"200", "201", "default"}),
        ("post", f"{{ output: {TASK}, responses: {{ 201: 'Made' }} }}", {"201", "default"}),
        ("get", "{ responses: { 404: 'None' } }", {"200", "404", "default"}),
        ("get", "{ responses: { 204: 'Gone', '4XX': 'No' } }", {"204", "4XX", "default"}),
    ],
)
async def test_answers_are_those_that_may_come(document, method, info, statuses):
    made = await document(f'app.{method}("/a", () => 1).describe({info});')
    assert set(operation(made, method, "/a")["responses"]) == statuses


async def test_a_limited_route_says_so_and_what_a_caller_is_told(document):
    made = await document("""
      app.get("/some", () => 1).limit("5/min"); app.get("/any", () => 1);
    """)
    some = operation(made, "get", "/some")
    assert "5/min" in some["description"]
    assert "Retry-After" in some["responses"]["429"]["headers"]
    assert "429" not in operation(made, "get", "/any")["responses"]


async def test_a_described_answer_is_a_promise_and_an_undescribed_one_is_none(document):
    made = await document(f"""
      app.get("/said", () => 1).describe({{ output: {TASK} }});
      app.get("/page", () => 1).describe({{ responses: {{
        200: {{ description: "A page", contentType: "text/html" }}, 404: {{ schema: {{ type: "string" }} }}, 204: "Nothing" }} }});
      app.get("/unsaid", () => 1);
    """)
    error = made["components"]["schemas"]["Error"]
    said = operation(made, "get", "/said")["responses"]
    assert content(made, said["200"])["title"] == "Task"
    assert content(made, said["default"]) == error
    page = operation(made, "get", "/page")["responses"]
    assert page["200"] == {"description": "A page", "content": {"text/html": {}}}
    assert content(made, page["404"]) == {"type": "string"}
    assert page["204"] == {"description": "Nothing"}
    unsaid = operation(made, "get", "/unsaid")["responses"]
    assert unsaid["200"]["content"] == {"*/*": {}}
    assert set(unsaid["default"]["content"]) == {"application/json", "*/*"}
    assert True in unsaid["default"]["content"]["application/json"]["schema"]["anyOf"]


async def test_the_error_of_the_document_is_the_error_of_the_engine(document, engine):
    made = await document('app.get("/", () => { throw new Error("x"); });')
    for path in ("/", "/none"):
        answer = await engine.handle("shop", Request("GET", path), public=True)
        jsonschema.validate(json.loads(answer.body), made["components"]["schemas"]["Error"])


async def test_schemas_with_a_title_are_shared_and_others_stand_in_their_place(document):
    made = await document(f"""
      const Task = {TASK}, Other = {{ ...Task, required: [] }};
      app.get("/a", () => 1).describe({{ output: {{ type: "array", items: Task }} }});
      app.get("/b", () => 1).describe({{ output: Task }});
      app.get("/c", () => 1).describe({{ output: Other }});
    """)
    assert set(made["components"]["schemas"]) == {"Error", "Task", "Task2"}
    schema = operation(made, "get", "/a")["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/Task"}}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ('{ $ref: "#/$defs/n", $defs: { n: { type: "object", properties: { next: { $ref: "#/$defs/n" } } } } }', "object"),
        ('{ type: "array", items: { $ref: "#" } }', "array"),
        ('{ $id: "https://x.invalid/tree", $ref: "tree#leaf", $defs: { a: { $anchor: "leaf", type: "integer" } } }', "integer"),
        ('{ $ref: "#/definitions/a~1b", definitions: { "a/b": { type: "boolean" } } }', "boolean"),
        ('{ properties: { a: { type: "null" }, b: { $ref: "#/properties/a" } }, $ref: "#/properties/a" }', "null"),
    ],
)  # fmt: skip
async def test_references_inside_a_schema_lead_to_the_same_in_the_document(
    document, schema, wanted
):
    made = await document(f'app.post("/a", () => 1).describe({{ input: {schema} }});')
    found = content(made, operation(made, "post", "/a")["requestBody"])
    assert found["type"] == wanted if "type" in found else resolved(made, found)["type"] == wanted
    text = json.dumps(made)
    assert "$id" not in text
    assert "$anchor" not in text
    for part in text.split('"$ref": "')[1:]:
        assert resolved(made, {"$ref": part.partition('"')[0]}) is not None


async def test_routes_that_share_their_definitions_share_a_component(document):
    made = await document("""
      const input = { $ref: "#/$defs/Line", $defs: { Line: { type: "object", properties: { l: { $ref: "#/$defs/Line" } } } } };
      app.post("/a", () => 1).describe({ input }); app.put("/a", () => 1).describe({ input });
      app.post("/b", () => 1).describe({ input: { $ref: "#/$defs/Line", $defs: { Line: { type: "string" } } } });
    """)
    assert set(made["components"]["schemas"]) == {"Error", "Line", "Line2"}


async def test_a_notebook_is_called_by_its_first_heading(engine):
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["no heading\n", "## small\n"]},
        {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "text\n\n# The *best* `API`\n"},
        {
            "cell_type": "code", "id": "c", "metadata": {}, "outputs": [], "execution_count": None,
            "source": 'app.get("/", () => 1);',
        },
    ]  # fmt: skip
    path = engine.root / "best.ipynb"
    spec = {"name": "aiwe", "language": "javascript", "display_name": "aiwe"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": spec},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(notebook))
    await engine.load(path)
    assert json.loads(await engine.openapi("best"))["info"]["title"] == "The best API"
    cells[1]["source"] = "# Another"
    path.write_text(json.dumps(notebook | {"metadata": {"kernelspec": spec, "more": 1}}))
    assert json.loads(await engine.openapi("best"))["info"]["title"] == "Another"
    path.write_text("{")
    assert json.loads(await engine.openapi("best"))["info"]["title"] == "best"


GUARDED = {
    'app.get("/x", () => 1).require()': [[]],
    'app.get("/x", () => 1).require("admin", "editor")': [["admin", "editor"]],
    'app.get("/x", Auth.require("admin"), () => 1)': [["admin"]],
    'app.get("/x", Auth.require(), () => 1).require("admin").describe({ public: true })': [
        [],
        ["admin"],
    ],
}


@pytest.mark.parametrize("text", GUARDED)
async def test_a_guarded_route_says_who_may_ask_and_what_others_get(document, text):
    made = await document(text)
    found = operation(made, "get", "/x")
    assert found["security"] == [{"session": []}, {"bearer": []}, {"apiKey": []}]
    assert set(made["components"]["securitySchemes"]) == {"session", "bearer", "apiKey"}
    roles = [one for one in GUARDED[text] if one]
    assert "401" in found["responses"]
    assert ("403" in found["responses"]) == bool(roles)
    for one in roles:
        assert f"For people with the role {' or '.join(one)}." in found["description"]


async def test_an_app_without_guards_says_nothing_of_them(document):
    made = await document('app.get("/x", () => 1).describe({ requires: "none" })')
    assert "securitySchemes" not in made["components"]
    assert "security" not in operation(made, "get", "/x")
    assert not {"401", "403"} & set(operation(made, "get", "/x")["responses"])
