"""References in requests: where a value is put in, how it is written there, and where it never goes."""

from __future__ import annotations

import asyncio
import base64
import gzip
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
import pytest

from aiwe_engine.engine import Engine
from tests.engine.outbound.servers import Seen, Writer, answer, in_turn
from tests.engine.runtime.bench import Bench, settings
from tests.engine.secrets.conftest import VALUE, OpenShop, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "https://api.example.com"
HERE = {"hosts": ("api.example.com",), "places": ("url", "body")}
ODD = 'quo"te\\back &<amp>=+ 100%\nline ü'
TEXT = {"content-type": "text/plain"}
JSON = {"content-type": "application/json"}


async def echoed(shop: Shop, call: str, prelude: str = "") -> Seen:
    """What the server got of the one request that a handler makes."""
    body = f'const key = Secrets.get("key"); const r = await {call}; return [r.status, await r.text()];'
    told = await shop.value(body, prelude)
    [seen] = shop.mail.seen
    assert VALUE not in str(told)
    return seen


async def test_a_reference_tells_nothing(shop: Shop) -> None:
    await shop.keep("key", **HERE)
    await shop.keep("long", value=VALUE * 20)
    one, two, again, same = await shop.value(
        'return [Secrets.get("key"), Secrets.get("long"), Secrets.get("key"), Secrets.get("key") == Secrets.get("long")]'
    )
    assert one == two == again == "[redacted]" or len(one) == len(two) == 50
    assert same is False
    assert (
        await shop.value('return Secrets.get("key").length === Secrets.get("long").length') is True
    )
    assert await shop.value('return /^aiwesecret[a-z0-9]{40}$/.test(Secrets.get("key"))') is True
    assert await shop.value('return [Secrets.exists("key"), Secrets.exists("x"), Secrets.list()]') == [
        True, False, ["key", "long"],
    ]  # fmt: skip


WRONG = {
    'Secrets.get("none")': ("secret_not_found", 'no secret "none"'),
    'Secrets.basic("a", "none")': ("secret_not_found", 'no secret "none"'),
    'Secrets.get("")': ("invalid_argument", 'No secret can have the id "".'),
    'Secrets.get("tok ")': ("invalid_argument", 'No secret can have the id "tok ".'),
    'Secrets.matches("..", "x")': ("invalid_argument", 'No secret can have the id "..".'),
    "Secrets.get(7)": ("invalid_argument", "is a string"),
    'Secrets.basic("a:b", "key")': ("invalid_argument", "without colons"),
    'Secrets.hmac("none", { hash: "SHA-256" }, "x")': ("secret_not_found", 'no secret "none"'),
    'Secrets.hmac("key", { hash: "MD5" }, "x")': ("invalid_argument", "MD5"),
    'Secrets.hmac("key", { hash: "SHA-1", encoding: "x" }, "x")': ("invalid_argument", "encoding"),
    'Secrets.hmac("key", { hash: "SHA-1", chain: "x" }, "x")': ("invalid_argument", "chain"),
    'Secrets.hmac("key", { hash: "SHA-1" }, 7)': ("invalid_argument", "string or a Uint8Array"),
    'Secrets.hmac("key", { hash: "SHA-1" }, `a${Secrets.get("key")}`)': ("secret_encoded", "key"),
    'Secrets.matches("none", "x")': ("secret_not_found", 'no secret "none"'),
}


ELSEWHERE = {
    'Secrets.get("none")': "aiwe secrets set none --hosts HOST --data {data}, with its value",
    'Secrets.hmac("none", { hash: "SHA-256" }, "x")': "set none --hosts none --data {data}, with its",
    f'fetch("{HOST}", {{ headers: {{ a: Secrets.get("key") }} }})': "aiwe secrets change key "
    "--hosts other.example.com,api.example.com --data {data}, or PUT",
    'fetch("https://other.example.com/" + Secrets.get("key"))': "aiwe secrets change key --in url "
    "--data {data}.",
}


@pytest.mark.parametrize("call", ELSEWHERE)
async def test_a_hint_leads_to_the_vault_of_this_engine(call: str, shop: Shop) -> None:
    await shop.keep("key", hosts=("other.example.com",))
    data = shop.engine.data
    assert ELSEWHERE[call].format(data=data) in (await shop.thrown(call))["hint"]


