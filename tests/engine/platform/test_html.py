"""html`…`: a value never becomes markup, code or an address that it should not be."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from tests.engine.platform.alone import alone

WRITTEN = [
    # text
    ("html`<p>${'<script>alert(1)</script>'}</p>`", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
    ("html`<p>${'&amp;'}</p>`", "<p>&amp;amp;</p>"),
    ("html`${1}${null}${undefined}${false}${0}${true}`", "10true"),
    (
        "html`<ul>${['<a>', '<b>'].map((x) => html`<li>${x}</li>`)}</ul>`",
        "<ul><li>&lt;a&gt;</li><li>&lt;b&gt;</li></ul>",
    ),
    ("html`${['<', ['>', html`<b>`]]}`", "&lt;&gt;<b>"),
    ("html`${{ toString() { return '<i>' } }}`", "&lt;i&gt;"),
    ("html`<title>${'</title><script>'}</title>`", "<title>&lt;/title&gt;&lt;script&gt;</title>"),
    (
        "html`<textarea>${'</textarea><b>'}</textarea>`",
        "<textarea>&lt;/textarea&gt;&lt;b&gt;</textarea>",
    ),
    ("html`a < b ${'<'} c > d`", "a < b &lt; c > d"),
    # attributes
    ('html`<a title="${\'"><script>\'}">x</a>`', '<a title="&quot;&gt;&lt;script&gt;">x</a>'),
    ("html`<a title='${\"' onload='x\"}'>x</a>`", "<a title='&#39; onload=&#39;x'>x</a>"),
    (
        "html`<a title=${'x onclick=alert(1)'} b=1>x</a>`",
        '<a title="x onclick=alert(1)" b="1">x</a>',
    ),
    ("html`<a title=${''} b=1>x</a>`", '<a title="" b="1">x</a>'),
    ("html`<a title=${'a'}${'\"b'}c\"d>x</a>`", '<a title="a&quot;bc&quot;d">x</a>'),
    (
        "html`<a href=${'javascript:x'} class=a/b>x</a>`",
        '<a href="about:invalid" class="a/b">x</a>',
    ),
    ("html`<a href=/u/${'7'}/edit>x</a>`", '<a href="/u/7/edit">x</a>'),
    ("html`<p style=${'a:b'} onclick=go(${1})>x</p>`", '<p style="a\\3a b" onclick="go(1)">x</p>'),
    ('html`<a title="${html`<b>"&amp;`}">x</a>`', '<a title="&lt;b&gt;&quot;&amp;">x</a>'),
    ("html`<input ${'checked'} ${''}>`", "<input checked >"),
    ('html`<a class="a ${\'b"\'} c">x</a>`', '<a class="a b&quot; c">x</a>'),
    # addresses
    ("html`<a href=\"${'/tasks/7?a=1&b=2'}\">x</a>`", '<a href="/tasks/7?a=1&amp;b=2">x</a>'),
    ("html`<a href=\"${'https://example.org/'}\">x</a>`", '<a href="https://example.org/">x</a>'),
    ("html`<a href=\"mailto:${'a@b.c'}\">x</a>`", '<a href="mailto:a@b.c">x</a>'),
    ("html`<a href=\"/u/${'a:b'}\">x</a>`", '<a href="/u/a:b">x</a>'),
    ("html`<a href=\"/s?q=${'a&b#c d'}&p=${1}\">x</a>`", '<a href="/s?q=a%26b%23c%20d&p=1">x</a>'),
    ("html`<a href=\"/s?q=${encodeURIComponent('a&b')}\">x</a>`", '<a href="/s?q=a%26b">x</a>'),
    ("html`<a href=\"/s?${'a=1&b=2'}\">x</a>`", '<a href="/s?a=1&amp;b=2">x</a>'),
    (
        "html`<img src=\"${'data:image/png;base64,AA=='}\">`",
        '<img src="data:image/png;base64,AA==">',
    ),
    *[
        (f'html`<a href="${{{value}}}">x</a>`', '<a href="about:invalid">x</a>')
        for value in [
            "'javascript:alert(1)'",
            "'JaVaScRiPt:alert(1)'",
            "' javascript:alert(1)'",
            "'java\\nscript:alert(1)'",
            "'\\u0001javascript:alert(1)'",
            "'vbscript:x'",
            "'data:text/html,<script>'",
            "'data:image/svg+xml,<svg>'",
            "html`javascript:alert(1)`",
            "['java', 'script:alert(1)']",
            "'blob\\t:x'.replace('blob', 'javascript')",
        ]
    ],
    ("html`<a href=\"${'java'}${'script:alert(1)'}\">x</a>`", '<a href="javaabout:invalid">x</a>'),
    (
        "html`<form action=\"${'javascript:x'}\"><button formaction=\"${'javascript:x'}\"></form>`",
        '<form action="about:invalid"><button formaction="about:invalid"></form>',
    ),
    (
        "html`<svg><a xlink:href=\"${'javascript:x'}\"/><animate attributeName=href to=\"${'javascript:x'}\"/></svg>`",
        '<svg><a xlink:href="about:invalid"/><animate attributeName="href" to="about:invalid"/></svg>',
    ),
    # scripts
    (
        "html`<script>const data = ${{ a: '</script><b>' }};</script>`",
        '<script>const data = {"a":"\\u003c\\u002fscript\\u003e\\u003cb\\u003e"};</script>',
    ),
    (
        "html`<script>const n = ${1.5}, s = ${'it\\'s'}, u = ${undefined};</script>`",
        '<script>const n = 1.5, s = "it\\u0027s", u = undefined;</script>',
    ),
    (
        'html`<script>const s = "${\'";alert(1)//\'}";</script>`',
        '<script>const s = "\\u0022\\u003balert\\u00281\\u0029\\u002f\\u002f";</script>',
    ),
    (
        "html`<script>const s = \\`${'${alert(1)}'}\\`;</script>`",
        "<script>const s = `\\u0024\\u007balert\\u00281\\u0029\\u007d`;</script>",
    ),
    (
        "html`<script type=\"application/json\">${{ a: '<!--' }}</script>`",
        '<script type="application/json">{"a":"\\u003c\\u0021--"}</script>',
    ),
    (
        'html`<button onclick="go(${\'");alert(1)//\'})">x</button>`',
        '<button onclick="go(&quot;\\&quot;\\u0029\\u003balert\\u00281\\u0029\\u002f\\u002f&quot;)">x</button>',
    ),
    (
        'html`<button onclick="go(\'${"\');alert(1)//"}\')">x</button>`',
        "<button onclick=\"go('\\u0027\\u0029\\u003balert\\u00281\\u0029\\u002f\\u002f')\">x</button>",
    ),
    # styles and comments
    (
        "html`<p style=\"width: ${50}%; color: ${'red;background:url(x)'}\">x</p>`",
        '<p style="width: 50%; color: red\\3b background\\3a url\\28 x\\29 ">x</p>',
    ),
    (
        "html`<style>p { color: ${'red}</style><script>'} }</style>`",
        "<style>p { color: red\\7d \\3c \\2f style\\3e \\3c script\\3e  }</style>",
    ),
    ("html`<!-- ${'--><script>'} -->`", "<!--  &#45;&#45;&#62;&#60;script&#62;  -->"),
    ("html`<!doctype html><p>${'<'}`", "<!doctype html><p>&lt;"),
    ("html`<!-- <p title=\"--><b>${'<'}</b>`", '<!-- <p title="--><b>&lt;</b>'),
]


@pytest.mark.parametrize(("template", "written"), WRITTEN, ids=[row[0][:70] for row in WRITTEN])
async def test_a_value_is_written_for_its_place(template: str, written: str) -> None:
    async with alone() as isolate:
        assert await isolate.run(f"String({template})") == written


REFUSED = [
    ("html`<a href=\"javascript:go(${'1'})\">x</a>`", "no value is safe"),
    ("html`<iframe srcdoc=\"${'x'}\"></iframe>`", "srcdoc"),
    ("html`<${'script'}>`", "name of a tag"),
    ("html`<h${1}>`", "name of a tag"),
    ("html`<p ${'onclick'}=\"x\">`", "name of an attribute"),
    ("html`<p ${'a b'}>`", "name of an attribute"),
    ("html`<p data-${'x'}=1>`", "name of a tag or attribute"),
    ("html`<script>/* ${'x'} */</script>`", "comment of a script"),
    ("html`<script>// ${'x'}\n</script>`", "comment of a script"),
    ("html`<script><!-- ${'x'}</script>`", "<!--"),
    ("html`<script>${'x'}`", "ends inside <script>"),
    ("html`<a href=\"${'x'}`", "ends inside a tag"),
    ("html`<!doctype ${'x'}>`", "declaration"),
    ("html`<iframe>${'x'}</iframe>`", "<iframe>"),
    ("html('<p>')", "template tag"),
    ("new Html('x')", "html`…`"),
]


@pytest.mark.parametrize(("template", "says"), REFUSED, ids=[row[0][:60] for row in REFUSED])
async def test_a_place_where_no_value_is_safe_is_refused(template: str, says: str) -> None:
    async with alone() as isolate:
        message = await isolate.json(
            f"(() => {{ try {{ return 'written: ' + ({template}) }} catch (e) {{ return e.message }} }})()"
        )
        assert says in message


PAYLOADS = [
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "javascript:alert(1)",
    "&#106;avascript:alert(1)",
    "\\'-alert(1)-\\'",
    "`${alert(1)}`",
    "\u2028alert(1)",
    " onmouseover=alert(1) x=",
    "\u0000<b>",
    "]]><script>",
    "</textarea><script>alert(1)</script>",
    "{{constructor}}",
    "\ufeff<svg onload=alert(1)>",
]
PLACES = [
    "html`<p>${v}</p>`",
    'html`<p title="${v}">x</p>`',
    "html`<p title='${v}'>x</p>`",
    "html`<p title=${v}>x</p>`",
    'html`<a href="${v}">x</a>`',
    'html`<a href="/x?${v}">x</a>`',
    "html`<script>var a = ${v};</script>`",
    "html`<script>var a = '${v}';</script>`",
    'html`<p onclick="f(${v})">x</p>`',
    'html`<p style="color:${v}">x</p>`',
    "html`<style>p{color:${v}}</style>`",
    "html`<!--${v}-->`",
    "html`<title>${v}</title>`",
    "html`<textarea>${v}</textarea>`",
]


class Seen(HTMLParser):
    """What a parser makes of markup: its tags with their attributes."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name == "href"]


