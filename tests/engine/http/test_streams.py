"""Bodies that stream: answers piece by piece, requests as they come, and what ends them early."""

import asyncio
import contextlib

import pytest

from aiwe_engine.channel import MOST_OFFERED, ROOM, Channel
from aiwe_engine.engine import Engine
from aiwe_engine.errors import ProgramError
from aiwe_engine.settings import Settings
from tests.engine.http.wire import Wire, listening

HOST = "Host: shop.localhost\r\n"

PROGRAM = r"""
let ended = "";
const pieces = async function* (n, size) {
  try {
    for (let i = 0; i < n; i++) yield "x".repeat(size);
  } finally { ended += "pieces;"; }
};
app.get("/three", () => Response.stream((async function* () { yield "one "; yield new Uint8Array([50, 32]); yield "drei"; })()));
app.get("/none", () => Response.stream((async function* () {})()));
app.get("/endless", (req) => {
  req.signal.addEventListener("abort", () => { ended += "signal;"; });
  return Response.stream(pieces(1e9, 10000));
});
app.get("/ended", () => ended);
app.get("/readable", () => new Response(new ReadableStream({
  async pull(controller) { controller.enqueue(new TextEncoder().encode("tick ")); if ((this.n = (this.n ?? 0) + 1) === 3) controller.close(); },
}), { status: 201, headers: { "content-type": "text/x" } }));
app.get("/breaks", () => Response.stream((async function* () { yield "begun"; throw new Error("s3cret reason"); })()));
app.get("/wrong", () => Response.stream((async function* () { yield "begun"; yield { an: "object" }; })()));
app.get("/stalls", () => Response.stream((async function* () { yield "begun"; await new Promise((r) => setTimeout(r, 60000)); })()));
app.get("/waits", async (req) => {
  await new Promise((resolve) => { req.signal.addEventListener("abort", resolve); setTimeout(resolve, 2500); });
  ended += req.signal.aborted ? `${req.signal.reason.name};` : "never;";
});
app.post("/count", async (req) => {
  let size = 0, count = 0;
  for await (const piece of req.stream()) { size += piece.length; count++; }
  return { size, pieces: count > 0, body: req.body ?? "none" };
}).describe({ body: "stream" });
app.post("/echo", (req) => Response.stream(req.stream())).describe({ body: "stream" });
app.post("/text", async (req) => ({ text: await req.text(), again: await req.text().catch((e) => e.name) })).describe({ body: "stream" });
app.post("/ignored", () => "not read").describe({ body: "stream" });
app.post("/small", (req) => req.body.length).describe({ bodyLimit: 4 });
app.post("/small/stream", async (req) => (await req.bytes()).length).describe({ body: "stream", bodyLimit: 4 });
app.post("/large", (req) => req.body.length).describe({ bodyLimit: 3000 });
"""


@contextlib.asynccontextmanager
async def served(tmp_path, **settings):
    path = tmp_path / "shop.js"
    path.write_text(PROGRAM)
    settings = Settings(spare_workers=0, body_limit=2000, **settings)
    async with Engine(settings, env="dev", root=tmp_path, data=tmp_path / "data") as engine:
        await engine.load(path)
        async with listening(engine) as (_, port):
            yield engine, port


async def exchange(port, data):
    """Head and rest of the answer on a connection that the server closes after it."""
    async with Wire(port) as wire:
        wire.send(data)
        head, _, rest = (await wire.rest()).partition(b"\r\n\r\n")
        return head.decode(), rest


def get(path, *more):
    return "".join([f"GET {path} HTTP/1.1\r\n{HOST}Connection: close\r\n", *more, "\r\n"])


def unchunked(text):
    """The pieces of a chunked body, and whether it came to its end."""
    pieces = []
    while text:
        size, _, text = text.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return pieces, True
        pieces.append(text[:length])
        text = text[length + 2 :]
    return pieces, False


