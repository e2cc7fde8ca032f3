"""web-platform-tests, where a folder with them is given: `AIWE_WPT=$(.ci/web-platform-tests) pytest …`.

Of the subtests that node passes, an area's share must pass in an isolate, and each of the rest has its reason.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.platform.wpt.measure import explained, measured, table
from tests.engine.platform.wpt.suite import cases

SUITE = os.environ.get("AIWE_WPT")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(SUITE is None, reason="AIWE_WPT names no folder with web-platform-tests")
@pytest.mark.parametrize("area", table()["areas"])
async def test_an_isolate_passes_what_node_passes(area: str) -> None:
    root = Path(str(SUITE)).resolve()
    if not cases(root, area):  # node's copy leaves out what node does not run
        pytest.skip(f"this copy of web-platform-tests holds no {area}")
    found = await measured(root, area)
    known = explained()
    assert found.wanted > 0
    assert {at: why for at, why in found.short.items() if at not in known} == {}, "without a reason"
    assert found.passed.isdisjoint(known), "passes now: take it out of short.toml"
    expected = table()["areas"][area]
    assert 100 * len(found.passed) >= expected["least"] * found.wanted
    if found.wanted == expected["node"]:  # the same copy, the same node
        assert len(found.passed) == expected["passed"]


def test_every_reason_stands_in_an_area_that_is_measured() -> None:
    for file, name in explained():
        assert any(file.startswith(f"{area}/") for area in table()["areas"]), (file, name)
