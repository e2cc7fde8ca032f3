"""What is imported when: a command line that starts at once, and hosts that pay for what they use."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "duckdb",
    "mcp",
    "graphql",
    "jupyter_server",
    "jupyterlab",
    "ipykernel",
    "IPython",
    "tornado",
    "pandas",
    "psycopg",
}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh Python holds after `statement`."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_imports_nothing_heavy() -> None:
    assert loaded_by("import aiwe_engine.cli") & (HEAVY | {"uvicorn", "py_mini_racer"}) == set()


def test_the_engine_imports_no_jupyter_and_no_tornado() -> None:
    assert loaded_by("import aiwe_engine.engine") & (HEAVY - {"duckdb"}) == set()


def test_a_worker_knows_nothing_of_the_host() -> None:
    assert loaded_by("import aiwe_engine.runtime.worker") & (HEAVY | {"uvicorn"}) == set()


@pytest.mark.parametrize("package", ["aiwe_engine", "aiwe_kernel", "aiwe_server_extension"])
def test_an_index_imports_no_vendor(package: str) -> None:
    assert loaded_by(f"import {package}") & {"duckdb", "py_mini_racer", "uvicorn"} == set()
