"""Sealing: AES-256-GCM, a fresh nonce each time, and the context bound in.

    aiwe1:KEY:NONCE+CIPHERTEXT+TAG        the last part is base64url without padding

The context says what a text is of ("this secret of this app, for these hosts"). It is not stored: whoever opens
a text says what it must be, so that one sealed text cannot be put in the place of another.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from aiwe_engine.errors import EngineError
from aiwe_engine.vault.keyring import VARIABLE, Key, Keyring

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORM = "aiwe1"
_NONCE = 12
_TAG = 16


class KeyedCipher:
    """A `protocols.Cipher`.

    Args:
        keys: under which it seals and opens.

    Attributes:
        keys: those.
    """

    def __init__(self, keys: Keyring) -> None:
        self.keys = keys
        self._made: dict[str, AESGCM] = {}

    def seal(self, plain: bytes, context: str) -> str:
        """Plain bytes, sealed.

        Args:
            plain: what nobody is to read.
            context: what it is, in any words; the same must be said to open it.

        Raises:
            EngineError: there is a key and it cannot be used: `vault_key_invalid`, `vault_key_exposed`,
                `vault_key_unreadable`.
        """
        key = self.keys.first()
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher(key).encrypt(nonce, plain, context.encode())
        return f"{FORM}:{key.id}:{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, sealed: str, context: str) -> bytes:
        """What was sealed.

        Args:
            sealed: as `seal` made it.
            context: as `seal` was told.

        Raises:
            EngineError: `vault_key_wrong` where the key is not here; `vault_damaged` where the text or its
                context is not what was sealed; or as `seal`.
        """
        key_id = key_of(sealed)
        key = self.keys.find(key_id)
        if key is None:
            raise wrong_key([key_id])
        from cryptography.exceptions import InvalidTag

        encoded = sealed.rpartition(":")[2]
        try:
            data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            if len(data) < _NONCE + _TAG:
                raise _damaged()
            return self._cipher(key).decrypt(data[:_NONCE], data[_NONCE:], context.encode())
        except (InvalidTag, ValueError):
            raise _damaged() from None

    def _cipher(self, key: Key) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms, seldom needed

        if key.id not in self._made:
            self._made[key.id] = AESGCM(key.value)
        return self._made[key.id]


def key_of(sealed: str) -> str:
    """The id of the key that a text was sealed under.

    Raises:
        EngineError: `vault_damaged`, it is no sealed text.
    """
    parts = sealed.split(":")
    if len(parts) != 3 or parts[0] != FORM:
        raise _damaged()
    return parts[1]


def wrong_key(key_ids: list[str]) -> EngineError:
    """What is said where the key of something sealed is not here."""
    named = ", ".join(key_ids)
    return EngineError(
        f"The vault's key is not the one that this was sealed under: {named}.",
        code="vault_key_wrong",
        hint=f"Put the key file back (vault.key in the data folder), or give the key as {VARIABLE}. Where "
        "it is lost, no one can read the values any more: delete the secrets and set them again.",
        details={"keys": key_ids},
    )


def _damaged() -> EngineError:
    return EngineError(
        "A sealed value is damaged, or is not the one that belongs in its place.",
        code="vault_damaged",
        hint="Set the secret again, or restore a backup.",
    )
