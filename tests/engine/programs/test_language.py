"""The language service, asked as editors and kernels ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aiwe_engine.errors import RequestError
from aiwe_engine.programs.language import Language, utf16_length
from aiwe_engine.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def language() -> AsyncIterator[Language]:
    async with Language(Settings()) as language:
        yield language


async def ask(language: Language, operation: str, marked: str, *others: str) -> Any:
    """Asks at the place of | in a text."""
    position = marked.find("|")
    return await language.ask(
        operation,
        {
            "session": "s",
            "cell": "now",
            "source": marked.replace("|", "", 1) if position >= 0 else marked,
            "position": utf16_length(marked[: max(position, 0)]),
            "others": [{"cell": str(i), "source": text} for i, text in enumerate(others)],
        },
    )


# text: (other cells, what is offered, what is not)
COMPLETED: dict[str, tuple[list[str], set[str], set[str]]] = {
    "app.|": ([], {"get", "post", "onError", "name"}, {"DataRepository"}),
    "app.ge|": ([], {"get"}, {"post"}),
    "DataRep|": ([], {"DataRepository"}, {"document"}),
    "await DataRepository.|": ([], {"create", "query", "sql"}, set()),
    "app.get('/', (req) => req.|)": ([], {"body", "params", "query", "json"}, set()),
    "Response.|": ([], {"html", "json", "redirect"}, set()),
    "tas|": (["const tasks = []", "function taskOf() {}"], {"tasks", "taskOf"}, set()),
    "const t: Task = { title: '' }; t.|": (["interface Task { title: string }"], {"title"}, set()),
    "const é = '🦆'; app.|": ([], {"get"}, set()),
    "win|": ([], set(), {"window"}),
    "": ([], {"app", "Response", "html"}, {"document", "alert"}),
}


@pytest.mark.parametrize("text", COMPLETED)
async def test_completion(text: str, language: Language) -> None:
    others, offered, absent = COMPLETED[text]
    found = {match["text"] for match in (await ask(language, "complete", text, *others))["matches"]}
    assert offered <= found
    assert not absent & found


async def test_completion_tells_what_it_replaces(language: Language) -> None:
    answer = await ask(language, "complete", "const é = '🦆'; app.ge|")
    before = len("const é = '🦆'; app.") + 1  # a duck is two units of UTF-16
    assert (answer["start"], answer["end"]) == (before, before + 2)
    assert answer["matches"][0] == {"text": "get", "kind": "method"}


async def test_hover_shows_type_and_meaning(language: Language) -> None:
    answer = await ask(language, "hover", "ht|ml``")
    assert answer["text"].startswith("function html(strings: TemplateStringsArray")
    assert "is escaped for its place" in answer["text"]
    assert answer["markdown"].startswith("```typescript\nfunction html")


async def test_hover_inside_a_call_shows_its_signature(language: Language) -> None:
    assert (await ask(language, "hover", "app.get( |  )"))["text"].startswith("get(path: string")


async def test_hover_over_nothing(language: Language) -> None:
    assert await ask(language, "hover", "1 |+ 1") is None


# text: (other cells, messages that are given)
DIAGNOSED: dict[str, tuple[list[str], list[str]]] = {
    "app.got('/')": ([], ["Property 'got' does not exist"]),
    "Respons.json(1)": ([], ["Cannot find name 'Respons'"]),
    "const a = (": ([], ["Expression expected"]),
    "const t: Task = { name: 1 }": (
        ["interface Task { title: string }"],
        ["'name' does not exist in type 'Task'"],
    ),
    "const a = await Promise.resolve(1); for await (const x of [a]) x": ([], []),
    "const a = 1; let b = 2; function f() {} class C {}": (
        ["const a = 2; let b; function f() {} class C {}"],
        [],
    ),
    "const fetch = 1; function register(req) { return 1 } function init() {}": ([], []),
    "import { x } from './lib.js'\nx()": ([], []),
    "y()": (["import { y } from './lib.js'"], []),
    "const o = {}; o.later = 1": ([], []),
    "function f(a, b) {} f(1)": ([], []),
    "const h = (...all) => all; const x = <p class='a'>{1}</p>": ([], []),
    "document.title": ([], ["Cannot find name 'document'"]),
    "app.get('/', (req) => Response.json({ id: req.params.id }))": ([], []),
}


async def test_a_notebook_without_a_session_yet_is_looked_at_too(language: Language) -> None:
    """As JupyterLab opens one: its kernel is still being started."""
    cell = {"session": "", "cell": "first-route", "source": "app.nope();", "others": []}
    found = await language.ask("diagnostics", cell)
    assert [one["code"] for one in found["diagnostics"]] == [2339]


@pytest.mark.parametrize("text", DIAGNOSED)
async def test_diagnostics(text: str, language: Language) -> None:
    others, expected = DIAGNOSED[text]
    found = (await ask(language, "diagnostics", text, *others))["diagnostics"]
    assert len(found) == len(expected), found
    for diagnostic, message in zip(found, expected, strict=True):
        assert message in diagnostic["message"]
        assert 0 <= diagnostic["start"] <= diagnostic["end"]
        assert diagnostic["severity"] == "error"


async def test_sessions_do_not_meet(language: Language) -> None:
    await language.complete(session="one", cell="a", source="const mine = 1")
    found = await language.complete(session="two", cell="b", source="mi")
    assert "mine" not in {match["text"] for match in found["matches"]}


COMPLETE = {
    "1 + 1": "complete",
    "": "complete",
    "const a: number = 1": "complete",
    "await f()": "complete",
    "f(": "incomplete",
    "if (a) {": "incomplete",
    "`text": "incomplete",
    "/* open": "incomplete",
    "1 +": "incomplete",
    "const a: number =": "incomplete",
    "a ]": "invalid",
    "let let = 1": "invalid",
}


@pytest.mark.parametrize("text", COMPLETE)
async def test_whether_a_cell_is_complete(text: str, language: Language) -> None:
    assert (await ask(language, "complete_check", text))["status"] == COMPLETE[text]


async def test_the_next_line_is_indented(language: Language) -> None:
    answer = await language.complete_check(source="if (a) {\n  f(() => {")
    assert answer == {"status": "incomplete", "indent": "    "}


async def test_the_contract_holds_no_mistake(language: Language) -> None:
    text = """
    const stream = new ReadableStream<string>({ start(c) { c.enqueue("a") } }).pipeThrough(new TextEncoderStream())
    for await (const chunk of stream) chunk.byteLength
    const url = new URL("a", "b"); url.searchParams.get("x")?.length
    const answer: Response = await fetch(url, { timeout: 5, headers: { a: "b" } })
    for (const [name, value] of answer.headers) name + value
    const id: number = setTimeout(() => {}, 1); clearTimeout(id)
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("a"))
    const rows = await DataRepository.query<{ title: string }>("tasks", { limit: 3 }); rows[0].title.length + rows[0].version
    app.get("/tasks", async (req) => (await DataRepository.list("tasks", { cursor: req.query.cursor })).cursor)
    const kept = await DataRepository.transaction(async (tx) => tx.get("tasks", "a")); kept?.title
    Response.stream((async function* () { yield "a" })()); new Response("a", { status: 201 }); Response.error(404, "x")
    display(structuredClone({ a: digest }).a.byteLength); new File(["a"], "b").name; new AbortController().signal.aborted
    """
    assert (await ask(language, "diagnostics", text))["diagnostics"] == []


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("rename", {"source": ""}, "not_found"),
        ("complete", {}, "invalid_input"),
        ("complete", {"source": 1}, "invalid_input"),
        ("hover", {"source": "", "others": [{"cell": "a"}]}, "invalid_input"),
    ],
)
async def test_what_is_no_question_is_refused(
    operation: str, arguments: dict[str, Any], code: str, language: Language
) -> None:
    with pytest.raises(RequestError) as caught:
        await language.ask(operation, arguments)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.binds("worker_idle")
async def test_an_idle_process_is_ended() -> None:
    async with Language(Settings(worker_idle=0.01)) as language:
        await language.complete_check(source="1")
        async with asyncio.timeout(5):
            while language.process.pid is not None:
                await asyncio.sleep(0.01)
