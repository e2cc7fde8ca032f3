"""JOSE, as far as tokens of ours need it: ES256 and nothing else. The only file that names the library.

It is imported when somebody first signs or checks, since it takes a tenth of a second to load.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
_CURVE = "P-256"
_ONLY = [ALGORITHM]


class Forged(Exception):
    """A text was not signed by the key that it should have been signed by."""


def make() -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A new key: its id (the thumbprint of RFC 7638), its public part, and the whole."""
    key = ECKey.generate_key(_CURVE)
    return key.thumbprint(), dict(key.as_dict(private=False)), dict(key.as_dict(private=True))


def sign(private: dict[str, Any], header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token in its compact form."""
    return jwt.encode(header, claims, _key(private), algorithms=_ONLY)


def check(public: dict[str, Any], token: str) -> dict[str, Any]:
    """The claims of a token.

    Raises:
        Forged: the key did not sign it.
    """
    try:
        return dict(jwt.decode(token, _key(public), algorithms=_ONLY).claims)
    except (JoseError, ValueError) as error:
        raise Forged from error


def _key(jwk: dict[str, Any]) -> ECKey:
    return _imported(jwk["x"], jwk["y"], jwk.get("d"))


@lru_cache(256)
def _imported(x: str, y: str, d: str | None) -> ECKey:
    """Kept, because it takes longer than to check a signature with it."""
    whole: dict[str, Any] = {"kty": "EC", "crv": _CURVE, "x": x, "y": y}
    return ECKey.import_key(whole if d is None else {**whole, "d": d})
