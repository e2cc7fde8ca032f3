"""Public names are declared, documented and sorted."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.source import HOMES, modules, tree

PACKAGES = [name for name, path in modules().items() if path.name == "__init__.py"]


def exported(module: ast.Module) -> list[str] | None:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def brought_in(module: ast.Module) -> list[str]:
    """Public names that a package's index makes or re-exports."""
    names: list[str] = []
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in HOMES:
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
    return [name for name in names if not name.startswith("_")]


@pytest.mark.parametrize("package", PACKAGES)
def test_an_index_declares_what_it_exports(package: str) -> None:
    module = tree(modules()[package])
    names = brought_in(module)
    declared = [name for name in exported(module) or [] if not name.startswith("_")]
    assert declared == sorted(declared, key=str.casefold), "keep __all__ sorted"
    assert set(names) == set(declared)


@pytest.mark.parametrize("module", modules())
def test_a_module_opens_with_why_it_exists(module: str) -> None:
    assert ast.get_docstring(tree(modules()[module])), "say in a docstring what the module is for"
