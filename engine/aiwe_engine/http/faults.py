"""What can be wrong with a request before an application sees it, and what its sender is told.

The limits that no setting changes stand here too: they bound what a connection costs before anybody
knows what it wants, and are well above what browsers and tools send.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from aiwe_engine.errors import AiweError, EngineError, RequestError
from aiwe_engine.settings import KB

HEADER_LIMIT = 64 * KB  # bytes of a request's header, and of what follows a chunked body
HEADER_COUNT = 200  # headers of a request
TARGET_LIMIT = 16 * KB  # bytes of a request's path and query


def malformed(what: object) -> RequestError:
    """It is no HTTP."""
    return RequestError(
        f"The request is not well-formed HTTP: {what}.",
        code="malformed_request",
        hint="Send HTTP/1.1 as in RFC 9112.",
    )


def header_too_large() -> RequestError:
    """Its header goes on and on."""
    return RequestError(
        f"The header of the request is longer than {HEADER_LIMIT} bytes.",
        code="header_too_large",
        status=431,
        hint="Send fewer or shorter headers and cookies, or put data in the body.",
    )


def too_many_headers() -> RequestError:
    """It has more headers than anybody needs."""
    return RequestError(
        f"The request has more than {HEADER_COUNT} headers.",
        code="too_many_headers",
        status=431,
        hint="Send fewer headers, or put data in the body.",
    )


def target_too_long() -> RequestError:
    """Its path and query go on and on."""
    return RequestError(
        f"The address of the request is longer than {TARGET_LIMIT} bytes.",
        code="target_too_long",
        status=414,
        hint="Send what is long in the body of a POST.",
    )


def header_too_slow(seconds: float) -> RequestError:
    """Its header did not come in time."""
    return RequestError(
        f"The header of the request was not whole after {seconds:g} s.",
        code="header_timeout",
        status=408,
        hint="Send it faster, or raise http.header_timeout.",
    )


def wrong_version(version: str) -> RequestError:
    """It speaks another HTTP."""
    return RequestError(
        f"HTTP/{version} is not spoken here.", code="http_version", hint="Use HTTP/1.1."
    )


def upgrade_with_body() -> RequestError:
    """Where its body ends depends on who reads it."""
    return RequestError(
        "A request with an Upgrade header cannot have a body here.",
        code="upgrade_with_body",
        hint="Leave the Upgrade header out.",
    )


def two_hosts() -> RequestError:
    """Its target names one host and its Host header another."""
    return RequestError(
        "The address of the request names another host than its Host header.",
        code="host_mismatch",
        hint="Send the path alone, or the same host in both.",
    )


def too_busy() -> EngineError:
    """There are as many connections as there may be."""
    return EngineError(
        "The server has as many connections as it may have.",
        code="too_many_connections",
        hint="Come back in a moment; http.connection_limit bounds them.",
        headers=[("retry-after", "1")],
    )


def fault_body(error: AiweError) -> bytes:
    """The error in the one shape, as far as a stranger may see it."""
    return orjson.dumps(error.to_json(public=True))


def fault_headers(error: AiweError, body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of an answer after which the connection ends."""
    return [
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *((name.encode(), value.encode()) for name, value in error.headers),
    ]


def fault_answer(error: AiweError, defaults: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole answer, where no application gives one.

    Args:
        error: what is wrong.
        defaults: headers that every answer of this server has.
    """
    body = fault_body(error)
    lines = [STATUS_LINE[error.status]]
    for name, value in [*defaults, *fault_headers(error, body)]:
        lines += [name, b": ", value, b"\r\n"]
    return b"".join([*lines, b"\r\n", body])
