"""JSX in cells and files: markup with every value escaped for its place."""

from __future__ import annotations

import pytest

from tests.engine.runtime.bench import Bench

EVIL = "\"><script>alert('x')</script>"
CASES = [
    ("<p>{'<b>'}</p>", "<p>&lt;b&gt;</p>"),
    ("<a href={'/x?a=1&b=2'}>go</a>", '<a href="/x?a=1&amp;b=2">go</a>'),
    ("<a href={'javascript:alert(1)'}>go</a>", '<a href="about:invalid">go</a>'),
    ('<input type="checkbox" checked disabled={false}/>', '<input type="checkbox" checked>'),
    ("<ul>{[1, 2].map((n) => <li>{n}</li>)}</ul>", "<ul><li>1</li><li>2</li></ul>"),
    ("<><b>1</b>{null}{false}{0}</>", "<b>1</b>0"),
    ('<label className="c" htmlFor="f">x</label>', '<label class="c" for="f">x</label>'),
    ('<Card title="T"><i>in</i></Card>', "<div><h2>T</h2><i>in</i></div>"),
    ("<br/>", "<br>"),
]


@pytest.mark.parametrize(("markup", "expected"), CASES)
async def test_jsx_becomes_markup(bench: Bench, markup: str, expected: str) -> None:
    program = f"""
    const Card = ({{ title, children }}) => <div><h2>{{title}}</h2>{{children}}</div>;
    app.get("/x", () => {markup});
    """
    await bench.serve(program, suffix="jsx")
    response = await bench.get("/x")
    assert dict(response.headers)["content-type"].startswith("text/html")
    assert response.body.decode() == expected


@pytest.mark.parametrize(
    "place", ["<p>{v}</p>", "<p title={v}></p>", "<script>let a = {v};</script>"]
)
async def test_no_value_leaves_its_place(bench: Bench, place: str) -> None:
    program = f"const v = {EVIL!r}; app.get('/x', () => {place});"
    await bench.serve(program, suffix="jsx")
    body = (await bench.get("/x")).body.decode()
    assert "<script>alert" not in body
    assert '"><' not in body.replace('"></p>', "")
