"""Which usernames and passwords may be chosen, as NIST SP 800-63B has it.

A password must be long enough, and none that everybody tries first. There are no rules of which characters
it must have: they make passwords no better, and people write them down.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from aiwe_engine.errors import RequestError
from aiwe_engine.people.directory import NAME_LONGEST, NAME_WRITTEN
from aiwe_engine.people.passwords import LONGEST, prepared

_MOST_ROLES, _ROLE_LONGEST = 100, 100
_INVISIBLE = ("C", "Zl", "Zp")  # categories: controls, formats, line separators
#: Letters, marks and a sign that nobody sees either: fillers, joiners, variation selectors, an empty Braille cell.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def username_of(given: str) -> str:
    """A username as it is kept: NFKC.

    Raises:
        RequestError: `invalid_username` (422).
    """
    name = unicodedata.normalize("NFKC", given) if len(given) <= NAME_WRITTEN else ""
    if not 1 <= len(name) <= NAME_LONGEST:
        raise _no_name(f"A username has 1 to {NAME_LONGEST} characters.")
    invisible = any(unicodedata.category(char).startswith(_INVISIBLE) for char in name)
    if invisible or _UNSEEN.search(name):
        raise _no_name("A username has no line breaks and no invisible characters.")
    if name != name.strip():
        raise _no_name("A username neither begins nor ends with a space.")
    return name


def check_password(password: str, least: int, about: Iterable[str | None]) -> None:
    """Refuses a password that is easily guessed.

    Args:
        password: as it is to be.
        least: characters that it must have.
        about: what others know of its owner: username, e-mail address, the app's name.

    Raises:
        RequestError: `password_too_weak` (422), which says why.
    """
    text = prepared(password).decode("utf-8", "surrogatepass")
    plain = text.casefold()
    if len(text) < least:
        raise _weak(f"has fewer than {least} characters")
    if len(prepared(password)) > LONGEST:
        raise _weak(f"has more than {LONGEST:,} bytes")
    known = {word.casefold() for word in about if word}
    known |= {word.partition("@")[0] for word in known}
    if plain in known:
        raise _weak("is what others know of its owner: a name or an address")
    if len({ord(after) - ord(before) for before, after in pairwise(plain)}) <= 1:
        raise _weak("is one character over and over, or a row of them")
    if plain in _common():
        raise _weak("is among those that are tried first, since many people have it")


def check_roles(roles: list[str]) -> None:
    """Refuses what cannot be names of roles.

    Raises:
        RequestError: `invalid_role` (422).
    """
    fits = all(0 < len(one) <= _ROLE_LONGEST and one == one.strip() for one in roles)
    if not fits or len(roles) > _MOST_ROLES:
        raise RequestError(
            "These are no names of roles.",
            code="invalid_role",
            status=422,
            hint=f"Give at most {_MOST_ROLES} names of 1 to {_ROLE_LONGEST} characters, as in editor.",
        )


@cache
def _common() -> frozenset[str]:
    """The passwords that are most often found where they were stolen, from zxcvbn."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # large, and needed when somebody registers

    return frozenset(FREQUENCY_LISTS["passwords"])


def _no_name(message: str) -> RequestError:
    return RequestError(
        message, code="invalid_username", status=422, hint="Choose another username."
    )


def _weak(why: str) -> RequestError:
    return RequestError(
        f"The password {why}.",
        code="password_too_weak",
        status=422,
        hint="A few words that nobody would expect together are easy to keep in mind and hard to guess.",
    )
