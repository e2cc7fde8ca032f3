"""The few pages that the engine itself shows, to developers: an error, and the list of apps."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from http import HTTPStatus
from typing import Any

from aiwe_engine.errors import AiweError

_STYLE = """
:root { color-scheme: light dark; --dim: #6b7280; --line: #d1d5db55 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 10vh auto; padding: 0 1.5rem }
h1 { font-size: 1.4rem; margin: 0 0 .5rem } p { margin: .5rem 0 }
.dim { color: var(--dim) } code, pre { font: .9em/1.5 ui-monospace, monospace }
pre { padding: 1rem; border: 1px solid var(--line); border-radius: 8px; overflow-x: auto }
ul { list-style: none; padding: 0 } li { border-bottom: 1px solid var(--line) }
li a { display: block; padding: .6rem 0; text-decoration: none }
li a:hover { text-decoration: underline }
"""


def error_page(error: AiweError, shape: dict[str, Any]) -> bytes:
    """An error for a developer's browser: what happened, where, and what to do next."""
    try:
        phrase = HTTPStatus(error.status).phrase
    except ValueError:
        phrase = "Error"
    parts = [f"<h1>{escape(error.message)}</h1>"]
    if error.hint:
        parts.append(f"<p>{escape(error.hint)}</p>")
    where = shape.get("where")
    if where:
        place = [str(where[key]) for key in ("file", "cell") if key in where]
        place += [f"{key} {where[key]}" for key in ("line", "column") if key in where]
        parts.append(f'<p class="dim">{escape(", ".join(place))}</p>')
    sources = (error.excerpt, shape.get("stack"))
    parts += [f"<pre>{escape(str(text))}</pre>" for text in sources if text]
    tail = f"{error.status} {phrase} · {error.code} · {shape.get('request_id', '')}"
    parts.append(f'<p class="dim"><code>{escape(tail)}</code></p>')
    return _page(f"{error.status} {phrase}", parts)


def apps_page(apps: Iterable[tuple[str, str]]) -> bytes:
    """The apps that an engine serves: pairs of name and address."""
    items = [f'<li><a href="{escape(url)}">{escape(name)}</a></li>' for name, url in apps]
    empty = "<p>Run a cell with a handler, and its app stands here.</p>"
    return _page("Apps", ["<h1>Apps</h1>", f"<ul>{''.join(items)}</ul>" if items else empty])


def _page(title: str, parts: list[str]) -> bytes:
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>"
    )
    return "".join([head, *parts, "</body></html>"]).encode()
