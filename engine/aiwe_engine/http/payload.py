"""The two translations at the edge of the isolate: request → payload, raw answer → response.

Both are pure. What comes back from a worker is hostile until it was looked at here: a header that
would end its own line, a status that is none, or a body of another size never reach the wire.
"""

from __future__ import annotations

import binascii
import functools
from collections.abc import Callable
from typing import Any

from aiwe_engine.errors import EngineError, ProgramError
from aiwe_engine.http.body import parsed
from aiwe_engine.http.intake import streams
from aiwe_engine.http.outgoing import sendable
from aiwe_engine.routing.table import Match
from aiwe_engine.settings import Settings
from aiwe_engine.types import ByteSource, Request, Response

_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "base64": functools.partial(binascii.a2b_base64, strict_mode=True),
}
_FIRST_STATUS, _LAST_STATUS = 200, 599


def payload(request: Request, match: Match, settings: Settings) -> dict[str, Any]:
    """What the JavaScript `AppRequest` is made from.

    Args:
        request: its body, if it has one, was taken in (`intake.py`).
        match: its route.
        settings: of the app, for `form_fields` and `json_values`.

    Raises:
        RequestError: the body is not what its content type says.
    """
    headers = dict(request.headers)
    if len(headers) != len(request.headers):
        headers = _joined(request.headers)
    query = request.query
    target = f"{request.path}?{query}" if query else request.path
    value: dict[str, Any] = {
        "method": request.method,
        "url": f"{request.scheme}://{headers.get('host', 'localhost')}{target}",
        "path": request.path,
        "params": dict(match.params),
        "query": query,
        "headers": headers,
        "ip": request.client,
    }
    if request.refused:
        value["refused"] = request.refused
    if request.arrival is not None and streams(match.route):
        value["stream"] = True
    elif request.form is not None:
        value.update(request.form)
    elif request.body:
        kind = headers.get("content-type", "")
        most = {"fields": settings.form_fields, "values": settings.json_values}
        value.update(parsed(kind, request.body, **most))
    return value


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Repeated headers as one, in the way that RFC 9110 and RFC 6265 join them."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        if name in headers:
            headers[name] += ("; " if name == "cookie" else ", ") + value
        else:
            headers[name] = value
    return headers


def answer(raw: Any, *, limit: int | None = None, stream: ByteSource | None = None) -> Response:
    """The response that a worker's `[status, [[name, value], …], body, encoding]` stands for.

    Args:
        raw: what came from the worker.
        limit: the most bytes of a whole body.
        stream: what the program streams, where the encoding is "stream".

    Raises:
        EngineError: `invalid_answer`, the worker did not keep to that form.
        ProgramError: `invalid_header`, `invalid_cookie` or `invalid_status`, the handler's doing;
            `response_too_large`, more bytes than `limit`.
    """
    try:
        status, pairs, text, encoding = raw
        headers = [(str.lower(name), str.strip(value, " \t")) for name, value in pairs]
        body = b"" if encoding == "stream" and stream is not None else _ENCODINGS[encoding](text)
    except (TypeError, ValueError, AttributeError, KeyError):
        raise EngineError(
            "The worker's answer has not the form of one.", code="invalid_answer", status=500
        ) from None
    if type(status) is not int or not _FIRST_STATUS <= status <= _LAST_STATUS:
        raise ProgramError(
            f"The handler answered with the status {str(status)[:20]}.",
            code="invalid_status",
            hint=f"Use a whole number from {_FIRST_STATUS} to {_LAST_STATUS}.",
        )
    if limit is not None and len(body) > limit:
        raise ProgramError(
            f"The answer is larger than {limit} bytes.",
            code="response_too_large",
            hint="Answer in pages, or raise http.response_limit.",
        )
    return Response(status, sendable(headers), body, stream)
