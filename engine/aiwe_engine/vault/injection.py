"""The values of secrets, put into what leaves for another server.

Only here a value meets a request. Whether it may is asked of where the request really goes, after its
address was taken apart, and of the place in the request that it would stand in; a value that may not is
an error, and what is no reference of this invocation is only text. Every use is told to the vault.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiwe_engine.errors import ProgramError
from aiwe_engine.secret import Secret
from aiwe_engine.types import ByteSource, Invocation
from aiwe_engine.vault import encodings, escaping, refusals
from aiwe_engine.vault.audit import How, Outcome, Use
from aiwe_engine.vault.escaping import Escape
from aiwe_engine.vault.redaction import Redaction
from aiwe_engine.vault.references import PATTERN_BYTES, Reference, References
from aiwe_engine.vault.values import Values

Where: TypeAlias = Literal["header", "url", "body"]
_UNPRINTED = re.compile(rb"[\x00-\x1f\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0100-\U0010ffff]")
_CREDENTIALS = {"authorization", "proxy-authorization"}
_BASIC = re.compile(r"([Bb][Aa][Ss][Ii][Cc] +)([A-Za-z0-9+/]+={0,2})")
_CARRIERS = {"header": "a header", "url": "the URL", "body": "the body"}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request really goes.

    Attributes:
        host: a name in lower case without a dot at its end, or an address.
        port: as it is connected to.
        default_port: it is the one of the scheme.
        place: host and port as people write them.
        sealed: nobody on the way can read it, or whoever configured the engine has said that none is there.
    """

    host: str
    port: int
    default_port: bool
    place: str
    sealed: bool


class Injection:
    """Puts values into requests.

    Args:
        vault: has the values, and is told of every use.

    Attributes:
        references: what stands for which.
        redaction: takes values out of what comes back.
    """

    def __init__(self, vault: Values) -> None:
        self.vault, self.references = vault, References()
        self.redaction = Redaction(vault, self.references.holds)

    def begin(self, invocation: Invocation) -> Filling | None:
        """What fills one request; None where the program holds no reference at all."""
        return Filling(self, invocation) if self.references.concerns(invocation) else None


