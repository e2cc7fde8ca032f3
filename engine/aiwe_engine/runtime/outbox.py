"""What the outbox of a worker's turn says, message by message.

It is read in one go. Only where that fails it is looked at more closely: JSON has lone surrogates,
which UTF-8 has not, and a program may hand over a value that is nested deeper than can be read; that
ends the invocation it came from, and nobody else's.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

TOO_DEEP = "deep"  # letter of a message that could not be read; the number follows
READABLE = 1000  # levels; orjson reads 1024

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},]', re.DOTALL)
_HEAD = re.compile(rb'\["[a-z]",(-?\d{1,15})[,\]]')


def messages(outbox: bytes) -> list[Any]:
    """The messages of an outbox: JSON arrays with commas between them.

    One that is nested too deeply comes as `[TOO_DEEP, number]`.

    Raises:
        ValueError: this is no outbox.
    """
    try:
        read: list[Any] = orjson.loads(b"[" + outbox + b"]")
    except orjson.JSONDecodeError:
        return [_message(text, depth) for text, depth in _pieces(outbox)]
    return read


def _message(text: bytes, depth: int) -> Any:
    if depth > READABLE:
        head = _HEAD.match(text)
        if head is None:
            raise ValueError("a message without a head")
        return [TOO_DEEP, int(head[1])]
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # lone surrogates
        try:
            loose = json.dumps(json.loads(text), ensure_ascii=False)
        except RecursionError:  # Python's own limit is lower
            return _message(text, READABLE + 1)
        return orjson.loads(loose.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _pieces(outbox: bytes) -> list[tuple[bytes, int]]:
    """Each message's text, and how deep it is nested."""
    pieces: list[tuple[bytes, int]] = []
    start = level = deepest = 0
    for token in _TOKEN.finditer(outbox):
        kind = token[0]
        if kind in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif kind in b"]}":
            level -= 1
        elif kind == b"," and level == 0:
            pieces.append((outbox[start : token.start()], deepest))
            start, deepest = token.end(), 0
    pieces.append((outbox[start:], deepest))
    return pieces
