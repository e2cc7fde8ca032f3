"""Reads the product's own source: files, imports and names, without running any of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOMES = {
    "aiwe_engine": ROOT / "engine" / "aiwe_engine",
    "aiwe_kernel": ROOT / "aiwe_kernel",
    "aiwe_server_extension": ROOT / "aiwe_server_extension",
}
NOT_OURS = {"node_modules", "built", "lib", "labextension", "__pycache__"}


def python_files(package: str) -> list[Path]:
    return sorted(HOMES[package].rglob("*.py"))


def typescript_files() -> list[Path]:
    folders = (ROOT / "engine" / "aiwe_engine", ROOT / "labextension" / "src")
    found = (path for folder in folders for end in ("*.ts", "*.tsx") for path in folder.rglob(end))
    return sorted(p for p in found if not NOT_OURS & set(p.parent.relative_to(ROOT).parts[1:]))


def module_name(path: Path) -> str:
    for package, home in HOMES.items():
        if path.is_relative_to(home):
            parts = (package, *path.relative_to(home).with_suffix("").parts)
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    raise LookupError(path)


@cache
def modules() -> dict[str, Path]:
    return {module_name(path): path for package in HOMES for path in python_files(package)}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[str]:
    """Every module that `path` names in an import, those inside functions too."""
    package = (
        module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    )
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            target = ".".join(filter(None, (base, node.module)))
            yield from (f"{target}.{alias.name}" for alias in node.names)


def import_time_imports(path: Path) -> Iterator[str]:
    """As `imports`, without those inside functions and under TYPE_CHECKING."""
    later = {
        id(inner)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree(path)):
        if id(node) in later:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def resolve(name: str) -> str | None:
    """The module of ours that an import of `name` (a module, or a name in one) loads."""
    known = modules()
    while name:
        if name in known:
            return name
        name = name.rpartition(".")[0]
    return None