@pytest.mark.parametrize("place", PLACES)
async def test_no_payload_changes_what_a_page_is_made_of(place: str) -> None:
    async with alone() as isolate:
        harmless = Seen(await isolate.run(f"var v = 'harmless'; String({place})"))
        for payload in PAYLOADS:
            seen = Seen(await isolate.run(f"var v = {json.dumps(payload)}; String({place})"))
            assert seen.tags == harmless.tags, payload
            assert not any(
                re.match(r"[\x00-\x20]*\w+script:", address) for address in seen.addresses
            ), payload


async def test_a_template_is_read_once() -> None:
    async with alone() as isolate:
        assert (
            await isolate.run(
                """(() => {
                let reads = 0;
                const strings = Object.assign(['<p>', '</p>'], { raw: ['<p>', '</p>'] });
                const watched = new Proxy(strings, { get(target, key) { if (key === '0') reads++; return target[key]; } });
                for (let i = 0; i < 5; i++) html(watched, i);
                return reads;
            })()"""
            )
            == 1
        )


ESCAPED = [
    ("'<a b=\"c\">&\\''", "&lt;a b=&quot;c&quot;&gt;&amp;&#39;"),
    ("null", ""),
    ("5", "5"),
    ("'plain'", "plain"),
]


@pytest.mark.parametrize(("value", "text"), ESCAPED)
async def test_escape_html(value: str, text: str) -> None:
    async with alone() as isolate:
        assert await isolate.run(f"escapeHtml({value})") == text
