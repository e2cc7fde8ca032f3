"""`Secrets`: what a program may know of the secrets that it uses, and what is computed with them.

It gets references, ids, signatures and a yes or no; a value goes from the vault to another server alone.
See `vault.injection` for that.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Method
from aiwe_engine.rates.limits import Rates
from aiwe_engine.secret import Secret, is_id
from aiwe_engine.settings import Settings
from aiwe_engine.types import Invocation, Json, Request
from aiwe_engine.vault import encodings, refusals, signing
from aiwe_engine.vault.audit import How, Outcome
from aiwe_engine.vault.injection import Injection, use_of
from aiwe_engine.vault.references import PATTERN_BYTES

_CONTROL = re.compile(r"[\x00-\x1f\x7f:]")
_COMPARED = "secrets.matches"  # in the place of a route, for the counters of comparisons


class Secrets:
    """The host half of `Secrets`; `js/secrets.ts` is the other.

    Args:
        injection: has the vault, and the references that programs get.
        rates: counts comparisons.
        settings_of: the settings of an app, for `secrets_matches`.
    """

    name = "secrets"
    methods: Mapping[str, Method] = dict.fromkeys(
        ("get", "basic", "hmac", "matches", "exists", "list"), Method()
    )

    def __init__(
        self,
        injection: Injection,
        rates: Rates,
        settings_of: Callable[[str], Settings],
    ) -> None:
        self._vault, self._references = injection.vault, injection.references
        self._rates, self._settings_of = rates, settings_of
        self._do: dict[str, Callable[[Invocation, list[Any]], Awaitable[Json]]] = {
            "get": self._get,
            "basic": self._basic,
            "hmac": self._hmac,
            "matches": self._matches,
            "exists": self._exists,
            "list": self._list,
        }

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Json:
        """Runs one method of `Secrets`.

        Raises:
            AiweError: `secret_not_found`, `invalid_argument`, `secret_encoded`, `rate_limited`.
        """
        return await self._do[method](invocation, [*args, None, None, None])

    async def _get(self, invocation: Invocation, args: list[Any]) -> Json:
        return self._references.issue(invocation, self._found(invocation, args[0]).id)

    async def _basic(self, invocation: Invocation, args: list[Any]) -> Json:
        user = args[0]
        if not isinstance(user, str) or _CONTROL.search(user):
            raise refusals.bad_user()
        self._refuse_references(invocation, user.encode("utf-8", "replace"))
        secret = self._found(invocation, args[1])
        return f"Basic {self._references.issue(invocation, secret.id, user)}"

    async def _exists(self, invocation: Invocation, args: list[Any]) -> Json:
        return self._vault.find(invocation.app, invocation.env, _id(args[0])) is not None

    async def _list(self, invocation: Invocation, _: list[Any]) -> Json:
        return sorted(one.id for one in self._vault.visible(invocation.app, invocation.env))

    async def _hmac(self, invocation: Invocation, args: list[Any]) -> Json:
        secret = self._found(invocation, args[0], sent=False)
        data = _bytes(args[2])
        self._refuse_references(invocation, data)
        signature = signing.sign(self._vault.value(secret), args[1], data)
        self._note(invocation, secret, "hmac", "computed")
        return signature

    async def _matches(self, invocation: Invocation, args: list[Any]) -> Json:
        secret = self._found(invocation, args[0], sent=False)
        await self._count(invocation, secret)
        candidate = args[1] if isinstance(args[1], str) else ""  # a header may be missing
        self._note(invocation, secret, "matches", "computed")
        return _same(self._vault.value(secret), candidate.encode("utf-8", "replace"))

    async def _count(self, invocation: Invocation, secret: Secret) -> None:
        """Counts a comparison for the address that asks.

        Raises:
            RequestError: `rate_limited`, with Retry-After.
        """
        client = invocation.request.client if invocation.request is not None else ""
        place = (invocation.app, invocation.env, _COMPARED)
        settings = self._settings_of(invocation.app)
        rule = settings.secrets_matches
        if not rule:
            return
        try:
            await self._rates.admit(place, (rule,), "", Request("", "", client=client))
        except RequestError:
            self._note(invocation, secret, "matches", "refused")
            raise

    def _found(self, invocation: Invocation, secret: Any, *, sent: bool = True) -> Secret:
        if not is_id(_id(secret)):
            raise refusals.unfit_id(secret)
        found = self._vault.find(invocation.app, invocation.env, secret)
        if found is None:
            raise refusals.not_found(secret, self._vault.option, sent=sent)
        return found

    def _refuse_references(self, invocation: Invocation, data: bytes) -> None:
        tokens = [*PATTERN_BYTES.findall(data), *(token for token, _ in encodings.find(data))]
        for token in tokens:
            reference = self._references.resolve(invocation, token.decode())
            if reference is not None:
                raise refusals.signed(reference.secret)

    def _note(self, invocation: Invocation, secret: Secret, how: How, outcome: Outcome) -> None:
        self._vault.used(use_of(invocation, time.time(), secret.id, None, how, outcome))


def _id(given: Any) -> str:
    if isinstance(given, str):
        return given
    raise refusals.bad_id()


def _bytes(given: Any) -> bytes:
    """What is to be signed: a text, or bytes as base64."""
    if isinstance(given, str):
        return given.encode("utf-8", "replace")
    try:
        return binascii.a2b_base64(given["base64"], strict_mode=True)
    except (TypeError, ValueError, KeyError):
        raise refusals.bad_data() from None


def _same(value: bytes, candidate: bytes) -> bool:
    """Compares digests, so that neither the time nor the length tells anything."""
    digests = (hashlib.sha256(one).digest() for one in (value, candidate))
    return hmac.compare_digest(*digests)