class Filling:
    """The filling of one request, part by part.

    Attributes:
        destination: where it goes; set before anything is filled.
        headers: names, in lower case, of headers that carry a value.
        secrets: ids of those put in, and where.
    """

    destination: Destination

    def __init__(self, injection: Injection, invocation: Invocation) -> None:
        self._vault, self._references = injection.vault, injection.references
        self._invocation = invocation
        self.headers: set[str] = set()
        self.secrets: dict[Where, set[str]] = {"header": set(), "url": set(), "body": set()}

    def never(self, text: str, where: str) -> None:
        """Refuses a part that no reference may stand in.

        Raises:
            AiweError: `secret_not_allowed_here`.
        """
        data = text.encode("utf-8", "replace")
        tokens = [*PATTERN_BYTES.findall(data), *(token for token, _ in encodings.find(data))]
        for token in tokens:
            reference = self._references.resolve(self._invocation, token.decode())
            if reference is not None:
                self._note(reference.secret, "header", "refused")
                raise refusals.never_here(reference.secret, where)

    def header(self, name: str, value: str) -> str:
        """A header's value with what it refers to.

        Raises:
            AiweError: a code that begins with `secret_`.
        """
        text = self._basic(name, value)
        if text is None:
            filled = self._fill(value.encode("utf-8", "surrogatepass"), "header", _in_header)
            text = filled.decode("utf-8", "surrogatepass")
        if text != value:
            self.headers.add(name.lower())
        return text

    def _basic(self, name: str, value: str) -> str | None:
        """Credentials of RFC 7617 that a program has encoded itself, with what they refer to; None: these are none."""
        found = _BASIC.fullmatch(value) if name.lower() in _CREDENTIALS else None
        if found is None:
            return None
        try:
            credentials = base64.b64decode(found[2], validate=True)
        except binascii.Error:
            return None
        if not PATTERN_BYTES.search(credentials) and not any(encodings.find(credentials)):
            return None
        user, colon, password = credentials.partition(b":")
        filled = self._fill(user, "header", _in_user) + colon
        filled += self._fill(password, "header", _in_password)
        return found[1] + base64.b64encode(filled).decode()

    def url(self, text: str) -> str:
        """An address with what it refers to in its path and query.

        Raises:
            AiweError: a code that begins with `secret_`.
        """
        return self._fill(text.encode(), "url", escaping.in_url).decode()

    def body(self, body: bytes, content_type: str) -> bytes:
        """A body with what it refers to, escaped for its kind.

        Raises:
            AiweError: a code that begins with `secret_`.
        """
        self._look(body, "body")
        if all(map(self._is_harmless, set(PATTERN_BYTES.findall(body)))):
            return self._put(body, "body", escaping.raw)
        return escaping.fill_body(body, content_type, self._put_in_body)

    def stream(self, source: ByteSource, content_type: str) -> ByteSource:
        """A body that is read as it is sent, with what it refers to."""
        return Filled(source, self, escaping.of_type(content_type))

    def may_change(self) -> bool:
        """Whether a reference that the program has may be put into the body of this request."""
        found = (self._secret(one.secret) for one in self._references.usable(self._invocation))
        return any(one is not None and self._refusal(one, "body") is None for one in found)

    def piece(self, data: bytes, escape: Escape) -> bytes:
        """A piece of a body, with what it refers to."""
        return self._fill(data, "body", escape)

    def _fill(self, data: bytes, where: Where, escape: Escape) -> bytes:
        self._look(data, where)
        return self._put(data, where, escape)

    def _put_in_body(self, data: bytes, escape: Escape) -> bytes:
        return self._put(data, "body", escape)

    def _put(self, data: bytes, where: Where, escape: Escape) -> bytes:
        def value(found: re.Match[bytes]) -> bytes:
            token = found[0].decode()
            reference = self._references.resolve(self._invocation, token)
            if reference is not None:
                return self._value(reference, where, escape)
            if self._references.is_over(self._invocation, token):
                raise refusals.over()
            return found[0]

        return PATTERN_BYTES.sub(value, data)

    def _look(self, data: bytes, where: Where) -> None:
        """Refuses what is encoded."""
        for token, how in encodings.find(data):
            reference = self._references.resolve(self._invocation, token.decode())
            if reference is not None:
                self._note(reference.secret, where, "refused")
                raise refusals.encoded(reference.secret, how)

    def _value(self, reference: Reference, where: Where, escape: Escape) -> bytes:
        """What is sent for a reference.

        Raises:
            AiweError: it may not be, or cannot.
        """
        secret = self._secret(reference.secret)
        if secret is None:
            raise refusals.not_found(reference.secret, self._vault.option)
        how: How = where if reference.user is None else "basic"
        refusal = self._refusal(secret, where)
        if refusal is None:
            try:
                value = escape(_material(self._vault.value(secret), reference.user))
            except ValueError:
                refusal = refusals.not_sendable(secret, _CARRIERS[where])
        if refusal is not None:
            self._note(secret.id, how, "refused")
            raise refusal
        if secret.id not in self.secrets[where]:
            self._note(secret.id, how, "sent")
        self.secrets[where].add(secret.id)
        return value

    def _secret(self, secret: str) -> Secret | None:
        return self._vault.find(self._invocation.app, self._invocation.env, secret)

    def _is_harmless(self, token: bytes) -> bool:
        """Whether what is put in for a token is the same in every kind of body."""
        reference = self._references.resolve(self._invocation, token.decode())
        secret = self._secret(reference.secret) if reference is not None else None
        if reference is None or secret is None:
            return True
        return escaping.is_harmless(_material(self._vault.value(secret), reference.user))

    def _refusal(self, secret: Secret, where: Where) -> ProgramError | None:
        """Why a value may not be sent there; None: it may."""
        to = self.destination
        if where != "header" and where not in secret.places:
            return refusals.not_allowed_here(secret, where, self._vault.option)
        if not secret.allows(to.host, to.port, to.default_port):
            shown = to.place if not to.default_port else to.place.rpartition(":")[0]
            return refusals.host_not_allowed(secret, shown, self._vault.option)
        return None if to.sealed else refusals.needs_https(secret, to.place)

    def _note(self, secret: str, how: How, outcome: Outcome) -> None:
        now, place = time.time(), self.destination.place
        self._vault.used(use_of(self._invocation, now, secret, place, how, outcome))


def use_of(
    invocation: Invocation, now: float, secret: str, host: str | None, how: How, outcome: Outcome
) -> Use:
    """What the audit is told of a use by an invocation."""
    app, env, version = invocation.app, invocation.env, invocation.version
    return Use(now, secret, app, env, version, invocation.id, host, how, outcome)


def _material(value: bytes, user: str | None) -> bytes:
    """What a reference stands for: the value, or the credentials of RFC 7617 with it as the password."""
    return value if user is None else base64.b64encode(user.encode() + b":" + value)


def _in_header(value: bytes) -> bytes:
    if _CONTROL.search(value.decode()):
        raise ValueError("a header ends there")
    return value


def _in_user(value: bytes) -> bytes:
    if b":" in value:
        raise ValueError("the password begins there")
    return _in_password(value)


def _in_password(value: bytes) -> bytes:
    if _UNPRINTED.search(value):
        raise ValueError("RFC 7617 has no control characters")
    return value


class Filled:
    """A body whose references are replaced while it is read. A `ByteSource`.

    What may be the beginning of a reference is held back until the next piece shows what it is.
    """

    def __init__(self, source: ByteSource, filling: Filling, escape: Escape) -> None:
        self._source, self._filling, self._escape = source, filling, escape
        self._held = b""
        self._ended = False

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: it broke off, or holds what may not be sent.
        """
        while not self._ended:
            piece = await self._source.read()
            self._ended = not piece
            data = self._held + piece
            cut = len(data) if self._ended else encodings.begun(data)
            self._held = data[cut:]
            filled = self._filling.piece(data[:cut], self._escape)
            if filled:
                return filled
        return b""

    async def close(self) -> None:
        """Nobody wants the rest."""
        await self._source.close()
