"""What a cell says about what it put live: people see this after every run.

One line a route that changed, with the address where it answers now; the rest of the app in one
folded line. The same values travel as `application/vnd.aiwe.deployment+json` for the lab.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

MIME = "application/vnd.aiwe.deployment+json"

_COLORS = {
    "added": "var(--jp-success-color1, #2e7d32)",
    "changed": "var(--jp-warn-color1, #b26a00)",
    "removed": "var(--jp-error-color1, #c62828)",
    "same": "var(--jp-ui-font-color3, #888)",
}
_MUTED = "color:var(--jp-ui-font-color2, #777)"
_CODE = "font-family:var(--jp-code-font-family, monospace)"
_LINK = "color:var(--jp-content-link-color, #1565c0)"
_SCRATCH = "scratch: ran in this notebook only, no part of the app"

Route = Mapping[str, Any]


def deployment_data(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The mime bundle of one deployment."""
    return {
        MIME: dict(deployment),
        "text/html": _html(deployment),
        "text/plain": _text(deployment),
    }


def routes_data(apps: Iterable[Mapping[str, Any]], counts: Mapping[str, int]) -> dict[str, Any]:
    """The mime bundle of a table of live routes, for `%routes`.

    Args:
        apps: as the engine lists them.
        counts: execution count by cell id, for the cells that this kernel ran.
    """
    apps = list(apps)
    if not any(app.get("routes") for app in apps):
        return {"text/plain": 'No routes are live. app.get("/hello", () => "Hello!") adds one.'}
    text, rows = [], []
    for app in apps:
        text.append(_about(app))
        rows.append(f'<tr><th colspan="3" style="text-align:left">{escape(_about(app))}</th></tr>')
        for route in app.get("routes", []):
            note = route.get("summary") or ""
            text.append(f"  {route['method']:<7} {route['path']}  {route.get('url', '')}")
            rows.append(
                f'<tr><td style="text-align:left">{_method(route)}</td>'
                f'<td style="text-align:left">{_address(route)} '
                f'<span style="{_MUTED}">{escape(note)}</span></td>'
                f'<td style="text-align:left;{_MUTED}">{escape(_place(route, counts))}</td></tr>'
            )
    return {"text/plain": "\n".join(text), "text/html": f"<table>{''.join(rows)}</table>"}


def _place(route: Route, counts: Mapping[str, int]) -> str:
    where = route.get("where") or {}
    cell = str(where.get("cell") or "")
    place = f"cell {cell}" if cell else str(where.get("file") or "")
    if cell in counts:
        place = f"In [{counts[cell]}]"
    return f"{place}, line {where['line']}" if place and where.get("line") else place


def link_data(url: str) -> dict[str, Any]:
    """The mime bundle of an address to follow, for `%open`."""
    return {"text/plain": url, "text/html": _anchor(url, url)}


def _text(deployment: Mapping[str, Any]) -> str:
    changed, same = _split(deployment)
    lines = [_SCRATCH] if deployment.get("scratch") else []
    for route in changed:
        state = "gone" if route["change"] == "removed" else "live"
        target = "" if state == "gone" else f" → {route.get('url') or route['path']}"
        lines.append(f"{state}: {route['method']} {route['path']}{target}  {route['change']}")
    lines += [f"warning: {_warning(w)}" for w in deployment.get("warnings") or ()]
    if not deployment.get("scratch"):
        lines.append(_about(deployment) + _unchanged(same))
    return "\n".join(lines)


def _html(deployment: Mapping[str, Any]) -> str:
    changed, same = _split(deployment)
    parts = []
    if deployment.get("scratch"):
        parts.append(f'<div style="{_MUTED}">{_SCRATCH}</div>')
    parts += [_line(route) for route in changed]
    parts += [
        f'<div><span style="color:{_COLORS["changed"]}">⚠ warning</span> '
        f"{escape(_warning(warning))}</div>"
        for warning in deployment.get("warnings") or ()
    ]
    if not deployment.get("scratch"):
        about = escape(_about(deployment) + _unchanged(same))
        folded = "".join(_line(route) for route in same)
        parts.append(
            f'<details style="{_MUTED}"><summary>{about}</summary>{folded}</details>'
            if folded
            else f'<div style="{_MUTED}">{about}</div>'
        )
    style = "line-height:1.6;font-size:var(--jp-ui-font-size1, 13px)"
    return f'<div style="{style}">{"".join(parts)}</div>'


def _line(route: Route) -> str:
    change = str(route.get("change", "same"))
    word = {"removed": "gone", "same": ""}.get(change, "live")
    dot = f'<span style="color:{_COLORS.get(change, "inherit")}">● {word}</span> ' if word else ""
    note = f'  <span style="{_MUTED}">{escape(change)}</span>' if word else ""
    path = _code(str(route["path"]))
    if change == "removed":
        return f"<div>{dot}{_method(route)} <s>{path}</s>{note}</div>"
    url = str(route.get("url") or "")
    address = _anchor(url, url) if _opens(route) else f'<span style="{_MUTED}">{_code(url)}</span>'
    return f"<div>{dot}{_method(route)} {path} → {address}{note}</div>"


def _opens(route: Route) -> bool:
    """Whether a click makes sense: GET, and nothing left to fill in."""
    ready = not {":", "*"} & set(str(route["path"]))
    return bool(route.get("url")) and ready and route["method"] in ("GET", "*")


def _address(route: Route) -> str:
    path = str(route["path"])
    return _anchor(str(route["url"]), path) if _opens(route) else _code(path)


def _anchor(url: str, text: str) -> str:
    if not url.startswith(("http://", "https://", "/")):
        return _code(text)
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener" style="{_LINK};{_CODE}">'
        f"{escape(text)}</a>"
    )


def _code(text: str) -> str:
    return f'<span style="{_CODE}">{escape(text)}</span>'


def _method(route: Route) -> str:
    method = "ANY" if route["method"] == "*" else str(route["method"])
    return f'<b style="{_CODE}">{escape(method)}</b>'


def _about(deployment: Mapping[str, Any]) -> str:
    words = [f"app {deployment.get('app')}", str(deployment.get("env"))]
    if version := deployment.get("version"):
        words.append(f"version {version}")
    if (url := deployment.get("url")) and "path" in deployment:
        words.append(str(url))
    return " · ".join(words)


def _unchanged(same: list[Route]) -> str:
    count = len(same)
    return f" · {count} route{'s' if count > 1 else ''} unchanged" if count else ""


def _split(deployment: Mapping[str, Any]) -> tuple[list[Route], list[Route]]:
    routes = deployment.get("routes") or []
    changed = [route for route in routes if route.get("change", "same") != "same"]
    same = [route for route in routes if route.get("change", "same") == "same"]
    return changed, same


def _warning(warning: Any) -> str:
    return str(warning.get("message")) if isinstance(warning, Mapping) else str(warning)
