"""html`…` before a real browser: nothing of a value runs, and every value arrives as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.engine.http.test_suites import suites
from tests.engine.platform.alone import alone

pytestmark = pytest.mark.browser
ADDRESS = "http://page.test/"
MANY = 100  # of values on one page

PAYLOADS = [
    "plain",
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<details open ontoggle=alert(1)>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'>",
    "<iframe src=javascript:parent.alert(1)>",
    "<math><mtext></p><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>@import 'javascript:alert(1)'</style>",
    "<base href=javascript:/a/-alert(1)//>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "</script><script>alert(1)</script>",
    "</SCRIPT ><img src=x onerror=alert(1)>",
    "<!--<script>alert(1)</script>",
    "<!--<script>",
    "--><script>alert(1)</script>",
    "--!><script>alert(1)</script>",
    "-->",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " \x01javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6a;avascript:alert(1)",
    "%6aavascript:alert(1)",
    "data:text/html,<script>parent.alert(1)</script>",
    "data:image/svg+xml,<svg onload='parent.alert(1)'/>",
    "vbscript:alert(1)",
    "//evil.test/x.js",
    "\\\\evil.test/x.js",
    "'-alert(1)-'",
    '"-alert(1)-"',
    "\\'-alert(1)//",
    '\\"-alert(1)//',
    "`-alert(1)-`",
    "${alert(1)}",
    "');alert(1)//",
    "\\');alert(1)//",
    "*/alert(1)/*",
    "\nalert(1)\n",
    "\u2028alert(1)\u2029",
    ";alert(1);",
    "alert(1)",
    "__proto__",
    " onmouseover=alert(1) x=",
    "/onmouseover=alert(1) ",
    "x\x00onerror=alert(1)",
    "x\x0conload=alert(1)",
    "`onload=alert(1)`",
    "a}body{background:url(javascript:alert(1))}",
    "expression(alert(1))",
    "red;}</style><img src=x onerror=alert(1)>",
    "url('javascript:alert(1)')",
    "\\22 ;alert(1)",
    "\ufeff<script>alert(1)</script>",
    "\U0001f600<b>&amp;&lt;&quot;",
]
# Every place in which a value may stand. The scripts say what has reached them.
SECTION = r"""
const frames = (v) => html`<iframe src="${v}"></iframe><object data="${v}"></object><embed src="${v}">`;
const section = (v, n) => html`<section id="s${n}">${FRAMES && frames(v)}
<p class="text">${v}</p><p class="list">${[v, [html`<b>${v}</b>`]]}</p>
<p class="attribute" title="${v}">x</p><p class="attribute" title='${v}'>x</p><p class="attribute" title=${v}>x</p>
<p class="attribute" title=${v} data-x=${v}/>x</p><input class="value" value="${v}"><textarea class="value">=${v}</textarea>
<select><option class="text">${v}</option></select><template>${v}</template><!-- ${v} --><!--${v}-->
<a href="${v}">x</a><a href=${v}>x</a><a class="query" href="/s?q=${v}&r=1">x</a><a href="/u/${v}">x</a>
<form action="${v}"><button type="button" formaction="${v}">x</button></form>
<img src="${v}" srcset="${v}"><video poster="${v}"></video>
<svg><a xlink:href="${v}"><text class="text">${v}</text><set attributeName="href" to="${v}"/></a><title>${v}</title>
<animate attributeName="href" values="${v}"/><desc class="text">${v}</desc></svg><math><mtext class="text">${v}</mtext></math>
<p style="color: ${v}">x</p><style>.c${n}::before { content: "${v}"; color: ${v} }</style>
<button class="run" onclick="got(${n}, ${v})">x</button><button class="run" onclick="got(${n}, '${v}')">x</button>
<button class="run" onclick='got(${n}, "${v}")'>x</button><button class="run" onclick=got(${n},${v})>x</button>
<script>got(${n}, ${v}); got(${n}, "${v}"); got(${n}, '${v}'); got(${n}, \`${v}\`); got(${n}, ${{ v }}.v); got(${n}, ${[v]}[0]);</script>
<script type="application/json" class="json">${{ v }}</script>
</section>`;
"""
INIT = """
window.ran = [];
window.arrived = {};
window.alert = (what) => ran.push(String(what) + " in " + document.currentScript?.outerHTML);
window.got = (n, v) => (arrived[n] ??= []).push(v);
"""
# What stands in the page: texts, attributes and addresses, section by section.
READ = """() => {
  for (const button of document.querySelectorAll(".run")) button.click();
  for (const one of document.querySelectorAll("*")) for (const type of ["mouseover", "focus", "error", "load", "toggle", "begin"]) {
    one.dispatchEvent(new Event(type));
  }
  const all = (root, selector, read) => [...root.querySelectorAll(selector)].map(read);
  const sections = [...document.querySelectorAll("section")].map((one, n) => ({
    elements: all(one, "*", (element) => element.localName + " " + [...element.attributes].map((a) => a.name)),
    texts: [...all(one, ".text", (e) => e.textContent), one.querySelector(".list b").textContent],
    attributes: all(one, ".attribute", (e) => e.title),
    values: all(one, ".value", (e) => e.value),
    json: JSON.parse(one.querySelector(".json").textContent).v,
    queries: all(one, ".query", (e) => [...new URL(e.href).searchParams.keys()].join()),
    arrived: arrived[n] ?? [],
  }));
  const addresses = [];
  for (const one of document.querySelectorAll("*")) for (const name of ["href", "src", "action", "formAction", "data", "to", "values"]) {
    const value = one.getAttribute(name) === null ? "" : String(one[name]?.baseVal ?? one[name] ?? one.getAttribute(name));
    if (/^(javascript|vbscript|data):/i.test(value)) addresses.push(value);
  }
  return { ran, sections, addresses };
}"""


@pytest.fixture
def blank(chromium: Browser) -> Iterator[Page]:
    # Whatever else the page asks for ends at a port where nobody listens.
    context = chromium.new_context(proxy={"server": "http://127.0.0.1:9", "bypass": "<-loopback>"})
    page = context.new_page()
    page.add_init_script(INIT)
    yield page
    context.close()


def rendered(values: list[str], frames: str) -> str:
    """The page of these values, as html`…` in an isolate writes it."""

    async def render() -> str:
        async with alone() as isolate:
            sections = f"{json.dumps(values)}.map(section)"
            page = f"html`<!doctype html><meta charset=utf-8><body>${{{sections}}}</body>`"
            return str(await isolate.run(f"const FRAMES = {frames};{SECTION}String({page})"))

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop runs in this one
        return thread.submit(asyncio.run, render()).result()


def shown(page: Page, values: list[str], frames: str) -> dict[str, Any]:
    markup = rendered(values, frames)

    body = markup.encode("utf-8", "replace")
    page.route(ADDRESS, lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(ADDRESS, wait_until="domcontentloaded")
    return dict(page.evaluate(READ))


def told(value: str) -> str:
    """What a parser of HTML makes of a text: one kind of line break, no NUL."""
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def check(page: Page, values: list[str], frames: str = "true") -> None:
    seen = shown(page, ["plain", *values], frames)
    assert seen["ran"] == []
    assert seen["addresses"] == []
    plain, *sections = seen["sections"]
    for value, section in zip(values, sections, strict=True):
        assert section["elements"] == plain["elements"], value
        assert section["queries"] == ["q,r"], value
        assert section["json"] == value
        assert section["arrived"] == [value] * 10, value
        texts = [*section["texts"], *section["attributes"], *section["values"][1:]]
        wanted = told(value)
        assert {text.replace("\ufffd", "") for text in texts} <= {wanted, f"={wanted}"}, value


def test_no_payload_runs_and_all_arrive_unchanged(blank: Page) -> None:
    check(blank, PAYLOADS)


def test_no_naughty_string_runs_and_all_arrive_unchanged(blank: Page) -> None:
    if not suites()["strings"]:
        pytest.skip("npm --prefix tests ci has not run")
    strings = suites()["strings"]
    for at in range(0, len(strings), MANY):
        check(blank, strings[at : at + MANY], frames="false")  # thousands of frames take long
