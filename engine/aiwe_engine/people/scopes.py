"""Scopes of tokens and keys: words that say which of its owner's roles one carries.

Without a scope it carries all of them; with one those that stand in it. What is made by somebody who came
with a scope never carries more than that.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.people.person import Person
from aiwe_engine.types import Json, User, Via

_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # scope-token of RFC 6749
_MOST = 100


def read(given: Any, caller: User) -> str | None:
    """The scope of what a caller makes: words with spaces between them; None: it has none.

    Args:
        given: a list of words, or None.
        caller: who makes it.

    Raises:
        RequestError: `invalid_argument`; `scope_too_wide` (403) where the caller's own has less.
    """
    own = caller.claims.get("scope") if caller.via in {"jwt", "api_key"} else None
    held = own.split() if isinstance(own, str) else None
    if given is None:
        return None if held is None else " ".join(held)
    if (
        not isinstance(given, list)
        or len(given) > _MOST
        or not all(isinstance(word, str) and _WORD.fullmatch(word) for word in given)
    ):
        raise RequestError(
            "scope is no list of words.",
            code="invalid_argument",
            hint='Write scope: ["reader", "editor"]: roles, or words of your own, without spaces.',
        )
    wider = [word for word in given if held is not None and word not in held]
    if wider:
        raise RequestError(
            f'The caller came with a token or a key that has no "{wider[0]}" in its scope.',
            code="scope_too_wide",
            status=403,
            hint="Ask for what it has, or sign in with the password.",
        )
    return " ".join(dict.fromkeys(given))


def carried(person: Person, via: Via, claims: dict[str, Json]) -> User:
    """The person as they come with a token or a key that says these things."""
    user = person.user(via, claims)
    scope = claims.get("scope")
    if not isinstance(scope, str):
        said = {name: value for name, value in user.claims.items() if name != "scope"}
        return replace(user, claims=said)  # a profile's "scope" is none
    words = scope.split()
    return replace(user, roles=tuple(role for role in user.roles if role in words))
