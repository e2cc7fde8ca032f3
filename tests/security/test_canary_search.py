"""The search that the canary trusts finds what there is to be found, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.engine.vault.encodings import written
from tests.security.canary import IDS, SEARCH

pytestmark = pytest.mark.slow


def plants() -> Iterator[tuple[str, str, bytes]]:
    for name, value in IDS.items():
        for form, text in written(value):
            yield name, form, text


def test_the_search_finds_each_value_in_every_form() -> None:
    around = b'<a href="?x=1&amp;y">{"q": "\\u00fc %b end"} 50%% + 1'
    missed = [
        (name, form) for name, form, text in plants() if name not in SEARCH.found(around % text)
    ]
    assert missed == []
    assert len({form for _, form, _ in plants()}) > 60


def test_the_search_finds_nothing_where_nothing_is() -> None:
    clean = json.dumps({"error": {"code": "secret_not_found", "hint": "Grüße % + &amp; \\u0041"}})
    assert SEARCH.found(clean.encode() * 50) == set()
    assert SEARCH.found(base64.b64encode(bytes(range(256)) * 9)) == set()
