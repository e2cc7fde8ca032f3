"""One secret, without its value: who may use it, where it may be sent, and in which places.

Values only, as a vault keeps them and a configuration names them: nothing here knows either.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from aiwe_engine.errors import RequestError

PLACES = ("url", "body")
SHORTEST, LONGEST = 12, 64 * 1024  # bytes of a value
LONGEST_ID, LONGEST_DESCRIPTION, MOST_HOSTS = 128, 1000, 100
ID_FORM = f'1 to {LONGEST_ID} letters, digits, "_", "-" or "."'
_ID = re.compile(rf"[A-Za-z0-9_.-]{{1,{LONGEST_ID}}}")
_APP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}(?::|$))((?:\*\.)?{_LABEL}(?:\.{_LABEL})*)(?::(\d{{1,5}}))?")
_SIX = re.compile(r"(\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_WILD = "*."

#: Id, app, environment; None: every one.
Name: TypeAlias = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Secret:
    """What is known of a secret. Its value is the vault's.

    Attributes:
        id: as programs name it.
        app: the one app that has it; None: each.
        env: the one environment that has it; None: each.
        hosts: `host` (on the usual port) or `host:port`, in lower case; none: it is sent nowhere.
        places: where beside headers it may stand.
        description: for people.
        created_at: ISO 8601.
        created_by: whoever set it first.
        version: grows with every change.
        configured: where a configuration names it and its value; empty: the vault keeps it.
    """

    id: str
    app: str | None = None
    env: str | None = None
    hosts: tuple[str, ...] = ()
    places: frozenset[str] = frozenset()
    description: str = ""
    created_at: str = ""
    created_by: str = ""
    version: int = 1
    configured: str = ""

    @property
    def name(self) -> Name:
        """What tells it from every other."""
        return self.id, self.app, self.env

    @property
    def source(self) -> str:
        """Where its value is kept."""
        return "configuration" if self.configured else "vault"

    @property
    def context(self) -> str:
        """What its value is sealed with: who changes the stored record cannot open it elsewhere."""
        bound = [*self.name, self.version, list(self.hosts), sorted(self.places)]
        return "secret " + json.dumps(bound, ensure_ascii=False, separators=(",", ":"))

    def allows(self, host: str, port: int, default_port: bool) -> bool:
        """Whether its value may be sent to a host.

        Args:
            host: its name or address as it is connected to; an IPv6 address with or without brackets.
            port: its port.
            default_port: whether that is the usual one of the scheme (80, 443).
        """
        name = host.lower().rstrip(".")
        if ":" in name and not name.startswith("["):
            name = f"[{name}]"
        return any(_matches(one, name, port, usual=default_port) for one in self.hosts)


def _matches(allowed: str, name: str, port: int, *, usual: bool) -> bool:
    parts = (_SIX if allowed.startswith("[") else _HOST).fullmatch(allowed)
    if parts is None:
        return False
    wanted, at = parts.groups()
    if at is None and not usual:
        return False
    if at is not None and int(at) != port:
        return False
    if wanted.startswith(_WILD):
        label, dot, rest = name.partition(".")
        return bool(label and dot) and rest == wanted.removeprefix(_WILD)
    return bool(name == wanted)


def is_id(text: str) -> bool:
    """Whether a secret can be stored under it."""
    return bool(_ID.fullmatch(text) and text.strip("."))


def check_id(secret: str, app: str | None = None) -> str:
    """The id itself.

    Args:
        secret: it.
        app: the app that alone has it.

    Raises:
        RequestError: `invalid_secret_id`, `invalid_app`.
    """
    if app is not None and not _APP.fullmatch(app):
        raise RequestError(
            "This cannot be the name of an app.",
            code="invalid_app",
            hint="Apps are named in lower-case letters, digits and -, as in my-shop.",
        )
    if is_id(secret):
        return secret
    raise RequestError(
        "This is not a name that a secret can have.",
        code="invalid_secret_id",
        hint=f'{ID_FORM}, as in "sendgrid_api_key".',
    )


def check_value(value: bytes) -> bytes:
    """The value itself.

    Raises:
        RequestError: `secret_too_short`, `secret_too_long`, `invalid_secret`; none repeats it.
    """
    if len(value) < SHORTEST:
        raise RequestError(
            f"The value has fewer than {SHORTEST} bytes.",
            code="secret_too_short",
            hint="Every text that leaves the engine is searched for the values of secrets, to take them out. A "
            "short one would be found in what has nothing to do with it; and it could be guessed. Real keys "
            "are longer.",
        )
    if len(value) > LONGEST:
        raise RequestError(
            f"The value has more than {LONGEST:,} bytes.",
            code="secret_too_long",
            status=413,
            hint="A secret is a key, a password or a certificate. Keep larger things as files.",
        )
    try:
        value.decode()
    except UnicodeDecodeError:
        raise RequestError(
            "The value is not UTF-8 text.",
            code="invalid_secret",
            hint="Encode binary keys as base64 or hexadecimal digits, as their services expect them.",
        ) from None
    if not value.strip():
        raise RequestError(
            "The value is nothing but white space.",
            code="invalid_secret",
            hint="See that the file or variable holds what you mean.",
        )
    return value


def check_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """The hosts as they are compared: in lower case, each once.

    Raises:
        RequestError: `invalid_hosts`.
    """
    found: list[str] = []
    for one in hosts:
        said = _wrong_host(one.strip())
        if said:
            shown = one if len(one) <= 80 else one[:77] + "..."
            raise RequestError(
                f"{shown!r} is not a host: {said}.",
                code="invalid_hosts",
                hint="Write the host alone, as in api.sendgrid.com, with a port where it is an unusual one: "
                "localhost:8025. *.example.com stands for every name one level below example.com.",
            )
        host = one.strip().lower().removesuffix(".")
        if host not in found:
            found.append(host)
    if len(found) > MOST_HOSTS:
        raise RequestError(
            f"A secret may have {MOST_HOSTS} hosts.",
            code="invalid_hosts",
            hint="Set it a second time under another name.",
        )
    return tuple(found)


def _wrong_host(host: str) -> str | None:
    """What is wrong with a host; None: nothing."""
    lower = host.lower().removesuffix(".")
    parts = (_SIX if lower.startswith("[") else _HOST).fullmatch(lower)
    if parts is None:
        return _no_form(host)
    name, port = parts.groups()
    if port is not None and not 0 < int(port) < 1 << 16:
        return f"{port} is no port"
    if name.startswith("["):
        return _wrong_address(name[1:-1])
    if name.startswith(_WILD) and name.count(".") < 2:
        return "*. before a name of one part would be half of the internet"
    return None


def _no_form(host: str) -> str:
    """Why it looks like no host at all."""
    signs = {
        "://": "it is a URL",
        "/": "it has a path",
        "@": "it names a user",
        "*": "a wildcard is *. at its beginning",
    }
    if not host.isascii():
        return "write it in its ASCII form (xn--…)"
    return next(
        (said for sign, said in signs.items() if sign in host),
        "it is empty or has other characters",
    )


def _wrong_address(text: str) -> str | None:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return "it is no IPv6 address"
    return None if str(address) == text else f"write the address as [{address}]"


def check_places(places: Iterable[str]) -> frozenset[str]:
    """The places themselves.

    Raises:
        RequestError: `invalid_places`.
    """
    found = frozenset(places)
    unknown = sorted(found - {*PLACES})
    if unknown:
        raise RequestError(
            f'There is no place "{unknown[0][:40]}" for a secret.',
            code="invalid_places",
            hint="url and body can be allowed; a header always is.",
        )
    return found


def check_description(text: str) -> str:
    """The description itself.

    Raises:
        RequestError: `invalid_description`.
    """
    if len(text) <= LONGEST_DESCRIPTION and text.isprintable():
        return text
    raise RequestError(
        "This is not a description.",
        code="invalid_description",
        hint=f"One line of at most {LONGEST_DESCRIPTION} characters.",
    )
