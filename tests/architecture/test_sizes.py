"""Files stay small enough to be read in one sitting."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.architecture.source import HOMES, ROOT, python_files, typescript_files

FENCE, TEST_FENCE, MEDIAN = 600, 800, 150


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def too_long(paths: list[Path], fence: int) -> list[str]:
    counted = ((path.relative_to(ROOT), lines(path)) for path in paths)
    return [
        f"{path} has {count} lines, {fence} is the fence"
        for path, count in counted
        if count > fence
    ]


def sources() -> list[Path]:
    python = [path for package in HOMES for path in python_files(package)]
    return python + typescript_files()


def our_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py")) + sorted((ROOT / "benchmarks").rglob("*.py"))


def test_no_source_file_is_longer_than_the_fence() -> None:
    assert too_long(sources(), FENCE) == []


def test_no_test_file_is_longer_than_its_fence() -> None:
    assert too_long(our_tests(), TEST_FENCE) == []


def test_the_median_source_file_is_short() -> None:
    counts = [count for path in sources() if (count := lines(path)) > 5]
    assert statistics.median(counts) <= MEDIAN


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert [str(path.relative_to(ROOT)) for path in sources() if path.stem in drawers] == []
