"""What can go wrong on the way to another server, each with its code and what to do about it.

In JavaScript these are the errors of the Fetch standard, `TypeError` and `DOMException`; `code` and
`hint` are ours. A message names the host that the program named, and never the address behind a name:
whoever may fetch could map the host's network with it.
"""

from __future__ import annotations

from aiwe_engine.errors import ProgramError

_SHOWN = 200
# What the program asked for cannot be done; anything else, the other server or the way there failed.
_OF_PROGRAMS = frozenset(
    f"fetch_{what}"
    for what in (
        "bad_option",
        "bad_port",
        "bad_scheme",
        "bad_url",
        "blocked",
        "body_length",
        "body_too_large",
    )
) | {"secret_redirected"}


def _error(code: str, message: str, hint: str, *, name: str = "TypeError") -> ProgramError:
    status = 500 if code in _OF_PROGRAMS else 504 if name == "TimeoutError" else 502
    return ProgramError(message, code=code, hint=hint, name=name, status=status)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# ── what the program asked for ──


def bad_url(url: str) -> ProgramError:
    """The URL cannot be understood."""
    return _error(
        "fetch_bad_url",
        f'"{_short(url)}" is not the URL of a server.',
        'Write an absolute URL, as in "https://example.org/path".',
    )


def bad_scheme(url: str, scheme: str) -> ProgramError:
    """It is a URL of something else than the web."""
    return _error(
        "fetch_bad_scheme",
        f'"{_short(url)}" cannot be fetched: {scheme} is neither http nor https.',
        "Use an http or https URL.",
    )


def bad_port(url: str, port: int) -> ProgramError:
    """The port of another protocol."""
    return _error(
        "fetch_bad_port",
        f'"{_short(url)}" cannot be fetched: the port {port} belongs to another protocol than HTTP.',
        "The Fetch standard blocks such ports; let the server listen on another one.",
    )


def credentials() -> ProgramError:
    """A password stands in the URL, where logs and redirects would carry it on."""
    return _error(
        "fetch_bad_url",
        "The URL holds a user name or password, which are not sent.",
        "Send them in a header: headers: { authorization: `Basic ${btoa(user + ':' + password)}` }; "
        "where the password is a secret: headers: { authorization: Secrets.basic(user, id) }.",
    )


def bad_option(what: str, hint: str) -> ProgramError:
    """An option of `fetch` that makes no sense."""
    return _error("fetch_bad_option", what, hint)


def blocked(place: str) -> ProgramError:
    """The address belongs to the host's own network."""
    return _error(
        "fetch_blocked",
        f"{place} is not on the public internet, and fetch does not go there.",
        f'Where it is meant to be reached, the configuration allows it: fetch.allow_private = ["{place}"].',
    )


# ── on the way there ──


def dns(host: str) -> ProgramError:
    """The name has no address."""
    return _error(
        "fetch_dns",
        f'There is no address for the host name "{host}".',
        "Check the spelling, and whether this machine can resolve names.",
    )


def timeout(place: str, seconds: float) -> ProgramError:
    """It took too long, or too long came nothing."""
    return _error(
        "fetch_timeout",
        f"{place} did not answer within {seconds:g} s.",
        "Give it longer with the option timeout, in milliseconds, or the setting fetch.timeout; or ask for less.",
        name="TimeoutError",
    )


def busy(whose: str, limit: int, seconds: float) -> ProgramError:
    """All the places for requests of this invocation ("request") or of its app ("app") stayed taken."""
    setting = "fetch.app_concurrency" if whose == "app" else "fetch.concurrency"
    return _error(
        "fetch_busy",
        f"The fetch waited {seconds:g} s for one of the {limit} others of this {whose} to end.",
        f"Read or cancel the bodies of answers before fetching more, or raise the setting {setting}.",
        name="TimeoutError",
    )


def refused(place: str) -> ProgramError:
    """Nobody listens there."""
    return _error(
        "fetch_refused",
        f"{place} refused the connection.",
        "Check the port, and whether the server runs.",
    )


