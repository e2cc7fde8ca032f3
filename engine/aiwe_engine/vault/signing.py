"""Signatures with a secret's value as their key, as Stripe, AWS and Twilio want them.

A chain derives the key: each of its texts is signed with the key so far, and the signature is the next
key. That is AWS Signature 4 but for its first key, which is the secret access key behind "AWS4": a chain
that ends in "aws4_request" gets that put before it here, for a program cannot.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from aiwe_engine.errors import ProgramError

_HASHES = {"SHA-1": hashlib.sha1, "SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}
_ENCODINGS = ("hex", "base64")
_AWS_PREFIX, _AWS_END = b"AWS4", "aws4_request"
_MOST_LINKS = 16


def sign(value: bytes, options: object, data: bytes) -> str:
    """The HMAC of the data.

    Args:
        value: of the secret.
        options: `hash`, and perhaps `chain` and `encoding`: see `Secrets.hmac` of aiwe.d.ts.
        data: what to sign.

    Raises:
        ProgramError: `invalid_argument`.
    """
    if not isinstance(options, dict):
        raise _invalid("The options of Secrets.hmac are missing.")
    digest = _HASHES.get(str(options.get("hash")))
    if digest is None:
        raise _invalid(f"Secrets.hmac knows no hash {options.get('hash')!r:.40}.")
    encoding = options.get("encoding", "hex")
    if encoding not in _ENCODINGS:
        raise _invalid(f"Secrets.hmac knows no encoding {encoding!r:.40}.")
    key = value
    chain = _chain(options.get("chain", []))
    if chain and chain[-1] == _AWS_END and not key.startswith(_AWS_PREFIX):
        key = _AWS_PREFIX + key
    for link in chain:
        key = hmac.new(key, link.encode(), digest).digest()
    signature = hmac.new(key, data, digest).digest()
    return signature.hex() if encoding == "hex" else base64.b64encode(signature).decode()


def _chain(given: object) -> list[str]:
    if (
        isinstance(given, list)
        and len(given) <= _MOST_LINKS
        and all(isinstance(one, str) for one in given)
    ):
        return given
    raise _invalid("The chain of Secrets.hmac is no short list of strings.")


def _invalid(message: str) -> ProgramError:
    return ProgramError(
        message,
        code="invalid_argument",
        hint='Write { hash: "SHA-256" } with "SHA-1", "SHA-256" or "SHA-512"; encoding is "hex" or "base64", chain '
        f"a list of at most {_MOST_LINKS} strings.",
        name="TypeError",
    )