async def test_a_hint_names_no_folder_where_commands_look_in_it(tmp_path: Path) -> None:
    async with Engine(settings(), root=tmp_path, data=tmp_path / ".aiwe") as engine:
        bench = Bench(engine, tmp_path)
        await bench.serve(
            'app.get("/", () => { try { Secrets.get("none"); } catch (e) { return e.hint; } });'
        )
        hint = (await bench.get("/")).body.decode()
        assert hint.startswith("Store it: aiwe secrets set none --hosts HOST, with its value on")


@pytest.mark.parametrize("call", WRONG)
async def test_what_cannot_be_asked_for(call: str, shop: Shop) -> None:
    await shop.keep("key")
    await shop.keep("other_key")
    code, message = WRONG[call]
    thrown = await shop.thrown(call)
    assert thrown["code"] == code
    assert message in thrown["message"]
    assert thrown["hint"]
    assert "other_key" not in str(thrown)


HINTS = {
    'Secrets.get("tok")': "aiwe secrets set tok --hosts HOST, with its value on standard input. Secrets.list",
    'Secrets.basic("a", "tok")': "aiwe secrets set tok --hosts HOST, with",
    'Secrets.hmac("tok", { hash: "SHA-1" }, "x")': "--hosts none, with its value on standard input. It is sent nowhere",
    'Secrets.matches("tok", "x")': "aiwe secrets set tok --hosts none, with",
    'Secrets.get("tok ")': 'Did you mean "tok"? An id is 1 to 128 letters, digits, "_", "-" or "."',
    'Secrets.get("")': 'An id is 1 to 128 letters, digits, "_", "-" or ".", as in',
}


@pytest.mark.parametrize("call", HINTS)
async def test_what_to_do_about_an_id(call: str, shop: Shop) -> None:
    hint = (await shop.thrown(call))["hint"]
    assert HINTS[call] in hint.replace(f" --data {shop.engine.data}", "")
    assert hint.startswith("Did you mean") is (call == 'Secrets.get("tok ")')


Q = "${key}"
SENT: dict[str, tuple[str, Any]] = {
    "alone in a header": ("{ headers: { 'x-key': key } }", lambda s: s.header("x-key")),
    "within a header": ("{ headers: { a: `Bearer ${key}!` } }", lambda s: s.header("a")[7:-1]),
    "text": ("{ method: 'POST', body: `<${key}>` }", lambda s: s.body[1:-1].decode()),
    "bytes": (
        "{ method: 'POST', body: new TextEncoder().encode(`<${key}>`) }",
        lambda s: s.body[1:-1].decode(),
    ),
    "a form": (
        "{ method: 'POST', body: new URLSearchParams({ a: 'b', k: key }) }",
        lambda s: parse_qs(s.body.decode())["k"][0],
    ),
    "multipart": (
        "{ method: 'POST', body: (() => { const f = new FormData(); f.set('k', key); return f; })() }",
        lambda s: (
            s.body.split(b"\r\n\r\n")[1].rpartition(b"\r\n--")[0].partition(b"\r\n--")[0].decode()
        ),
    ),
    "JSON": (
        "{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ k: key }) }",
        lambda s: orjson.loads(s.body)["k"],
    ),
    "JSON that says it is text": (
        "{ method: 'POST', body: JSON.stringify({ k: key }) }",
        lambda s: orjson.loads(s.body)["k"],
    ),
    "JSON in JSON": (
        "{ method: 'POST', body: JSON.stringify({ in: JSON.stringify({ k: key }) }) }",
        lambda s: orjson.loads(orjson.loads(s.body)["in"])["k"],
    ),
    "a wrong length": (
        "{ method: 'POST', headers: { 'content-length': String(key.length) }, body: key }",
        lambda s: s.body.decode(),
    ),
}
ODD_IN_HEADERS = {"alone in a header", "within a header"}


