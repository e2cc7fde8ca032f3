"""The pages of `/auth/…`: by whom to sign in, linking an identity, and why it did not work.

They load nothing and run nothing, and can be framed by nobody, so that no other page can put its own words
over a button.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from aiwe_engine.errors import AiweError

_STYLE = """
:root { color-scheme: light dark; --ground: #f4f5f7; --sheet: #fff; --ink: #16181d; --dim: #5c6370;
  --line: #d5d9e0; --main: #1f5fd0; --on-main: #fff }
@media (prefers-color-scheme: dark) { :root { --ground: #121417; --sheet: #1b1e23; --ink: #eceef2;
  --dim: #a3abb8; --line: #363b45; --main: #7fb0ff; --on-main: #0d1524 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 24rem; padding: 2rem; background: var(--sheet);
  border: 1px solid var(--line); border-radius: 14px }
h1 { margin: 0 0 1.25rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere }
p { margin: 0 0 1rem } .dim { color: var(--dim); font-size: .9rem }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem }
a { color: var(--main) }
.choice { display: block; width: 100%; min-height: 2.75rem; padding: .6rem 1rem; text-align: center;
  font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; color: var(--on-main);
  background: var(--main); border: 1px solid transparent; border-radius: 9px }
.choice:hover { filter: brightness(1.08) }
:focus-visible { outline: 3px solid var(--main); outline-offset: 3px }
"""


def policy(form: str = "'none'") -> tuple[str, str]:
    """What browsers may do with such a page.

    Args:
        form: where its form may lead.
    """
    value = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    return "content-security-policy", f"{value}; form-action {form}"


def choice_page(app: str, choices: Iterable[tuple[str, str]]) -> bytes:
    """The providers by which people sign in to an app: pairs of title and address."""
    items = "".join(
        f'<li><a class="choice" href="{escape(url)}">Continue with {escape(title)}</a></li>'
        for title, url in choices
    )
    return _page(
        f"Sign in to {app}",
        [f'<nav aria-label="Ways to sign in"><ul>{items}</ul></nav>'],
    )


def link_page(username: str, title: str, cancel: str) -> bytes:
    """Asks whether somebody wants to come in by another identity too."""
    return _page(
        f"Add {title} to your account",
        [
            (
                f"<p>You are signed in as <strong>{escape(username)}</strong>. Whoever signs in with this "
                f"identity of {escape(title)} will come in to your account.</p>"
            ),
            f'<form method="post"><button class="choice">Continue with {escape(title)}</button></form>',
            f'<p class="dim"><a href="{escape(cancel)}">Cancel</a></p>',
        ],
    )


def failure_page(error: AiweError, again: str, request_id: str) -> bytes:
    """Why somebody could not sign in, and what they can do."""
    parts = [f'<p role="alert">{escape(error.message)}</p>']
    if error.hint and error.status < 500:
        parts.append(f'<p class="dim">{escape(error.hint)}</p>')
    parts.append(f'<p><a class="choice" href="{escape(again)}">Try again</a></p>')
    parts.append(f'<p class="dim"><code>{escape(error.code)} · {escape(request_id)}</code></p>')
    return _page("That did not work", parts)


def _page(title: str, parts: list[str]) -> bytes:
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
    )
    return "".join([head, *parts, "</main></body></html>"]).encode()
