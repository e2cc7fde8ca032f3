"""Signatures with a secret's value as their key, as Stripe, AWS and Twilio want them.

A chain derives the key: each of its texts is signed with the key so far, and the signature is the next
key. That is AWS Signature 4 but for its first key, which is the secret access key behind "AWS4": a chain
that ends in "aws4_request" gets that put before it here, for a program cannot.

A key that is no text is kept as base64 or hexadecimal digits; Standard Webhooks write "whsec_" before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from difflib import get_close_matches

from aiwe_engine.errors import ProgramError

_HASHES = {"SHA-1": hashlib.sha1, "SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}
_ENCODINGS = ("hex", "base64")
_KEYS = ("text", "base64", "hex")
_OPTIONS = ("hash", "chain", "encoding", "key")
_AWS_PREFIX, _AWS_END = b"AWS4", "aws4_request"
_STANDARD_PREFIX = b"whsec_"  # https://www.standardwebhooks.com
_MOST_LINKS = 16
_SHOWN = 40


def sign(value: bytes, options: object, data: bytes) -> str:
    """The HMAC of the data.

    Args:
        value: of the secret.
        options: `hash`, and perhaps `chain`, `encoding` and `key`: see `Secrets.hmac` of aiwe.d.ts.
        data: what to sign.

    Raises:
        ProgramError: `invalid_argument`.
    """
    if not isinstance(options, dict):
        raise _invalid("The options of Secrets.hmac are missing.")
    for name in options:
        if name not in _OPTIONS:
            raise _invalid(f"Secrets.hmac knows no option {_shown(name)}.", _near(name, _OPTIONS))
    if options.get("hash") is None:
        raise _invalid("The options of Secrets.hmac name no hash.")
    digest = _HASHES.get(str(options["hash"]))
    if digest is None:
        near = _near(str(options["hash"]).upper(), tuple(_HASHES))
        raise _invalid(f"Secrets.hmac knows no hash {_shown(options['hash'])}.", near)
    encoding = options.get("encoding", "hex")
    if encoding not in _ENCODINGS:
        near = _near(str(encoding).lower(), _ENCODINGS)
        raise _invalid(f"Secrets.hmac knows no encoding {_shown(encoding)}.", near)
    key = _key(value, options.get("key", "text"))
    chain = _chain(options.get("chain", []))
    if chain and chain[-1] == _AWS_END and not key.startswith(_AWS_PREFIX):
        key = _AWS_PREFIX + key
    for link in chain:
        key = hmac.new(key, link.encode(), digest).digest()
    signature = hmac.new(key, data, digest).digest()
    return signature.hex() if encoding == "hex" else base64.b64encode(signature).decode()


def _key(value: bytes, written: object) -> bytes:
    if written == "text":
        return value
    if written not in _KEYS:
        near = _near(str(written).lower(), _KEYS)
        raise _invalid(f"Secrets.hmac knows no key as {_shown(written)}.", near)
    digits = value.strip()
    try:
        if written == "hex":
            return bytes.fromhex(digits.decode())
        return base64.b64decode(digits.removeprefix(_STANDARD_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise _invalid(f"The value of this secret is not written in {written}.") from None


def _chain(given: object) -> list[str]:
    if (
        isinstance(given, list)
        and len(given) <= _MOST_LINKS
        and all(isinstance(one, str) for one in given)
    ):
        return given
    raise _invalid("The chain of Secrets.hmac is no short list of strings.")


def _near(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, 1)
    return f'Did you mean "{close[0]}"? ' if close else ""


def _shown(given: object) -> str:
    text = json.dumps(given)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _invalid(message: str, near: str = "") -> ProgramError:
    return ProgramError(
        message,
        code="invalid_argument",
        hint=f'{near}Write {{ hash: "SHA-256" }} with "SHA-1", "SHA-256" or "SHA-512"; encoding is "hex" or "base64", '
        f'chain a list of at most {_MOST_LINKS} strings, key "base64" or "hex" where the secret is not text.',
        name="TypeError",
    )
