"""Bytes as numbers, one after the other: in hex, or as a list."""

from __future__ import annotations

from collections.abc import Iterator

from aiwe_engine.vault.form import Form, Part

_HEAD = 4  # numbers of a head


def row(written: list[str], separators: tuple[str, ...]) -> Form:
    """Bytes as numbers, one after the other."""
    cases = (str.lower, str.upper)
    parts: list[Part] = [tuple({case(written[0]).encode() for case in cases})]
    for number in written[1:]:
        ways = {(mark + case(number)).encode() for mark in separators for case in cases}
        parts.append(tuple(sorted(ways)))
    first = written[:_HEAD]
    heads = {case(number_row).encode() for number_row in _rows(first, separators) for case in cases}
    # What separates is escaped in lower case only, whatever the digits are.
    heads |= {head.replace(b"\\X", b"\\x") for head in heads}
    return Form(tuple(parts), tuple(sorted(heads)))


def _rows(written: list[str], separators: tuple[str, ...]) -> Iterator[str]:
    return (mark.join(written) for mark in separators)