@pytest.mark.parametrize(
    ("path", "status", "whole"),
    [
        ("/three", 200, b"one 2 drei"),
        ("/none", 200, b""),
        ("/readable", 201, b"tick tick tick "),
    ],
)
async def test_an_answer_streams_in_chunks(tmp_path, path, status, whole):
    async with served(tmp_path) as (_, port):
        head, rest = await exchange(port, get(path))
        assert head.startswith(f"HTTP/1.1 {status} ")
        assert "transfer-encoding: chunked" in head
        assert "content-length" not in head
        pieces, complete = unchunked(rest)
        assert (b"".join(pieces), complete) == (whole, True)


async def test_an_old_client_gets_no_chunks_and_the_end_of_the_connection(tmp_path):
    async with served(tmp_path) as (_, port):
        for keep in ("", "Connection: keep-alive\r\n"):
            head, rest = await exchange(port, f"GET /three HTTP/1.0\r\n{HOST}{keep}\r\n")
            assert "transfer-encoding" not in head
            assert "connection: close" in head
            assert rest == b"one 2 drei"


async def test_a_piece_is_there_before_the_next_is_made(tmp_path):
    async with served(tmp_path) as (_, port), Wire(port) as wire:
        wire.send(get("/stalls"))
        await wire.reader.readuntil(b"begun\r\n")


async def test_a_head_request_begins_no_body(tmp_path):
    async with served(tmp_path) as (_, port):
        head, rest = await exchange(port, get("/endless").replace("GET", "HEAD", 1))
        assert (head[:15], rest) == ("HTTP/1.1 200 OK", b"")


@pytest.mark.binds("stream_timeout")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/breaks", "s3cret reason"),
        ("/wrong", "strings and Uint8Arrays"),
        ("/stalls", "no progress"),
    ],
)
async def test_a_stream_that_fails_ends_short_and_the_log_says_why(tmp_path, path, told):
    async with served(tmp_path, stream_timeout=0.3) as (engine, port):
        _, rest = await exchange(port, get(path))
        pieces, complete = unchunked(rest)
        assert (pieces, complete) == ([b"begun"], False)
        lines = [line for _, line in engine.logs(None) if line.level == "error"]
        assert len(lines) == 1
        assert told in lines[0].text
        assert b"s3cret" not in rest


async def test_a_reader_that_takes_nothing_holds_the_program_back(tmp_path):
    async with served(tmp_path) as (engine, port), Wire(port) as wire:
        wire.send(get("/endless"))
        await wire.reader.readuntil(b"\r\n\r\n")
        wire.writer.transport.pause_reading()
        release = engine._live["shop"]
        (flight,) = [f for isolate in release.serving._members for f in isolate.flights.values()]
        async with asyncio.timeout(10):
            while flight.channel._size <= ROOM:  # until the sockets and the channel are full
                await asyncio.sleep(0.05)
        await exchange(port, get("/ended"))
        assert ROOM < flight.channel._size < 2 * ROOM


async def ended(port, *words):
    """Waits until the program has noted these words."""
    async with asyncio.timeout(5):
        while True:
            _, noted = await exchange(port, get("/ended"))
            if all(word in noted.decode() for word in words):
                return


async def test_a_client_that_leaves_ends_the_stream_and_aborts_the_signal(tmp_path):
    async with served(tmp_path) as (engine, port):
        async with Wire(port) as wire:
            wire.send(get("/endless"))
            await wire.reader.readuntil(b"xxxx")
        await ended(port, "pieces;", "signal;")
        assert [line.text for _, line in engine.logs(None)] == []


async def test_a_client_that_leaves_aborts_the_signal_of_a_handler_that_waits(tmp_path):
    async with served(tmp_path) as (_, port):
        async with Wire(port) as wire:
            wire.send(get("/waits"))
            wire.send("")
            await wire.writer.drain()
            await exchange(port, get("/ended"))  # the handler has begun
        await ended(port, "AbortError;")


