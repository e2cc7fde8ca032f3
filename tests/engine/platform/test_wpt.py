"""web-platform-tests, where a folder with them is given: `AIWE_WPT=FOLDER pytest -m slow`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.platform.wpt import run_file, variants

SUITE = os.environ.get("AIWE_WPT")

# Of the subtests that need no browser and no network, so many per thousand pass at least.
AREAS = {
    "dom/abort": 1000,
    "dom/events": 920,
    "encoding": 999,
    "fetch/api/body": 950,
    "fetch/api/headers": 990,
    "fetch/api/request": 870,
    "fetch/api/response": 890,
    "FileAPI/blob": 980,
    "FileAPI/file": 1000,
    "html/webappapis": 995,
    "streams": 985,
    "url": 990,
    "xhr/formdata": 1000,
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(SUITE is None, reason="AIWE_WPT names no folder with web-platform-tests")
@pytest.mark.parametrize("area", AREAS)
async def test_an_area_of_web_platform_tests(area: str) -> None:
    root = Path(str(SUITE)).resolve()
    files = sorted((root / area).rglob("*.any.js"))
    if not files:  # node's copy leaves out what node does not run
        pytest.skip(f"this copy of web-platform-tests holds no {area}")
    passed, failed = 0, []
    for file in files:
        for variant in variants(file):
            outcome = await run_file(root, file, variant)
            passed += outcome.passed
            failed += [f"{outcome.file}: {name}: {message}" for name, message in outcome.failed]
    assert 1000 * passed >= AREAS[area] * (passed + len(failed)), failed
