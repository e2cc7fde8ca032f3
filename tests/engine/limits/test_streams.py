"""An app streams so many answers at a time: the next is refused, and who leaves makes room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from tests.engine.http.wire import Wire, listening
from tests.engine.runtime.bench import Bench, Open

PROGRAM = """
let told = "";
const ticks = async function* () { yield "tick;"; await new Promise(() => {}); };
app.get("/events", (req) => {
  req.signal.addEventListener("abort", () => { told += "left;"; });
  return Response.stream(ticks(), { headers: { "content-type": "text/event-stream" } });
});
app.get("/short", () => Response.stream((async function* () { yield "all"; })()));
app.get("/breaks", () => Response.stream((async function* () { yield "begun"; throw new Error("x"); })()));
app.get("/bad", () => Response.stream(ticks(), { headers: { "x-y": "a\\u0000b" } }));
app.get("/whole", () => "not a stream");
app.get("/told", () => told);
"""


@contextlib.asynccontextmanager
async def events(port: int, app: str = "app", path: str = "/events") -> AsyncIterator[Wire]:
    """A client that has the first piece of a stream, and leaves at the end."""
    async with Wire(port) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: {app}.localhost\r\n\r\n")
        await wire.reader.readuntil(b"tick;")
        yield wire


async def once(port: int, path: str, app: str = "app") -> tuple[int, dict[str, str], bytes]:
    async with Wire(port) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: {app}.localhost\r\nConnection: close\r\n\r\n")
        head, _, rest = (await wire.rest()).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in lines), rest


async def until(port: int, path: str, wanted: Any) -> None:
    async with asyncio.timeout(10):
        while not wanted(await once(port, path)):
            pass


@pytest.mark.binds("streams")
async def test_a_stream_too_many_is_refused_and_nobody_else_is_hurt(open_bench: Open) -> None:
    bench: Bench = await open_bench(streams=2)
    await bench.serve(PROGRAM)
    await bench.serve(PROGRAM, "other")
    async with listening(bench.engine) as (_, port):
        async with events(port), events(port) as second:
            status, headers, body = await once(port, "/events")
            error = orjson.loads(body)["error"]
            assert (status, error["code"]) == (503, "too_many_streams")
            assert error["message"] == (
                "The app streams 2 answers already, which is as many as it may"
            )
            assert error["hint"] == (
                "Try again when some have ended. Let streams end that nobody needs, or raise the "
                "setting limits.streams."
            )
            assert headers["retry-after"] == "5"
            assert "setting limits.streams" in bench.engine.logs("app")[-1][1].text
            # Its program is told; what streams goes on, as do other answers and other apps.
            await until(port, "/told", lambda answer: answer[2] == b"left;")
            assert (await once(port, "/whole"))[2] == b"not a stream"
            async with events(port, "other"):
                pass
            # Who leaves gives the place to the next.
            second.writer.close()
            await until(port, "/short", lambda answer: answer[0] == 200)
        await until(port, "/told", lambda answer: answer[2].count(b"left;") == 3)


async def test_a_stream_gives_its_place_back_however_it_ends(open_bench: Open) -> None:
    bench: Bench = await open_bench(streams=1, stream_timeout=0.2)
    await bench.serve(PROGRAM)
    async with listening(bench.engine) as (_, port):
        for _ in range(2):
            for path, status in [
                ("/short", 200),
                ("/breaks", 200),
                ("/events", 200),
                ("/bad", 500),
            ]:
                found = await once(port, path)
                assert (path, found[0]) == (path, status)


async def test_a_large_file_that_is_sent_has_a_place_too(open_bench: Open) -> None:
    bench: Bench = await open_bench(streams=1, cpu_limit=2.0)
    await bench.serve(
        """
        app.post("/keep", async (req) => (await req.files[0].save()).id);
        app.get("/file/:id", (req) => Response.file(req.params.id));
        """
    )
    body = b'--b\r\ncontent-disposition: form-data; name="f"; filename="a.txt"\r\n\r\n'
    body += b"x" * 200_000 + b"\r\n--b--\r\n"
    form = [("content-type", "multipart/form-data; boundary=b")]
    kept = await bench.get("/keep", method="POST", headers=form, body=body)
    place = f"/file/{kept.body.decode()}"
    first = await bench.get(place)
    assert (first.status, first.stream is not None) == (200, True)
    assert await bench.code(place) == (503, "too_many_streams")
    assert first.stream is not None
    await first.stream.close()
    await first.stream.close()
    again = await bench.get(place)
    assert again.stream is not None
    await again.stream.close()
