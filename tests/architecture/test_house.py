"""What stands in two places says the same in both."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import aiwe_engine
from aiwe_engine.settings import ROWS
from tests.architecture.source import ROOT, imports, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}

# Where an import and its distribution differ in name, and what comes with another one of ours.
DISTRIBUTIONS = {
    "argon2": "argon2-cffi",
    "backports": "backports-zstd",
    "py-mini-racer": "mini-racer",
}
COMES_WITH = {
    "certifi": "httpx",
    "yarl": "aiohttp",
    "traitlets": "jupyter-server",
    "ipython": "ipykernel",
    "jupyter-events": "jupyter-server",
}
# In the standard library of a later Python than the one that runs this.
LATER = {"compression"}
# Needed as programs or plugins, not as imports.
WITHOUT_IMPORT = {"jupyterlab", "httptools", "uvloop"}


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [
        path
        for name in listed.stdout.split("\0")
        if name and ((path := ROOT / name).is_file() or path.is_symlink())
    ]


def third_party_imports() -> set[str]:
    names = {name.split(".")[0] for path in modules().values() for name in imports(path)}
    ours = {"aiwe_engine", "aiwe_kernel", "aiwe_server_extension", "__future__"}
    return {canonicalize_name(name) for name in names - ours - LATER - set(sys.stdlib_module_names)}


def test_the_lab_extension_has_the_version_of_the_engine() -> None:
    for file in ("package.json", "package-lock.json"):
        assert (
            json.loads((ROOT / "labextension" / file).read_text())["version"]
            == aiwe_engine.__version__
        )


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"## [{aiwe_engine.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_import_is_a_dependency() -> None:
    needed = {COMES_WITH.get(name, DISTRIBUTIONS.get(name, name)) for name in third_party_imports()}
    assert needed - set(DEPENDENCIES) == set()


def test_every_dependency_is_imported() -> None:
    used = {DISTRIBUTIONS.get(name, name) for name in third_party_imports()}
    assert set(DEPENDENCIES) - used - WITHOUT_IMPORT == set()


@pytest.mark.parametrize("requirement", DEPENDENCIES.values(), ids=str)
def test_every_dependency_is_bounded_on_both_sides(requirement: Requirement) -> None:
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == {"=="} or (">=" in operators and "<" in operators)


def conda_packages() -> dict[str, str]:
    """name → range, out of the lines of environment.yml that name a package."""
    text = (ROOT / "environment.yml").read_text()
    found = re.findall(r"^  - ([a-z][\w-]*) ?([<>=][^\s#]*)?(?:\s+#.*)?$", text, re.MULTILINE)
    return {canonicalize_name(name): bounds for name, bounds in found}


def test_environment_yml_has_the_dependencies_in_the_same_ranges() -> None:
    conda = conda_packages()
    names = {"brotli": "brotli-python", "duckdb": "python-duckdb"}
    for name, requirement in DEPENDENCIES.items():
        if requirement.marker:  # not on every platform: pip decides
            continue
        bounds = ",".join(sorted(f"{s.operator}{s.version}" for s in requirement.specifier))
        written = ",".join(
            sorted(re.sub(r"^=(?!=)", "==", b) for b in conda[names.get(name, name)].split(","))
        )
        assert written == bounds, f"{name} in environment.yml"
    assert conda["python"].startswith(PROJECT["requires-python"])


@pytest.mark.parametrize("setting", ROWS)
def test_every_setting_is_read(setting: str) -> None:
    readers = [path for module, path in modules().items() if module != "aiwe_engine.settings"]
    assert any(re.search(rf"settings\.{setting}\b", path.read_text()) for path in readers)


def test_every_setting_has_a_test_that_shows_it_bind() -> None:
    marks = re.compile(r"^@pytest\.mark\.binds\(([^)]*)\)$", re.MULTILINE)
    texts = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    shown = {
        name for text in texts for mark in marks.findall(text) for name in mark.split('"')[1::2]
    }
    missing, unknown = set(ROWS) - shown, shown - set(ROWS)
    assert missing == set(), 'mark the test of each with @pytest.mark.binds("NAME")'
    assert unknown == set(), "no settings, but marked"


def test_every_setting_says_what_it_means() -> None:
    assert [row.full for row in ROWS.values() if not row.help] == []


def test_lock_files_name_no_registry() -> None:
    for lock in (path for path in committed() if path.name == "package-lock.json"):
        assert '"resolved"' not in lock.read_text(), lock


def test_nothing_built_is_committed() -> None:
    folders = {"built", "node_modules", "dist", "__pycache__"}
    assert [path for path in committed() if folders & set(path.relative_to(ROOT).parts)] == []


def test_no_file_knows_where_the_checkout_lies() -> None:
    place = f"{ROOT}/".encode()
    assert [path for path in committed() if place in path.read_bytes()] == []
