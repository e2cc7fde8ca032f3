"""`%help`: the magics and the globals, each with one line of use."""

from __future__ import annotations

from html import escape

_MAGICS = (
    ("%routes", "what this notebook has live, with links (%routes all: every app)"),
    ("%open /hello", "a link to the app"),
    ("%live app.name", "the value of an expression where requests are served"),
    ("%logs", "the app's log, live (%logs 20: the last 20 lines as text)"),
    ("%data", "the app's collections, to page through (%data tasks { done: false })"),
    ("%sql SELECT count(*) FROM tasks", "what a SELECT finds in the app's collections, as a table"),
    ("%%sql open_tasks", "the same over lines; a DataFrame of that name in %%python"),
    ("%secrets", "keys of other services that the app may use, to look at and to set"),
    ("%assets", "the files below /assets/, with links"),
    ("%engine", "which engine runs this notebook, and how it was found"),
    ("%%asset css/site.css", "the cell is that file of the app's pages, at /assets/css/site.css"),
    ("%%python", 'the cell is Python, in this kernel; aiwe.sql("SELECT …") gives DataFrames'),
    ("%%time", "how long the cell's JavaScript takes"),
    ("%%html, %%markdown", "the cell is shown as such"),
    ("app.get?", "what is known of a name; Tab completes, Shift-Tab explains"),
)
_GLOBALS = (
    (
        'app.get("/hello/:name", (req) => ({ hello: req.params.name }))',
        "a route; also post, put, patch, delete, options, all, use, onError",
    ),
    ('register("/hello", function hello(req) { … })', "a route by path and handler"),
    (
        'await DataRepository.create("tasks", { title: "Write" })',
        "stores a document; also get, list, query, update, delete, count",
    ),
    (
        'await fetch(url, { headers: { authorization: `Bearer ${Secrets.get("api_key")}` } })',
        "a request with a secret, whose value only its hosts get",
    ),
    (
        "Response.json({ ok: true }, { status: 201 })",
        "an answer; also html, text, redirect, noContent, error",
    ),
    ("html`<p>${name}</p>`", "markup, every value escaped"),
    ('console.log("…")', "in a cell: printed below it; in a handler: to %logs"),
    ("display(value)", "shows a value, as the last expression of a cell is shown"),
    ("function init() { … }", "runs once when a version goes live"),
)
_INTRODUCTION = "Run this cell, and it answers at the address shown below it:"
_EXAMPLE = """\
app.get("/hello/:name", (req) => ({ hello: req.params.name }));"""


def guide_data() -> dict[str, str]:
    """The mime bundle of the help page."""
    return {"text/plain": _text(), "text/html": _html()}


def _text() -> str:
    width = 64
    lines = [_INTRODUCTION, "", f"    {_EXAMPLE}"]
    for title, rows in (("Magics", _MAGICS), ("JavaScript", _GLOBALS)):
        lines += ["", title, *(f"  {form:<{width}} {meaning}" for form, meaning in rows)]
    return "\n".join(lines)


def _html() -> str:
    parts = [
        f"<p>{_INTRODUCTION}</p><pre>{escape(_EXAMPLE)}</pre>",
    ]
    for title, rows in (("Magics", _MAGICS), ("JavaScript", _GLOBALS)):
        cells = "".join(
            f'<tr><td style="text-align:left"><code>{escape(form)}</code></td>'
            f'<td style="text-align:left">{escape(meaning)}</td></tr>'
            for form, meaning in rows
        )
        parts.append(f"<p><b>{title}</b></p><table>{cells}</table>")
    return "".join(parts)
