"""The globals of the web platform: they are there, as the standards have them, and only when wanted."""

from __future__ import annotations

import pytest

from tests.engine.platform.alone import alone

CLASSES = [
    "AbortController",
    "AbortSignal",
    "Blob",
    "CompressionStream",
    "CountQueuingStrategy",
    "ByteLengthQueuingStrategy",
    "Crypto",
    "CryptoKey",
    "CustomEvent",
    "DOMException",
    "DecompressionStream",
    "Event",
    "EventTarget",
    "File",
    "FormData",
    "Headers",
    "Performance",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "Request",
    "Response",
    "SubtleCrypto",
    "TextDecoder",
    "TextDecoderStream",
    "TextEncoder",
    "TextEncoderStream",
    "TransformStream",
    "TransformStreamDefaultController",
    "URL",
    "URLPattern",
    "URLSearchParams",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
]
FUNCTIONS = [
    "atob",
    "btoa",
    "clearInterval",
    "clearTimeout",
    "fetch",
    "queueMicrotask",
    "reportError",
    "setInterval",
    "setTimeout",
    "structuredClone",
]
OBJECTS = ["console", "crypto", "performance", "self"]
OURS = ["escapeHtml", "html"]


@pytest.mark.parametrize("name", CLASSES)
async def test_a_class_is_a_configurable_global_that_is_not_listed(name: str) -> None:
    async with alone(name) as isolate:
        assert await isolate.json(
            f"""(() => {{
                const kind = {name};
                const d = Object.getOwnPropertyDescriptor(globalThis, "{name}");
                return [typeof kind, kind.name, kind.prototype[Symbol.toStringTag], d.value === kind, d.writable, d.configurable, d.enumerable];
            }})()"""
        ) == ["function", name, name, True, True, True, False]


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_a_function_is_a_configurable_global_that_is_listed(name: str) -> None:
    async with alone(name) as isolate:
        listed = await isolate.json(
            f"[typeof {name}, {name}.name, Object.keys(globalThis).includes('{name}')]"
        )
        assert listed == ["function", name, True]


@pytest.mark.parametrize("name", OBJECTS)
async def test_the_objects_of_the_platform_are_there(name: str) -> None:
    async with alone(name) as isolate:
        assert await isolate.json(f"typeof {name}") == "object"


@pytest.mark.parametrize("name", OURS)
async def test_the_engines_own_functions_are_there(name: str) -> None:
    async with alone() as isolate:
        assert await isolate.json(f"typeof {name}") == "function"


@pytest.mark.parametrize(
    "name", ["URL", "ReadableStream", "Request", "structuredClone", "TextDecoder"]
)
async def test_a_global_whose_part_was_not_wanted_does_not_exist(name: str) -> None:
    async with alone() as isolate:
        assert await isolate.json(f"typeof {name} === 'undefined' && !('{name}' in globalThis)")


async def test_a_part_is_made_when_a_program_first_touches_it() -> None:
    async with alone("URL", "Request") as isolate:
        made = "['url', 'tr46', 'streams', 'blob', 'fetch'].filter(T.I.isMade)"
        assert await isolate.json(made) == []
        await isolate.json("new URL('https://example.org/').href")
        assert await isolate.json(made) == ["url"]
        await isolate.json("new URL('https://bücher.example/').href")
        assert await isolate.json(made) == ["url", "tr46"]


async def test_what_needs_a_part_that_is_not_there_says_how_to_get_it() -> None:
    async with alone() as isolate:
        code, hint = await isolate.json("new Response('x').blob().catch((e) => [e.code, e.hint])")
        assert code == "part_not_loaded"
        assert "Blob" in hint


@pytest.mark.parametrize(
    "declared",
    [
        "var URL = 'https://example.org'",
        "var Event = 'concert'",
        "function Headers() {}",
        "var AbortSignal = 'red light'",
        "var Response = null",
        "var Blob = 7",
    ],
)
async def test_a_program_may_declare_a_name_of_the_platform(declared: str) -> None:
    async with alone("URL", "Request", "Blob", "structuredClone") as isolate:
        await isolate.run(declared + ";0")
        assert (
            await isolate.json(
                "new Request('https://example.org/a', { method: 'POST', body: 'x', headers: { a: 'b' } }).clone().text()"
            )
            == "x"
        )


async def test_a_program_that_declares_names_of_the_language_harms_itself_only() -> None:
    names = [
        "Map",
        "Set",
        "Symbol",
        "Error",
        "TypeError",
        "Object",
        "Reflect",
        "Promise",
        "Uint8Array",
        "WeakMap",
    ]
    async with alone("URL", "ReadableStream", "Blob", "Request", "structuredClone") as isolate:
        await isolate.run("".join(f"var {name} = 'mine';" for name in names) + "0")
        text = await isolate.run(
            """(async () => {
                const target = new EventTarget();
                let seen = '';
                target.addEventListener('a', (event) => { seen += event.type; });
                target.dispatchEvent(new Event('a'));
                const url = new URL('https://example.org/?q=1');
                const body = await new Response(new Response('text').body).text();
                const blob = await new Blob(['blob']).text();
                const copy = structuredClone({ a: [1, { b: 2 }] });
                const headers = [...new Request(url, { headers: { x: 'y' } }).headers];
                return [seen, url.searchParams.get('q'), body, blob, copy.a[1].b, headers.join(), T.inspect({ a: 1 })].join(' ');
            })()"""
        )
        assert text == "a 1 text blob 2 x,y { a: 1 }"
