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
MUTED = "color:var(--jp-ui-font-color2, #777)"
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
                f'<span style="{MUTED}">{escape(note)}</span></td>'
                f'<td style="text-align:left;{MUTED}">{escape(_place(route, counts))}</td></tr>'
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
    return {"text/plain": url, "text/html": anchor(url, url)}


def _text(deployment: Mapping[str, Any]) -> str:
    changed, same = _split(deployment)
    lines = [_SCRATCH] if deployment.get("scratch") else []
    for route in changed:
        state = "gone" if route["change"] == "removed" else "live"
        target = "" if state == "gone" else f" → {route.get('url') or route['path']}"
        lines.append(f"{state}: {route['method']} {route['path']}{target}  {route['change']}")
    lines += [_asset_text(asset) for asset in _changed_assets(deployment)]
    lines += [f"warning: {_warning(w)}" for w in deployment.get("warnings") or ()]
    if not deployment.get("scratch"):
        lines.append(_about(deployment) + _unchanged(same))
    return "\n".join(lines)


def _html(deployment: Mapping[str, Any]) -> str:
    changed, same = _split(deployment)
    parts = []
    if deployment.get("scratch"):
        parts.append(f'<div style="{MUTED}">{_SCRATCH}</div>')
    parts += [_line(route) for route in changed]
    parts += [_asset_line(asset) for asset in _changed_assets(deployment)]
    parts += [
        f'<div><span style="color:{_COLORS["changed"]}">⚠ warning</span> '
        f"{escape(_warning(warning))}</div>"
        for warning in deployment.get("warnings") or ()
    ]
    if not deployment.get("scratch"):
        about = escape(_about(deployment) + _unchanged(same))
        folded = "".join(_line(route) for route in same)
        parts.append(
            f'<details style="{MUTED}"><summary>{about}</summary>{folded}</details>'
            if folded
            else f'<div style="{MUTED}">{about}</div>'
        )
    style = "line-height:1.6;font-size:var(--jp-ui-font-size1, 13px)"
    return f'<div style="{style}">{"".join(parts)}</div>'


def _changed_assets(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    assets = deployment.get("assets") or []
    return [asset for asset in assets if asset.get("change", "same") != "same"]


def _asset_text(asset: Mapping[str, Any]) -> str:
    if asset["change"] == "removed":
        return f"gone: asset {asset['path']}  removed"
    return f"live: asset {asset['path']} → {asset['url']}  {asset['change']} ({_kind(asset)})"


def _asset_line(asset: Mapping[str, Any]) -> str:
    change, path = str(asset["change"]), monospaced(str(asset["path"]))
    note = f'<span style="{MUTED}">{escape(change)}</span>'
    if change == "removed":
        return f"<div>{_dot(change)}<b>asset</b> <s>{path}</s>  {note}</div>"
    about = f'<span style="{MUTED}">{escape(_kind(asset))}</span>'
    address = anchor(str(asset["url"]), str(asset["url"]))
    return f"<div>{_dot(change)}<b>asset</b> {path} → {address}  {about}  {note}</div>"


def _kind(asset: Mapping[str, Any]) -> str:
    media = str(asset["content_type"]).partition(";")[0]
    return f"{media}, {size_text(asset['size'])}"


def size_text(size: int) -> str:
    """A number of bytes as people read it."""
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


def _dot(change: str) -> str:
    word = {"removed": "gone", "same": ""}.get(change, "live")
    return f'<span style="color:{_COLORS.get(change, "inherit")}">● {word}</span> ' if word else ""


def _line(route: Route) -> str:
    change = str(route.get("change", "same"))
    dot, word = _dot(change), change != "same"
    note = f'  <span style="{MUTED}">{escape(change)}</span>' if word else ""
    path = monospaced(str(route["path"]))
    if change == "removed":
        return f"<div>{dot}{_method(route)} <s>{path}</s>{note}</div>"
    url = str(route.get("url") or "")
    address = (
        anchor(url, url) if _opens(route) else f'<span style="{MUTED}">{monospaced(url)}</span>'
    )
    return f"<div>{dot}{_method(route)} {path} → {address}{note}</div>"


def _opens(route: Route) -> bool:
    """Whether a click makes sense: GET, and nothing left to fill in."""
    ready = not {":", "*"} & set(str(route["path"]))
    return bool(route.get("url")) and ready and route["method"] in ("GET", "*")


def _address(route: Route) -> str:
    path = str(route["path"])
    return anchor(str(route["url"]), path) if _opens(route) else monospaced(path)


def anchor(url: str, text: str) -> str:
    """Markup of a link; of the text alone where the address is none to follow."""
    if not url.startswith(("http://", "https://", "/")):
        return monospaced(text)
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener" style="{_LINK};{_CODE}">'
        f"{escape(text)}</a>"
    )


def monospaced(text: str) -> str:
    """Markup of a text that is code."""
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
