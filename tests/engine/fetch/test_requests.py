"""What a program passes to `fetch`: every kind of body and option; what makes no sense is told."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest

from aiwe_engine.capabilities.fetch import Fetch
from aiwe_engine.errors import AiweError
from aiwe_engine.settings import Settings
from aiwe_engine.types import Invocation
from tests.engine.fetch.conftest import Open, Trial
from tests.engine.outbound.servers import Seen, Writer, answer, in_turn, then_silence

pytestmark = pytest.mark.asyncio(loop_scope="module")
TYPE = "content-type"
BODIES = [
    # what is passed, its type, its text
    ('"text ü"', "text/plain;charset=UTF-8", "text ü"),
    ("JSON.stringify({ a: 1 })", "text/plain;charset=UTF-8", '{"a":1}'),
    ("new Uint8Array([104, 105])", None, "hi"),
    ("new Uint8Array([0, 104, 105, 0]).subarray(1, 3)", None, "hi"),
    ("new Uint8Array([104, 105]).buffer", None, "hi"),
    ('new Blob(["hi"], { type: "x/y" })', "x/y", "hi"),
    ('new URLSearchParams({ a: "1 2", b: "ü" })', "application/x-www-form-urlencoded;charset=UTF-8", "a=1+2&b=%C3%BC"),
    ("42", "text/plain;charset=UTF-8", "42"),
    ('new Response("of another").body', None, "of another"),
    ("null", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "text"), BODIES)
async def test_every_kind_of_body_is_sent(
    trial: Trial, body: str, kind: str | None, text: str
) -> None:
    for call in (
        f'fetch("BASE/echo", {{ method: "POST", body: {body}, duplex: "half" }})',
        f'fetch(new Request("BASE/echo", {{ method: "POST", body: {body}, duplex: "half" }}))',
        f'fetch(new URL("BASE/echo"), {{ method: "POST", headers: {{ "X-A": "1" }}, body: {body}, duplex: "half" }})',
    ):
        found = await trial.value(f"return (await {call}).json();")
        assert found["body"].encode("latin-1").decode() == text
        assert found["headers"].get(TYPE) == kind
    assert found["headers"]["x-a"] == "1"


async def test_a_form_with_a_file_is_sent(trial: Trial) -> None:
    found = await trial.value("""
      const form = new FormData();
      form.append("name", "ü");
      form.append("file", new File(["content"], "a.txt", { type: "text/x" }));
      return (await fetch("BASE/echo", { method: "POST", body: form })).json();
    """)
    assert found["headers"][TYPE].startswith("multipart/form-data; boundary=")
    boundary = found["headers"][TYPE].partition("boundary=")[2]
    assert found["body"].count(boundary) == 3
    assert 'name="file"; filename="a.txt"' in found["body"]


async def test_headers_and_method_are_sent_as_given(trial: Trial) -> None:
    for headers in ('{ "X-A": "1", Authorization: "Bearer x" }', '[["x-a", "1"], ["authorization", "Bearer x"]]',
                    'new Headers({ "x-a": "1", authorization: "Bearer x" })'):  # fmt: skip
        found = await trial.value(
            f'return (await fetch("BASE/echo", {{ method: "patch", headers: {headers} }})).json();'
        )
        assert found["method"] == "PATCH"
        assert found["headers"].items() >= {("x-a", "1"), ("authorization", "Bearer x")}


async def test_a_stream_is_sent_as_it_comes(trial: Trial) -> None:
    found = await trial.value("""
      let pulled = 0;
      const body = new ReadableStream({
        async pull(controller) {
          await new Promise((go) => setTimeout(go, 1));
          if (pulled++ === 5) controller.close();
          else controller.enqueue(new TextEncoder().encode(`piece ${pulled}, `));
        },
      });
      return (await fetch("BASE/echo", { method: "POST", body, duplex: "half" })).json();
    """)
    assert found["body"] == "piece 1, piece 2, piece 3, piece 4, piece 5, "
    assert found["headers"]["transfer-encoding"] == "chunked"


async def test_a_stream_is_pulled_no_faster_than_it_is_sent(open_trial: Open) -> None:
    async def deaf(seen: Seen, writer: Writer) -> None:
        await asyncio.sleep(0.2)

    trial: Trial = await open_trial({"*": deaf}, cpu_limit=5.0)

    async def slow(reader: asyncio.StreamReader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        writer.write(answer("enough", "200 OK", "Connection: close"))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(slow, "127.0.0.1", 0, limit=65_536)
    port = listener.sockets[0].getsockname()[1]
    found = await trial.value(f"""
      let pulled = 0;
      const body = new ReadableStream({{ pull(controller) {{ pulled++; controller.enqueue(new Uint8Array(65536)); }} }}, {{ highWaterMark: 0 }});
      const r = await fetch("http://127.0.0.1:{port}/", {{ method: "POST", body, duplex: "half" }});
      return [await r.text(), pulled < 400];
    """)
    listener.close()
    assert found == ["enough", True]


async def test_a_stream_that_fails_fails_the_request(trial: Trial) -> None:
    found = await trial.thrown("""
      fetch("BASE/echo", { method: "POST", duplex: "half", body: new ReadableStream({
        pull(controller) { controller.error(new RangeError("my own reason")); },
      }) })
    """)
    assert (found["name"], found["message"]) == ("RangeError", "my own reason")
    assert [seen.target for seen in trial.server.seen] == []


BAD = [
    ('"BASE/echo", { method: "GET", body: "x" }', "has no body"),
    ('"BASE/echo", { method: "CONNECT" }', "CONNECT is not allowed"),
    ('"BASE/echo", { method: "a b" }', "not an HTTP method"),
    ('"BASE/echo", { headers: { "a b": "1" } }', "not a header name"),
    ('"BASE/echo", { headers: { a: "1\\n2" } }', "line break"),
    ('"BASE/echo", { redirect: "maybe" }', 'redirect is one of "follow", "error", "manual"'),
    ('"BASE/echo", { signal: {} }', "must be an AbortSignal"),
    ('"BASE/echo", { integrity: "sha256-x" }', "integrity"),
    ('"BASE/echo", 7', "must be an object"),
    ('"BASE/echo", { method: "POST", body: new ReadableStream() }', 'duplex: "half"'),
    ('"BASE/echo", { timeout: 0 }', "timeout is a number of milliseconds"),
    ('"BASE/echo", { timeout: "5" }', "timeout is a number of milliseconds"),
    ('"BASE/echo", { timeout: NaN }', "timeout is a number of milliseconds"),
    ('"BASE/echo", { timeout: Infinity }', "timeout is a number of milliseconds"),
    ('"BASE/echo", { retry: -1 }', "whole number of further attempts"),
    ('"BASE/echo", { retry: 1.5 }', "whole number of further attempts"),
    ('"BASE/echo", { retry: "3" }', "retry is a number of further attempts"),
    ('"BASE/echo", { retry: { times: 3 } }', 'retry has no option "times"'),
    ('"BASE/echo", { retry: { delay: 3 } }', "whole number of further attempts"),
    ('"BASE/echo", { retry: { attempts: 1, delay: -3 } }', "milliseconds"),
    ('"BASE/echo", { retry: { attempts: 1, statuses: ["x"] } }', "statuses of retry"),
    ('"BASE/echo", { method: "POST", duplex: "half", retry: 1, body: new ReadableStream() }', "sent once"),
    ('"BASE/echo", { method: "POST", body: "x", headers: { "content-length": "7" } }', "Content-Length"),
    ("", "takes 1 argument"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), BAD)
async def test_what_makes_no_sense_is_told_and_not_sent(
    trial: Trial, arguments: str, said: str
) -> None:
    found = await trial.thrown(f"fetch({arguments})")
    assert found["is_type"], found
    assert said in found["message"]
    assert trial.server.seen == []


async def test_a_body_is_sent_once(trial: Trial) -> None:
    found = await trial.value("""
      const request = new Request("BASE/echo", { method: "POST", body: "x" });
      const answers = [(await fetch(request)).status, request.bodyUsed];
      return [...answers, await fetch(request).catch((e) => e.name), await fetch("BASE/echo", { body: new Response("y").body.getReader() && "z", method: "POST" }).then((r) => r.status)];
    """)
    assert found == [200, True, "TypeError", 200]


async def test_a_request_keeps_what_it_was_made_with(trial: Trial) -> None:
    found = await trial.value("""
      const request = new Request("BASE/echo?q#part", { method: "PUT", headers: { a: "1" }, body: "x", timeout: 3000, retry: 2 });
      return [await (await fetch(request.clone(), { headers: { b: "2" } })).json(), await (await fetch(request)).json()];
    """)
    assert [one["method"] for one in found] == ["PUT", "PUT"]
    assert [("a" in one["headers"], "b" in one["headers"]) for one in found] == [
        (False, True),
        (True, False),
    ]
    assert [one["body"] for one in found] == ["x", "x"]
    assert found[0]["target"] == "/echo?q"


async def test_retry_tries_again(trial: Trial) -> None:
    busy = answer("busy", "503 Busy")
    trial.server.routes["/x"] = in_turn(busy, busy, answer("now"))
    assert await trial.value(
        'return [await (await fetch("BASE/x", { retry: { attempts: 2, delay: 1 } })).text()];'
    ) == ["now"]
    trial.server.routes["/x"] = in_turn(answer("", "404 Not yet"), answer("now"))
    options = "{ method: 'POST', body: 'x', retry: { attempts: 1, delay: 1, maxDelay: 5, statuses: [404] } }"
    assert await trial.value(f'return [await (await fetch("BASE/x", {options})).text()];') == [
        "now"
    ]
    assert [seen.body for seen in trial.server.seen[3:]] == [b"x", b"x"]


# ── ends before the end ──


async def test_timeout_is_an_option(trial: Trial) -> None:
    trial.server.routes["/x"] = then_silence()
    found = await trial.thrown('fetch("BASE/x", { timeout: 50 })')
    assert (found["is_dom"], found["name"], found["code"]) == (
        True,
        "TimeoutError",
        "fetch_timeout",
    )
    assert "within 0.05 s" in found["message"]
    trial.server.routes["/y"] = then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")
    found = await trial.thrown('fetch("BASE/y", { timeout: 100 }).then((r) => r.text())')
    assert (found["is_dom"], found["name"], found["code"]) == (
        True,
        "TimeoutError",
        "fetch_timeout",
    )


ABORTS = {
    "before": ("AbortSignal.abort()", "AbortError"),
    "before, with a reason": ('AbortSignal.abort(new RangeError("mine"))', "RangeError"),
    "later": ("later(50)", "AbortError"),
    "later, with a reason": ('later(50, new RangeError("mine"))', "RangeError"),
    "by time": ("AbortSignal.timeout(50)", "TimeoutError"),
    "by any": ("AbortSignal.any([later(50), new AbortController().signal])", "AbortError"),
}
LATER = "const later = (ms, reason) => { const c = new AbortController(); setTimeout(() => c.abort(reason), ms); return c.signal; };"


@pytest.mark.parametrize("when", ABORTS)
@pytest.mark.parametrize("path", ["/head", "/body", "/upload"])
async def test_a_signal_ends_a_request_and_its_connection(
    trial: Trial, when: str, path: str
) -> None:
    signal, name = ABORTS[when]
    trial.server.routes["/head"] = then_silence()
    trial.server.routes["/body"] = then_silence(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!"
    )
    upload = '{ method: "POST", duplex: "half", body: new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(9)); await new Promise((go) => setTimeout(go, 5)); } }), signal }'
    call = f'fetch("BASE{path}", {upload if path == "/upload" else "{ signal }"}).then((r) => r.text())'
    found = await trial.value(
        f"{LATER} const signal = {signal}; try {{ await {call}; }} catch (e) {{ return [e.name, e === signal.reason]; }} return 'no error';"
    )
    assert found == [name, True]
    if not when.startswith("before"):
        await asyncio.wait_for(trial.server.gone.wait(), 5)
    else:
        assert trial.server.connections == 0
    if path != "/upload":  # the program's own stream has a timer there
        assert trial.lines == [], "what was aborted is not missed"


async def test_an_abort_after_the_end_does_nothing(trial: Trial) -> None:
    found = await trial.value("""
      const c = new AbortController();
      const r = await fetch("BASE/echo", { signal: c.signal });
      const text = await r.text();
      c.abort();
      return [text.length > 5, (await fetch("BASE/echo")).status];
    """)
    assert found == [True, 200]


async def test_what_nobody_awaits_ends_with_the_answer(trial: Trial) -> None:
    trial.server.routes["/x"] = then_silence()
    assert await trial.value('fetch("BASE/x"); await fetch("BASE/echo"); return 1;') == 1
    await asyncio.wait_for(trial.server.gone.wait(), 5)
    (line,) = trial.lines
    assert "that nobody awaited ended with the answer" in line


async def test_a_body_that_nobody_reads_ends_with_the_answer(trial: Trial) -> None:
    trial.server.routes["/x"] = then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")
    assert await trial.value('return (await fetch("BASE/x")).status;') == 200
    await asyncio.wait_for(trial.server.gone.wait(), 5)


async def test_the_deadline_of_a_request_ends_its_fetches(open_trial: Open) -> None:
    trial: Trial = await open_trial({"/x": then_silence()}, deadline=0.3)
    await trial.serve("""
      app.get("/x", async () => { await fetch("BASE/x"); });
      app.get("/after", () => { console.log("after"); return 1; });
    """)
    assert await trial.code("/x") == (504, "deadline")
    await asyncio.wait_for(trial.server.gone.wait(), 5)
    assert (await trial.get("/after")).status == 200
    assert trial.lines[-1] == "after"
    assert not [line for line in trial.lines if "nobody awaited" in line]


async def test_who_waits_too_long_for_a_fetch_is_told_of_its_timeout(open_trial: Open) -> None:
    trial: Trial = await open_trial({"/x": then_silence()}, deadline=0.5)
    await trial.serve("""
      app.get("/x", async () => { await fetch("BASE/x"); });
      app.get("/y", () => fetch("BASE/x", { timeout: 50 }).catch(() => "caught"));
    """)
    error = orjson.loads((await trial.get("/x")).body)["error"]
    host = trial.server.url("").removeprefix("http://").rstrip("/")
    assert error["message"].endswith(f" s: it was waiting for {host}.")
    assert "fetch(url, { timeout: 2000 })" in error["hint"]
    assert (await trial.get("/y")).body == b"caught"


async def test_a_fetch_follows_the_signal_of_its_request(open_trial: Open) -> None:
    trial: Trial = await open_trial({"/x": then_silence()})
    await trial.serve(
        'app.get("/x", (req) => fetch("BASE/x", { signal: req.signal }).catch((e) => e.name));'
    )
    request = trial.request("GET", "/x")
    task = asyncio.create_task(trial.engine.handle("app", request))
    while not trial.server.seen:
        await asyncio.sleep(0.005)
    assert request.left is not None
    request.left()
    assert (await task).body == b"AbortError"
    await asyncio.wait_for(trial.server.gone.wait(), 5)


@pytest.mark.binds("fetch_concurrency")
async def test_fetch_concurrency_is_how_many_go_at_a_time(open_trial: Open) -> None:
    open_now = most = 0

    async def slow(_: Seen, writer: Writer) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.02)
        open_now -= 1
        writer.write(answer("x"))

    for limit in (3, 9):
        trial: Trial = await open_trial({"/x": slow}, fetch_concurrency=limit)
        most = 0
        body = 'return (await Promise.all(Array.from({ length: 12 }, () => fetch("BASE/x").then((r) => r.text())))).join("");'
        assert (await trial.handler(body)).body == b"x" * 12
        assert most == limit


async def test_fetches_that_wait_for_each_other_are_told_so(open_trial: Open) -> None:
    routes = {"/x": then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")}
    trial: Trial = await open_trial(routes, fetch_concurrency=2, fetch_timeout=0.5)
    found = await trial.thrown('Promise.all([1, 2, 3].map(() => fetch("BASE/x")))')
    assert (found["is_dom"], found["code"]) == (True, "fetch_busy")
    assert "2 others" in found["message"]


async def test_settings_reach_the_way_out(open_trial: Open) -> None:
    trial: Trial = await open_trial(
        {"/x": answer("x" * 100)},
        fetch_response_limit=50,
        fetch_request_limit=10,
        fetch_timeout=0.1,
    )
    assert (await trial.thrown('fetch("BASE/x").then((r) => r.text())'))[
        "code"
    ] == "fetch_too_large"
    assert (await trial.thrown('fetch("BASE/x", { method: "POST", body: "x".repeat(11) })'))[
        "code"
    ] == "fetch_body_too_large"
    trial.server.routes["/y"] = then_silence()
    assert (await trial.thrown('fetch("BASE/y")'))["code"] == "fetch_timeout"


# ── while a program loads ──


async def test_what_is_fetched_while_loading_is_fetched_once(open_trial: Open) -> None:
    trial: Trial = await open_trial({"/large": answer("y" * 200_000)}, isolation="request")
    await trial.serve("""
      const config = await (await fetch("BASE/echo", { method: "POST", body: new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("streamed")); c.close(); } }), duplex: "half" })).json();
      const large = await (await fetch("BASE/large")).text();
      const failed = await fetch("http://10.0.0.2:81/").catch((e) => [e instanceof TypeError, e.code]);
      app.get("/x", () => [config.body, large.length, failed]);
    """)
    for _ in range(3):
        assert await trial.json("/x") == ["streamed", 200_000, [True, "fetch_blocked"]]
    assert [seen.target for seen in trial.server.seen] == ["/echo", "/large"]


# ── what a hostile isolate may send ──


GOOD: dict[str, Any] = {
    "url": "http://127.0.0.1:81/",
    "method": "GET",
    "headers": [],
    "redirect": "follow",
}
HOSTILE: list[list[Any]] = [
    [], [-1], [1, GOOD], [0, GOOD], ["-1", GOOD], [True, GOOD], [-1, []], [-1, {}], [-1, {**GOOD, "url": 7}],
    [-1, {**GOOD, "url": None}], [-1, {**GOOD, "method": None}], [-1, {**GOOD, "headers": {"a": "b"}}],
    [-1, {**GOOD, "headers": [["a"]]}], [-1, {**GOOD, "headers": [["a", 1]]}], [-1, {**GOOD, "headers": [["a", "b\r\nc: d"]]}],
    [-1, {**GOOD, "redirect": "x"}], [-1, {**GOOD, "redirect": []}], [-1, {**GOOD, "timeout": "x"}], [-1, {**GOOD, "timeout": -1}],
    [-1, {**GOOD, "timeout": float("nan")}], [-1, {**GOOD, "base64": "%%%"}], [-1, {**GOOD, "text": 7}], [-1, {**GOOD, "retry": 3}],
    [-1, {**GOOD, "retry": {"attempts": 10**9}}], [-1, {**GOOD, "retry": {"attempts": 1, "statuses": ["x"]}}],
    [-1, {**GOOD, "method": "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"}], [-1, {**GOOD, "method": "POST"}], [-1, {**GOOD, "method": ""}],
]  # fmt: skip


@pytest.mark.parametrize("args", HOSTILE, ids=str)
async def test_what_has_not_the_form_of_a_request_is_refused(args: list[Any]) -> None:
    settings = Settings(fetch_allow_private=("127.0.0.1:*",))
    fetch = Fetch(lambda _: settings)
    invocation = Invocation("1", "http", "app", "dev", "v", "h")
    with pytest.raises(AiweError) as caught:
        await fetch.call(invocation, "ask", args)
    assert caught.value.code == "fetch_bad_option"
    assert invocation.bodies == {}
    await fetch.close()


async def test_a_number_that_is_taken_gives_up_what_stands_there(open_trial: Open) -> None:
    trial: Trial = await open_trial({"/x": then_silence()})
    settings = trial.engine.settings
    fetch = Fetch(lambda _: settings)
    invocation = Invocation("1", "http", "app", "dev", "v", "h")
    slow = {**GOOD, "url": trial.server.url("/x")}
    first = asyncio.create_task(fetch.call(invocation, "ask", [-1, slow]))
    while not trial.server.seen:
        await asyncio.sleep(0.005)
    started = time.monotonic()
    answered = await fetch.call(invocation, "ask", [-1, {**GOOD, "url": trial.server.url("/echo")}])
    assert answered[0] == 200
    with pytest.raises(AiweError) as caught:
        await first
    assert caught.value.code == "fetch_aborted"
    assert time.monotonic() - started < 5
    await fetch.close()
