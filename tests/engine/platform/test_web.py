"""Behaviour of the web platform's classes and functions, a sample of each; web-platform-tests has the rest."""

from __future__ import annotations

import pytest

from tests.engine.platform.alone import alone

SAMPLES = [
    # addresses
    ("URL", "new URL('../c?q=1#h', 'https://example.org/a/b').href", "https://example.org/c?q=1#h"),
    (
        "URL",
        "(() => { const u = new URL('https://example.org/'); u.searchParams.append('q', 'a b&c'); u.hash = 'x'; return u.href; })()",
        "https://example.org/?q=a+b%26c#x",
    ),
    ("URL", "new URL('https://bücher.example/ü').href", "https://xn--bcher-kva.example/%C3%BC"),
    ("URL", "[URL.canParse('nothing'), URL.parse('nothing')]", [False, None]),
    (
        "URLSearchParams",
        "[...new URLSearchParams('b=2&a=1&a=%20')]",
        [["b", "2"], ["a", "1"], ["a", " "]],
    ),
    (
        "URLPattern",
        "new URLPattern({ pathname: '/tasks/:id' }).exec('https://example.org/tasks/7').pathname.groups.id",
        "7",
    ),
    # text
    (
        "TextEncoder",
        "[...new TextEncoder().encode('é€\\ud800')]",
        [195, 169, 226, 130, 172, 239, 191, 189],
    ),
    (
        "TextEncoder",
        "new TextEncoder().encodeInto('é€', new Uint8Array(4))",
        {"read": 1, "written": 2},
    ),
    (
        "TextDecoder",
        "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0xc3, 0xa9, 0xff]))",
        "é\ufffd",
    ),
    (
        "TextDecoder",
        "new TextDecoder('shift_jis').decode(new Uint8Array([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]))",
        "テスト",
    ),
    (
        "TextDecoder",
        "(() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])) } catch (e) { return e.name } })()",
        "TypeError",
    ),
    ("TextDecoder", "new TextDecoder('latin1').encoding", "windows-1252"),
    ("atob", "[atob(' aGk= '), btoa('hi\\xff')]", ["hi", "aGn/"]),
    (
        "atob",
        "(() => { try { atob('a') } catch (e) { return e.name } })()",
        "InvalidCharacterError",
    ),
    (
        "btoa",
        "(() => { try { btoa('€') } catch (e) { return [e.name, e.message.includes('toBase64')] } })()",
        ["InvalidCharacterError", True],
    ),
    # blobs and forms
    (
        "Blob",
        "(async () => { const b = new Blob(['é', new Uint8Array([33])], { type: 'Text/Plain' }); return [b.size, b.type, await b.text(), await b.slice(2).text()]; })()",
        [3, "text/plain", "é!", "!"],
    ),
    ("Blob", "new Blob(['ab']).stream().getReader().read().then((r) => [...r.value])", [97, 98]),
    (
        "File",
        "(() => { const f = new File(['x'], 'a.txt', { lastModified: 5 }); return [f.name, f.lastModified, f instanceof Blob]; })()",
        ["a.txt", 5, True],
    ),
    (
        "FormData",
        "(() => { const f = new FormData(); f.append('a', 1); f.append('a', 2); f.set('b', new Blob(['x']), 'b.txt'); return [f.getAll('a'), f.get('b').name, [...f.keys()], f.has('c')]; })()",
        [["1", "2"], "b.txt", ["a", "a", "b"], False],
    ),
    (
        "FormData",
        """(async () => {
        const f = new FormData(); f.append('té"xt', 'a\\nb'); f.append('file', new File(['\\r\\n--x'], 'n"1.txt', { type: 'text/css' }));
        const g = await new Response(f).formData();
        return [g.get('té"xt'), g.get('file').name, g.get('file').type, await g.get('file').text()];
    })()""",
        ["a\r\nb", 'n"1.txt', "text/css", "\r\n--x"],
    ),
    (
        "FormData",
        "new Response('--b\\r\\nbroken', { headers: { 'content-type': 'multipart/form-data; boundary=b' } }).formData().catch((e) => e.name)",
        "TypeError",
    ),
    (
        "FormData",
        "new Response('a=1&a=%C3%A9', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData().then((f) => f.getAll('a'))",
        ["1", "é"],
    ),
    # requests
    (
        "Request",
        "(() => { const r = new Request('https://example.org/a#f', { method: 'post', headers: { A: 'b' }, body: 'x' }); return [r.method, r.url, r.headers.get('a'), r.headers.get('content-type'), r.bodyUsed]; })()",
        ["POST", "https://example.org/a#f", "b", "text/plain;charset=UTF-8", False],
    ),
    (
        "Request",
        "(async () => { const r = new Request('https://example.org/', { method: 'PUT', body: '{\"a\":1}' }); const c = r.clone(); return [await r.json(), await c.text(), r.bodyUsed]; })()",
        [{"a": 1}, '{"a":1}', True],
    ),
    (
        "Request",
        "(async () => { const r = new Request('https://example.org/', { method: 'PUT', body: 'x' }); const n = new Request(r, { headers: { a: 'b' } }); return [r.bodyUsed, await n.text(), n.headers.get('a'), n.method]; })()",
        [True, "x", "b", "PUT"],
    ),
    (
        "Request",
        "(() => { const c = new AbortController(); const r = new Request('https://example.org/', { signal: c.signal }); c.abort('x'); return [r.signal.aborted, r.signal.reason]; })()",
        [True, "x"],
    ),
    *[
        (
            "Request",
            f"(() => {{ try {{ new Request({arguments}) }} catch (e) {{ return e.name }} }})()",
            "TypeError",
        )
        for arguments in [
            "'/relative'",
            "'https://a.b/', { body: 'x' }",
            "'https://a.b/', { method: 'TRACE' }",
            "'https://u:p@a.b/'",
            "'https://a.b/', { mode: 'navigate' }",
            "'https://a.b/', { signal: {} }",
            "'https://a.b/', { redirect: 'maybe' }",
            "'https://a.b/', { method: 'POST', body: new ReadableStream() }",
        ]
    ],
    # streams
    (
        "ReadableStream",
        "(async () => { const out = []; for await (const x of ReadableStream.from([1, 2, 3])) out.push(x); return out; })()",
        [1, 2, 3],
    ),
    (
        "TransformStream",
        """(async () => {
        const up = new TransformStream({ transform(chunk, c) { c.enqueue(chunk.toUpperCase()); } });
        const [a, b] = ReadableStream.from(['a', 'b']).pipeThrough(up).tee();
        return [await Array.fromAsync(a), await Array.fromAsync(b)];
    })()""",
        [["A", "B"], ["A", "B"]],
    ),
    (
        "WritableStream",
        "(async () => { const out = []; await ReadableStream.from([1, 2]).pipeTo(new WritableStream({ write(x) { out.push(x); } })); return out; })()",
        [1, 2],
    ),
    (
        "TextDecoderStream",
        "new Response('é€').body.pipeThrough(new TextDecoderStream()).getReader().read().then((r) => r.value)",
        "é€",
    ),
    (
        "TextEncoderStream",
        "(async () => { const s = ReadableStream.from(['\\ud83d', '\\ude00']).pipeThrough(new TextEncoderStream()); return await new Response(s).text(); })()",
        "😀",
    ),
    *[
        (
            "CompressionStream",
            f"new Response(new Response('ab'.repeat(500)).body.pipeThrough(new CompressionStream('{form}')).pipeThrough(new DecompressionStream('{form}'))).text().then((t) => t.length)",
            1000,
        )
        for form in ["gzip", "deflate", "deflate-raw"]
    ],
    *[
        (
            "DecompressionStream",
            f"""(async () => {{
                const whole = new Uint8Array(await new Response(new Response('ab').body.pipeThrough(new CompressionStream('{form}'))).arrayBuffer());
                const part = new Response(whole.subarray(0, {kept})).body.pipeThrough(new DecompressionStream('{form}'));
                try {{ return await new Response(part).text() }} catch (e) {{ return e.name }}
            }})()""",
            "TypeError",
        )
        for form, kept in [
            ("gzip", 5),
            ("gzip", 12),
            ("deflate", 3),
            ("deflate-raw", 2),
            ("deflate-raw", 0),
        ]
    ],
    # secrets of the machine
    ("crypto", "[...crypto.getRandomValues(new Uint8Array(4))]", [0, 1, 2, 3]),
    ("crypto", "crypto.randomUUID()", "00010203-0405-4607-8809-0a0b0c0d0e0f"),
    (
        "crypto",
        "[new Float32Array(1), new Uint8Array(70000)].map((a) => { try { crypto.getRandomValues(a) } catch (e) { return e.name } })",
        ["TypeMismatchError", "QuotaExceededError"],
    ),
    (
        "crypto",
        "crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')).then((b) => new Uint8Array(b).toHex())",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        "crypto",
        """(async () => {
        const text = (s) => new TextEncoder().encode(s), algorithm = { name: 'HMAC', hash: 'SHA-256' };
        const key = await crypto.subtle.importKey('raw', text('key'), algorithm, false, ['sign', 'verify']);
        const signed = await crypto.subtle.sign('HMAC', key, text('The quick brown fox jumps over the lazy dog'));
        return [new Uint8Array(signed).toHex(), await crypto.subtle.verify('HMAC', key, signed, text('The quick brown fox jumps over the lazy dog')),
            await crypto.subtle.verify('HMAC', key, signed, text('other')), await crypto.subtle.exportKey('raw', key).catch((e) => e.name)];
    })()""",
        [
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
            True,
            False,
            "InvalidAccessError",
        ],
    ),
    (
        "crypto",
        "crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']).catch((e) => [e.name, e.message.includes('HMAC')])",
        ["NotSupportedError", True],
    ),
    (
        "crypto",
        "crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-512' }, true, ['sign']).then((k) => crypto.subtle.exportKey('jwk', k)).then((k) => [k.kty, k.alg, k.key_ops, k.k.length])",
        ["oct", "HS512", ["sign"], 171],
    ),
    # copies
    (
        "structuredClone",
        """(() => {
        const o = { d: new Date(5), m: new Map([['k', new Set([1])]]), b: new Uint8Array([1, 2]), e: new RangeError('r'), u: undefined, a: [1, , 3] };
        o.self = o;
        const c = structuredClone(o);
        return [c.d.getTime(), [...c.m.get('k')], [...c.b], c.b.buffer !== o.b.buffer, c.e.name, c.e.message, 'u' in c, 1 in c.a, c.self === c];
    })()""",
        [5, [1], [1, 2], True, "RangeError", "r", True, False, True],
    ),
    (
        "structuredClone",
        "[() => 1, Symbol(), new WeakMap(), Promise.resolve(), new Response(), new Event('a')].map((v) => { try { structuredClone(v) } catch (e) { return e.name } })",
        ["DataCloneError"] * 6,
    ),
    (
        "structuredClone",
        "(() => { const b = new ArrayBuffer(8); const c = structuredClone({ b }, { transfer: [b] }); return [b.byteLength, c.b.byteLength]; })()",
        [0, 8],
    ),
    (
        "structuredClone",
        "(() => { class P { x = 1; get y() { return 2; } } const c = structuredClone(new P()); return [c, c.constructor === Object]; })()",
        [{"x": 1}, True],
    ),
    # clocks
    (
        "performance",
        "[typeof performance.now(), performance.timeOrigin > 1e12, performance.toJSON().timeOrigin === performance.timeOrigin]",
        ["number", True, True],
    ),
]


@pytest.mark.parametrize(
    ("name", "expression", "gives"),
    SAMPLES,
    ids=[f"{row[0]}-{at}" for at, row in enumerate(SAMPLES)],
)
async def test_a_sample_of_the_platform(name: str, expression: str, gives: object) -> None:
    also = ["ReadableStream"] if "ReadableStream" in expression or ".body" in expression else []
    async with alone(
        name, *also, *(n for n in ("Blob", "DecompressionStream", "crypto") if n in expression)
    ) as isolate:
        assert await isolate.json(expression) == gives


async def test_a_stream_of_a_response_pulls_no_faster_than_it_is_read() -> None:
    async with alone("ReadableStream") as isolate:
        assert (
            await isolate.json(
                """(async () => {
                let pulled = 0;
                async function* source() { while (pulled < 10) yield 'chunk' + pulled++; }
                const reader = Response.stream(source()).body.getReader();
                await reader.read();
                await reader.cancel();
                return pulled;
            })()"""
            )
            == 1
        )