def unreachable(place: str) -> ProgramError:
    """No way leads there."""
    return _error(
        "fetch_unreachable",
        f"There is no way from this machine to {place}.",
        "Check the network of this machine, and whether it needs the setting fetch.proxy.",
    )


def tls(place: str, reason: str) -> ProgramError:
    """No trusted connection came about."""
    return _error(
        "fetch_tls",
        f"There is no secure connection to {place}: {reason}.",
        "The server's certificate must be mended; an authority of your own is trusted with the setting fetch.ca_file.",
    )


def plaintext(place: str) -> ProgramError:
    """What answers there does not speak TLS."""
    return _error(
        "fetch_tls",
        f"There is no secure connection to {place}: what answers there does not speak TLS as https needs it.",
        "Check the port, or use http: where the server has no https.",
    )


def proxy(reason: str) -> ProgramError:
    """The proxy did not let us through."""
    return _error(
        "fetch_proxy",
        f"The proxy that the configuration names {reason}.",
        "Check the settings fetch.proxy and fetch.no_proxy.",
    )


# ── the exchange ──


def reset(place: str) -> ProgramError:
    """The connection ended too early."""
    return _error(
        "fetch_reset",
        f"{place} closed the connection before its answer was complete.",
        "Try again; where the request may be made twice, the option retry does that.",
    )


def invalid_answer(place: str, reason: str = "") -> ProgramError:
    """What came is not HTTP."""
    return _error(
        "fetch_invalid_answer",
        f"What {place} sent is not an answer of HTTP/1.1{': ' if reason else ''}{_short(reason)}.",
        "Check that an HTTP server answers on this port.",
    )


def bad_encoding(place: str) -> ProgramError:
    """The body is not compressed the way its header says."""
    return _error(
        "fetch_bad_encoding",
        f"The body that {place} sent is not compressed the way its Content-Encoding says.",
        'Ask for it as it is: headers: { "accept-encoding": "identity" }.',
    )


def too_large(place: str, limit: int) -> ProgramError:
    """The answer's body is over the limit."""
    return _error(
        "fetch_too_large",
        f"The answer of {place} is larger than {limit} bytes.",
        "Ask for less, or raise the setting fetch.response_limit.",
    )


def body_too_large(limit: int) -> ProgramError:
    """The request's body is over the limit."""
    return _error(
        "fetch_body_too_large",
        f"The body to be sent is larger than {limit} bytes.",
        "Send it in parts, or raise the setting fetch.request_limit.",
    )


def body_length(declared: int) -> ProgramError:
    """The body has not the length that the program declared."""
    return _error(
        "fetch_body_length",
        f"The body has not the {declared} bytes that the header Content-Length declares.",
        "Leave the header out: it is written for you.",
    )


# ── redirects ──


def redirected(place: str) -> ProgramError:
    """A redirect where the program wants none."""
    return _error(
        "fetch_redirected",
        f'{place} answered with a redirect, and the option redirect is "error".',
        'Follow redirects with redirect: "follow", or read them with redirect: "manual".',
    )


def too_many_redirects(place: str, limit: int) -> ProgramError:
    """They lead nowhere."""
    return _error(
        "fetch_too_many_redirects",
        f"More than {limit} redirects, the last one from {place}.",
        'They may go in a circle. Look at them with redirect: "manual", or raise the setting fetch.redirects.',
    )


def bad_redirect(place: str, location: str) -> ProgramError:
    """The Location cannot be understood."""
    return _error(
        "fetch_bad_redirect",
        f'{place} redirected to "{_short(location)}", where nothing can follow.',
        'Look at the answer with redirect: "manual".',
    )


def secret_redirected(place: str) -> ProgramError:
    """A redirect would take the value of a secret to another origin."""
    return _error(
        "secret_redirected",
        f"{place} redirected a request that carries a secret to another origin.",
        "Send it to the last address at once, which the secret must allow; or look at the redirect "
        'with redirect: "manual".',
    )


def cannot_resend(place: str) -> ProgramError:
    """A redirect wants the body again, which was a stream."""
    return _error(
        "fetch_cannot_resend",
        f"{place} redirected the request with its body, and a stream can be sent only once.",
        "Read the body whole first, as in body: await req.bytes(), or send it to the last address at once.",
    )
