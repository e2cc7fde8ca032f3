"""What servers, libraries and programs make of a text: written anew here, not taken from the engine."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlencode

SECRETS: dict[str, bytes] = {
    "an API key": b"sk_live_51H8xYzQw7Lm2Np9Rt4Uv",
    "a token with a dot": b"SG.kTx3pQ-9aZ_w.vYb8Nc6mL-r2Dd4f",
    "a password with quotes": b"pa\"ss'wo\\rd <&> 100%",
    "a password with umlauts": "Grüße-übermäßig-ß€".encode(),
    "a password with spaces": b"correct horse battery staple",
    "a password of symbols": b"!@#$%^&*()_+-=[]{}|;':\",./<>?`~",
    "emoji": "🔑 geheim 🔒 schlüssel".encode(),
    "a key as PEM": b"-----BEGIN PRIVATE KEY-----\n"
    + b"\n".join(
        base64.b64encode(bytes([n * 7 % 256] * 5 + list(range(n, n + 43)))) for n in range(1, 12)
    )
    + b"\n-----END PRIVATE KEY-----",
    "an account as JSON": b'{"type": "service_account", "key": "a/b+c==", "n": [1, 2]}',
    "base64": base64.b64encode(bytes(range(200, 232))),
    "base64 for URLs": base64.urlsafe_b64encode(bytes(range(180, 212))),
    "a URL with credentials": b"postgres://app:v3ry-s3cret/pw@db.internal:5432/main?sslmode=require",
    "a webhook's address": b"https://hooks.example.com/services/T00/B00/XXabcdef123456",
    "hex": b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "hex in capitals": b"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B",
    "a UUID": b"123e4567-e89b-42d3-a456-426614174000",
    "a JWT": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "a connection string": b"Endpoint=sb://x.example.net/;SharedAccessKey=abc+def/ghi=;Name=Root",
    "digits": b"4929123456781234",
    "bytes": bytes([0, 255, 128, 7, 13, 200, 201, 222, 173, 190, 239, 34, 92, 37, 43, 60]),
}


def written(value: bytes) -> Iterator[tuple[str, bytes]]:
    """The forms in which a value may be met, with their names."""
    yield "as it is", value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if text:
        yield from ((name, way.encode()) for name, way in _texts(text))
        yield "base64 of JSON", base64.b64encode(json.dumps({"k": text}).encode())
        compact = json.dumps({"token": text}, ensure_ascii=False, separators=(",", ":")).encode()
        yield "the claims of a token", base64.urlsafe_b64encode(compact).rstrip(b"=")
        yield "base64 of a form", base64.b64encode(urlencode({"k": text}).encode())
    for size in range(4):
        around = b"user:"[:size] + value + b"!?"[: size % 3]
        yield f"base64, {size} bytes in", base64.b64encode(around)
        yield f"base64url, {size} bytes in", base64.urlsafe_b64encode(around).rstrip(b"=")
    encoded = base64.b64encode(b"a:" + value)
    for width in (64, 76):
        for end in (b"\n", b"\r\n", b"\\n"):
            lines = base64.b64encode(b"x" * 31 + value + b"y" * 80)
            rows = [lines[at : at + width] for at in range(0, len(lines), width)]
            yield f"base64 in lines of {width} with {end!r}", end.join(rows)
    yield "base64 in base64", base64.b64encode(b"Basic " + encoded)
    yield "base64 in a URL", quote(encoded.decode(), safe="").encode()
    yield "base64 in a URL, small", _small(quote(encoded.decode(), safe="")).encode()
    yield "base64 in JSON of PHP", encoded.replace(b"/", b"\\/")
    yield (
        "base64 in HTML of a template",
        html.escape(encoded.decode()).replace("/", "&#x2F;").encode(),
    )
    yield "hex", value.hex().encode()
    yield "hex in capitals", value.hex().upper().encode()
    yield "hex with colons", value.hex(":").encode()
    yield "hex with spaces", value.hex(" ").encode()
    yield "numbers", json.dumps(list(value)).encode()
    yield "numbers, close", json.dumps(list(value), separators=(",", ":")).encode()
    yield "numbers, in lines", json.dumps(list(value), indent=2).encode()


def _small(text: str) -> str:
    parts = text.split("%")
    return parts[0] + "".join("%" + part[:2].lower() + part[2:] for part in parts[1:])


def _texts(text: str) -> Iterator[tuple[str, str]]:
    lean = json.dumps(text, ensure_ascii=False)[1:-1]
    full = json.dumps(text)[1:-1]
    yield "JSON", lean
    yield "JSON in ASCII", full
    yield "JSON of PHP", full.replace("/", "\\/")
    yield "JSON of Go", lean.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    yield (
        "JSON in capitals",
        "".join(
            f"\\u{ord(c):04X}" if ord(c) in range(127, 65536) else json.dumps(c)[1:-1] for c in text
        ),
    )
    yield (
        "JSON, every letter",
        "".join(f"\\u{int.from_bytes(unit, 'big'):04x}" for unit in _units(text)),
    )
    yield "JSON in JSON", json.dumps(lean, ensure_ascii=False)[1:-1]
    yield "JSON in JSON in ASCII", json.dumps(full)[1:-1]
    yield "JSON in HTML", html.escape(lean)
    yield "HTML in JSON", json.dumps(html.escape(text))[1:-1]
    yield "JSON in a URL", quote(full, safe="")
    yield "URL, encodeURIComponent", quote(text, safe="!'()*")
    yield "URL, small", _small(quote(text, safe=""))
    yield "URL, encodeURI", quote(text, safe=";/?:@&=+$,#!'()*")
    yield "URL, path", quote(text)
    yield "URL, one step of a path", quote(text, safe=":@!$&'()*+,;=")
    yield "URL, twice", quote(quote(text, safe=""), safe="")
    yield "URL, every letter", "".join(f"%{byte:02X}" for byte in text.encode())
    yield "URL, every letter, small", "".join(f"%{byte:02x}" for byte in text.encode())
    yield "form", quote_plus(text)
    yield "form of browsers", quote_plus(text, safe="*")
    yield "form, small", _small(quote_plus(text))
    yield "HTML", html.escape(text)
    yield "HTML, text only", html.escape(text, quote=False)
    yield "HTML of PHP", html.escape(text).replace("&#x27;", "&#039;")
    yield "HTML of JavaScript", html.escape(text).replace("&#x27;", "&#39;")
    yield (
        "HTML of Mustache",
        (html.escape(text).replace("/", "&#x2F;").replace("`", "&#x60;").replace("=", "&#x3D;")),
    )
    yield "HTML in ASCII", html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
    yield "HTML, every letter", "".join(f"&#{ord(c)};" for c in text)
    yield "HTML, every letter in hex", "".join(f"&#x{ord(c):x};" for c in text)
    yield "XML", html.escape(text).replace("&#x27;", "&apos;")
    yield "UTF-8 taken for latin-1", text.encode().decode("latin-1")
    yield "UTF-8 taken for latin-1, in JSON", json.dumps(text.encode().decode("latin-1"))[1:-1]
    yield "lines of Windows", text.replace("\n", "\r\n")
    yield "in one line", text.replace("\n", "")
    yield "a string of JavaScript", lean.replace("'", "\\'")


def _units(text: str) -> list[bytes]:
    units = text.encode("utf-16-be")
    return [units[at : at + 2] for at in range(0, len(units), 2)]


CASES = [
    (kind, name, value, form) for kind, value in SECRETS.items() for name, form in written(value)
]