def post(path, body, *, chunked=True):
    if chunked:
        text = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body) + b"0\r\n\r\n"
        length = "Transfer-Encoding: chunked\r\n"
    else:
        text = b"".join(body)
        length = f"Content-Length: {len(text)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{HOST}Connection: close\r\n{length}\r\n".encode() + text


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_request_streams_to_a_route_that_wants_it(tmp_path, chunked):
    async with served(tmp_path) as (_, port):
        head, rest = await exchange(port, post("/count", [b"x" * 700, b"y" * 700], chunked=chunked))
        assert head.startswith("HTTP/1.1 200"), rest
        assert rest == b'{"size":1400,"pieces":true,"body":"none"}'


async def test_a_request_is_answered_while_it_comes(tmp_path):
    async with served(tmp_path) as (_, port), Wire(port) as wire:
        wire.send(f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        for word in (b"one", b"two", b"three"):
            wire.send(b"%x\r\n%b\r\n" % (len(word), word))
            await wire.reader.readuntil(word + b"\r\n")
        wire.send("0\r\n\r\n")
        await wire.reader.readuntil(b"0\r\n\r\n")


async def test_the_text_of_a_streamed_request_is_read_once(tmp_path):
    async with served(tmp_path) as (_, port):
        _, rest = await exchange(port, post("/text", ["é".encode()[:1], "é".encode()[1:]]))
        assert rest == '{"text":"é","again":"TypeError"}'.encode()


async def test_a_body_that_the_handler_leaves_unread_does_not_become_a_request(tmp_path):
    async with served(tmp_path) as (_, port), Wire(port) as wire:
        wire.send(
            f"POST /ignored HTTP/1.1\r\n{HOST}Content-Length: 24\r\n\r\nGET /ended HTTP/1.1\r\n\r\n\r\n"
        )
        status, _, body = await wire.answer()
        assert (status, body) == (200, b"not read")
        wire.send(get("/ended"))
        assert (await wire.answer())[0] == 200


LIMITS = [
    ("/small", 4, 200),
    ("/small", 5, 413),
    ("/small/stream", 4, 200),
    ("/small/stream", 5, 413),
    ("/count", 2001, 413),
    ("/large", 2500, 200),
    ("/large", 3001, 413),
]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(("path", "size", "status"), LIMITS)
async def test_the_limit_of_a_body_is_the_routes_own(tmp_path, path, size, status, chunked):
    async with served(tmp_path) as (_, port):
        head, rest = await exchange(port, post(path, [b"x" * size], chunked=chunked))
        assert head.startswith(f"HTTP/1.1 {status} "), rest
        assert (b"body_too_large" in rest) == (status == 413)


@pytest.mark.parametrize(
    ("registration", "words"),
    [
        ('.describe({ body: "streamed" })', 'body is "parsed" or "stream"'),
        (".describe({ bodyLimit: 1.5 })", "bodyLimit is a whole number of bytes"),
        (".describe({ bodyLimit: -1 })", "bodyLimit is a whole number of bytes"),
    ],
)
async def test_a_description_that_makes_no_sense_is_told(tmp_path, registration, words):
    path = tmp_path / "shop.js"
    path.write_text(f'app.post("/x", () => 1){registration}')
    settings = Settings(spare_workers=0)
    async with Engine(settings, env="dev", root=tmp_path, data=tmp_path / "data") as engine:
        with pytest.raises(Exception, match=words):
            await engine.load(path)


async def test_writes_that_do_not_wait_for_each_other_keep_their_order_and_are_bounded():
    channel = Channel()
    size = 100_000
    writes = [asyncio.create_task(channel.write(bytes([n]) * size)) for n in range(100)]
    done, waiting = await asyncio.wait(writes, return_when=asyncio.FIRST_EXCEPTION)
    refused = [write for write in done if write.exception()]
    assert {write.exception().code for write in refused} == {"stream_overrun"}
    assert all(isinstance(write.exception(), ProgramError) for write in refused)
    assert len(waiting) * size <= MOST_OFFERED + size
    taken = 100 - len(refused)
    assert [(await channel.read())[0] for _ in range(taken)] == list(range(taken))
    await asyncio.gather(*waiting)
    await channel.write(b"again")
    assert await channel.read() == b"again"