@pytest.mark.parametrize("value", [VALUE, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("case", SENT)
async def test_the_value_arrives_whole(case: str, value: str, shop: Shop) -> None:
    options, found = SENT[case]
    await shop.keep("key", value, **HERE)
    if value == ODD and case in ODD_IN_HEADERS:
        thrown = await shop.thrown(f'(key => fetch("{HOST}/x", {options}))(Secrets.get("key"))')
        assert thrown["code"] == "secret_not_sendable"
        assert shop.mail.seen == []
        return
    seen = await echoed(shop, f'fetch("{HOST}/x", {options})')
    assert found(seen) == value
    if seen.header("content-length"):
        assert int(str(seen.header("content-length"))) == len(seen.body)


@pytest.mark.parametrize("value", [VALUE, ODD], ids=["plain", "odd"])
async def test_the_value_arrives_in_an_address(value: str, shop: Shop) -> None:
    await shop.keep("key", value, **HERE)
    seen = await echoed(shop, f"fetch(`{HOST}/a/{Q}/b?k={Q}&c=d`)")
    path, _, query = seen.target.partition("?")
    assert unquote(path) == f"/a/{value}/b"
    assert path.count("/") == 3
    assert parse_qs(query) == {"k": [value], "c": ["d"]}


@pytest.mark.parametrize("size", [1, 7, 49, 50, 1000])
async def test_the_value_arrives_in_a_stream_whatever_its_pieces(size: int, shop: Shop) -> None:
    await shop.keep("key", **HERE)
    stream = (
        f"(async function* () {{ const t = `--${{key}}--${{key}}aiwesecret`; "
        f"for (let i = 0; i < t.length; i += {size}) yield new TextEncoder().encode(t.slice(i, i + {size})); }})()"
    )
    options = f"{{ method: 'POST', duplex: 'half', body: ReadableStream.from({stream}) }}"
    seen = await echoed(shop, f'fetch("{HOST}/x", {options})')
    assert seen.body.decode() == f"--{VALUE}--{VALUE}aiwesecret"


HEADER = "{ headers: { a: key } }"
NOT_SENT: dict[str, tuple[str, dict[str, Any], str]] = {
    "no hosts": (f'fetch("{HOST}", {HEADER})', {}, "secret_host_not_allowed"),
    "another host": (f'fetch("https://other.example.com", {HEADER})', HERE, "secret_host_not_allowed"),
    "another port": (f'fetch("{HOST}:8443", {HEADER})', HERE, "secret_host_not_allowed"),
    "a longer name": ('fetch("https://api.example.com.evil.org", ' + HEADER + ")", HERE, "secret_host_not_allowed"),
    "a user that looks like the host": (
        f'fetch("{HOST}@evil.org/", {HEADER})', HERE, "fetch_bad_url",
    ),
    "a backslash": (f'fetch("https://evil.org\\\\@api.example.com", {HEADER})', HERE, "secret_host_not_allowed"),
    "the value as a user": (f"fetch(`https://x:{Q}@api.example.com`)", HERE, "fetch_bad_url"),
    "the value as a host": (f"fetch(`https://{Q}.example.com`)", HERE, "secret_not_allowed_here"),
    "a name of a header": (f'fetch("{HOST}", {{ headers: {{ [key]: "a" }} }})', HERE, "secret_not_allowed_here"),
    "the method": (f'fetch("{HOST}", {{ method: key }})', HERE, "secret_not_allowed_here"),
    "in the clear": ('fetch("http://api.example.com/", ' + HEADER + ")", HERE, "secret_needs_https"),
    "a query that is not allowed": (
        f"fetch(`{HOST}?k={Q}`)", {"hosts": HERE["hosts"]}, "secret_not_allowed_here",
    ),
    "a body that is not allowed": (
        f'fetch("{HOST}", {{ method: "POST", body: key }})', {"hosts": HERE["hosts"]}, "secret_not_allowed_here",
    ),
    **{
        f"encoded: {how}": (call, HERE, "secret_encoded")
        for how, call in {
            **{f"base64 behind {n}": f'fetch("{HOST}", {{ headers: {{ a: "Key " + btoa("{"x" * n}" + key) }} }})' for n in range(4)},
            "base64 in a query": f'fetch("{HOST}?k=" + encodeURIComponent(btoa("u:" + key)))',
            "base64 in a body": f'fetch("{HOST}", {{ method: "POST", body: btoa("u:" + key + ":v") }})',
            "base64url": f'fetch("{HOST}/" + new TextEncoder().encode("ab" + key).toBase64({{ alphabet: "base64url" }}))',
            "hex": f'fetch("{HOST}", {{ method: "POST", body: new TextEncoder().encode(key).toHex() }})',
            "upper case": f'fetch("{HOST}", {{ headers: {{ a: key.toUpperCase() }} }})',
            "percent": f'fetch("{HOST}/" + key.replace(/./g, c => "%" + c.charCodeAt(0).toString(16)))',
            "one letter escaped": f'fetch("{HOST}/" + key.replace("w", "%77"))',
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_SENT)
async def test_where_a_value_never_goes(case: str, shop: Shop) -> None:
    call, stored, code = NOT_SENT[case]
    await shop.keep("key", **stored)
    thrown = await shop.thrown(f'(key => {call})(Secrets.get("key"))')
    assert thrown["code"] == code, thrown
    assert thrown["hint"]
    assert shop.mail.seen == shop.server.seen == []
    assert VALUE not in str(thrown)
    if code.startswith("secret_"):
        assert {use[3] for use in await shop.uses()} == {"refused"}


SAME_HOST = [
    "https://API.Example.COM/",
    "https://api.example.com.:443/",
    "https://api%2eexample.com/",
]


@pytest.mark.parametrize("url", SAME_HOST)
async def test_a_host_is_the_same_however_it_is_written(url: str, shop: Shop) -> None:
    await shop.keep("key", **HERE)
    [told] = await shop.value(
        f'try {{ return [(await fetch("{url}", {{ headers: {{ a: Secrets.get("key") }} }})).status]; }} catch (e) {{ return [e.code]; }}'
    )
    assert told in (200, "fetch_tls")  # a name with a dot at its end is not the certificate's
    assert all(use[3] == "sent" for use in await shop.uses())


@pytest.mark.parametrize(
    "options", ["headers: { HOST, a: key }", "method: 'POST', headers: { HOST }, body: key"]
)
async def test_a_value_goes_to_no_other_site_of_its_server(options: str, shop: Shop) -> None:
    await shop.keep("key", **HERE)
    options = options.replace("HOST", "host: 'evil.example.org'")
    seen = await echoed(shop, f'fetch("{HOST}", {{ {options} }})')
    assert seen.header("host") == "api.example.com"


async def test_a_server_of_ones_own_is_reached_in_the_clear(shop: Shop) -> None:
    await shop.keep("key", hosts=(f"127.0.0.1:{shop.server.port}",))
    await shop.value(
        'return (await fetch("BASE/x", { headers: { a: Secrets.get("key") } })).status'
    )
    assert shop.server.seen[0].header("a") == VALUE


async def test_basic_is_put_together_by_the_host(shop: Shop) -> None:
    await shop.keep("key", **HERE)
    await shop.handler(
        f'return (await fetch("{HOST}", {{ headers: {{ authorization: Secrets.basic("api", "key") }} }})).status'
    )
    want = base64.b64encode(f"api:{VALUE}".encode()).decode()
    assert shop.mail.seen[0].header("authorization") == f"Basic {want}"
    assert await shop.uses() == [("key", "api.example.com:443", "basic", "sent")]


async def test_what_is_kept_of_a_request_is_of_no_use_in_the_next(shop: Shop) -> None:
    await shop.keep("key", **HERE)
    await shop.serve(
        'let kept; app.get("/keep", () => { kept = Secrets.get("key"); return "kept"; });'
        f'app.get("/send", async () => (await fetch("{HOST}", {{ headers: {{ a: kept }} }})).status);'
    )
    assert (await shop.get("/keep")).status == 200
    assert await shop.code("/send") == (500, "secret_reference_over")
    assert shop.mail.seen == []


async def test_what_a_program_asks_for_while_it_loads_is_good_for_all(shop: Shop) -> None:
    await shop.keep("key", **HERE)
    await shop.serve(
        f'const key = Secrets.get("key"); const first = await fetch("{HOST}/load", {{ headers: {{ a: key }} }});'
        f'app.get("/send", async () => (await fetch("{HOST}/send", {{ headers: {{ a: key }} }})).status);'
    )
    assert (await shop.get("/send")).status == (await shop.get("/send")).status == 200
    assert [seen.header("a") for seen in shop.mail.seen] == [VALUE] * 3


async def test_another_isolate_repeats_what_was_sent_while_loading(open_shop: OpenShop) -> None:
    shop: Shop = await open_shop(isolation="request")
    await shop.keep("key", **HERE)
    await shop.serve(
        f'const key = Secrets.get("key"); await fetch("{HOST}/load", {{ method: "POST", body: key }});'
        'app.get("/x", () => "loaded");'
    )
    for _ in range(3):
        assert (await shop.get("/x")).body == b"loaded"
    assert [seen.target for seen in shop.mail.seen] == ["/load"]


async def test_nobody_else_sends_it(shop: Shop) -> None:
    """A reference of another app, whoever hands it on, is a word like any other."""
    await shop.keep("key", **HERE)
    await shop.serve(
        'app.get("/x", () => [...Secrets.get("key")].map(c => c.codePointAt(0)))', "one"
    )
    codes = await shop.json("/x", "one")
    call = (
        f'(await fetch("{HOST}", {{ headers: {{ a: String.fromCodePoint(...{codes}) }} }})).status'
    )
    await shop.value(f"return {call}")
    assert shop.mail.seen[0].header("a") != VALUE


AWAY = "https://other.example.com/there"
REDIRECTS: dict[str, tuple[str, str, str, str | int]] = {
    "a header is left behind": ("302 Found", AWAY, "{ headers: { 'x-key': key } }", 200),
    "a body is not sent on": (
        "307 Again",
        AWAY,
        "{ method: 'POST', body: key }",
        "secret_redirected",
    ),
    "a body that is dropped": ("303 See", AWAY, "{ method: 'POST', body: key }", 200),
    "an address that tells it": (
        "302 Found",
        f"{AWAY}?k={VALUE}",
        "{ headers: { a: key } }",
        "secret_redirected",
    ),
    "to http": ("302 Found", "http://api.example.com/there", "{ headers: { 'x-key': key } }", 200),
}


@pytest.mark.parametrize("case", REDIRECTS)
async def test_no_redirect_takes_it_elsewhere(case: str, open_shop: OpenShop) -> None:
    status, location, options, outcome = REDIRECTS[case]
    shop: Shop = await open_shop({"/from": answer("", status, f"Location: {location}")})
    await shop.keep("key", **HERE)
    [told] = await shop.value(
        f'const key = Secrets.get("key"); try {{ return [(await fetch("{HOST}/from", {options})).status]; }} catch (e) {{ return [e.code + e.message]; }}'
    )
    if isinstance(outcome, int):
        assert told in (outcome, 404) or "fetch_" in str(told)
    else:
        assert str(told).startswith(outcome)
        assert len(shop.mail.seen) == 1
    for seen in [*shop.mail.seen[1:], *shop.server.seen]:
        assert VALUE not in f"{seen.target}{seen.headers}{seen.body!r}"
    assert VALUE not in str(told)


async def test_a_redirect_of_one_origin_keeps_it(open_shop: OpenShop) -> None:
    shop: Shop = await open_shop({"/from": answer("", "308 Moved", "Location: /to")})
    await shop.keep("key", **HERE)
    told = await shop.value(
        f'const key = Secrets.get("key"); const r = await fetch(`{HOST}/from?k={Q}`, {{ method: "PUT", headers: {{ a: key }}, body: key }}); return [r.status, r.url]'
    )
    assert told == [200, f"{HOST}/to"]
    assert (shop.mail.seen[1].header("a"), shop.mail.seen[1].body.decode()) == (VALUE, VALUE)


async def test_another_attempt_sends_the_same(open_shop: OpenShop) -> None:
    shop: Shop = await open_shop({"/x": in_turn(answer("", "503 No"), answer("yes"))})
    await shop.keep("key", **HERE)
    await shop.value(
        f'const key = Secrets.get("key"); return (await fetch("{HOST}/x", {{ method: "POST", headers: {{ a: key }}, body: key, retry: {{ attempts: 1, delay: 1 }} }})).status'
    )
    assert [(s.header("a"), s.body.decode()) for s in shop.mail.seen] == [(VALUE, VALUE)] * 2


async def slowly(seen: Seen, writer: Writer) -> None:
    """An answer in pieces of three bytes, larger than what comes with the head."""
    text = (b"." * 70_000) + f"<{seen.header('a')}>".encode() + b"." * 70_000
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, 70_000, 10_000):
        writer.write(b"%x\r\n%s\r\n" % (10_000, text[at : at + 10_000]))
    for at in range(70_000, len(text), 3):
        piece = text[at : at + 3]
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await asyncio.sleep(0)
    writer.write(b"0\r\n\r\n")


ZIPPED = gzip.compress(f"you sent {VALUE}".encode())
BACK = {
    "/body": answer(f"you sent {VALUE}", "200 OK"),
    "/header": answer("x", "200 OK", f"X-Echo: {VALUE}", f"Set-Cookie: a={VALUE}"),
    "/reason": answer("x", f"200 {VALUE}"),
    "/base64": answer(base64.b64encode(f"u:{VALUE}".encode())),
    "/gzip": answer(ZIPPED, "200 OK", "Content-Encoding: gzip"),
    "/slow": slowly,
    "/manual": answer("", "302 Found", f"Location: /x?{VALUE}"),
    "/bad": answer("", "302 Found", f"Location: ftp://{VALUE}/"),
}


@pytest.mark.parametrize("path", BACK)
async def test_what_comes_back_does_not_hold_it(path: str, open_shop: OpenShop) -> None:
    shop: Shop = await open_shop(BACK)
    await shop.keep("key", **HERE)
    mode = "manual" if path == "/manual" else "follow"
    response = await shop.handler(
        f"""const key = Secrets.get("key"), codes = (t) => t.split("").map((c) => c.charCodeAt(0)).join();
        try {{
          const r = await fetch(`{HOST}{path}?k={Q}`, {{ headers: {{ a: key }}, redirect: "{mode}" }});
          const text = await r.text();
          return [text, [...r.headers].join(), r.statusText, r.url].map(codes);
        }} catch (e) {{ return [e.message, e.hint ?? ""].map(codes); }}"""
    )
    texts = [
        "".join(chr(int(c)) for c in one.split(",") if c) for one in orjson.loads(response.body)
    ]
    assert len(shop.mail.seen) == 1
    said = "\n".join(texts)
    assert VALUE not in said
    assert base64.b64encode(VALUE.encode()).decode()[:-4] not in said
    assert "[redacted]" in said


@pytest.mark.parametrize(
    ("credentials", "decoded"),
    [
        ("`${key}:`", f"{VALUE}:"),
        ("`${key}:${key}`", f"{VALUE}:{VALUE}"),
        ("`me:${key}`", f"me:{VALUE}"),
        ("`me:a ${key}:b`", f"me:a {VALUE}:b"),
        ("key", VALUE),
        ('"me:none"', "me:none"),
    ],
)
async def test_basic_credentials_that_a_program_encodes_are_taken_apart(
    credentials: str, decoded: str, shop: Shop
) -> None:
    """RFC 7617; as those want it who take an API key for a user name."""
    await shop.keep("key", VALUE, **HERE)
    options = f"{{ headers: {{ authorization: 'Basic ' + btoa({credentials}) }} }}"
    seen = await echoed(shop, f'fetch("{HOST}/x", {options})')
    kind, _, given = str(seen.header("authorization")).partition(" ")
    assert (kind, base64.b64decode(given).decode()) == ("Basic", decoded)


@pytest.mark.parametrize(
    ("value", "credentials", "code"),
    [
        (
            "with:a colon in it",
            "`${key}:`",
            "secret_not_sendable",
        ),  # the password would begin there
        ("with\na line break", "`me:${key}`", "secret_not_sendable"),
        ("a plain long value", "`me:${btoa(key)}`", "secret_encoded"),
    ],
)
async def test_basic_credentials_that_would_be_read_otherwise_are_refused(
    value: str, credentials: str, code: str, shop: Shop
) -> None:
    await shop.keep("key", value, **HERE)
    call = f'fetch("{HOST}/x", {{ headers: {{ authorization: "Basic " + btoa({credentials}) }} }})'
    thrown = await shop.thrown(f'(key => {call})(Secrets.get("key"))')
    assert thrown["code"] == code
    assert shop.mail.seen == []


async def test_a_reference_is_no_key_of_web_crypto(shop: Shop) -> None:
    """Its signature would be another one at each request, and nobody would know why."""
    await shop.keep("key", VALUE, **HERE)
    thrown = await shop.thrown(
        'crypto.subtle.importKey("raw", new TextEncoder().encode(Secrets.get("key")), '
        '{ name: "HMAC", hash: "SHA-256" }, false, ["sign"])'
    )
    assert thrown["code"] == "secret_encoded"
    assert "is not its value" in thrown["message"]
    assert "Secrets.hmac" in thrown["hint"]
