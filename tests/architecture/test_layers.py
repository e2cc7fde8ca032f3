"""Imports point down. A layer knows those to its left in the table, siblings do not know each other."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source import import_time_imports, imports, modules, resolve

LAYERS = [
    ["types"],
    ["errors", "checks", "openid", "swap", "confinement"],
    ["rates", "rows", "permissions", "origins", "secret"],
    ["protocols", "settings", "bundles", "memory", "wire", "state"],
    ["configuration"],
    [
        "routing",
        "store",
        "outbound",
        "channel",
        "files",
        "assets",
        "programs",
        "logs",
        "people",
        "managers",
        "vault",
        "csrf",
        "streams",
        "visits",
        "space",
        "feed",
        "state",
    ],
    ["capabilities", "runtime", "data", "transfer", "identity"],
    ["deployments"],
    ["http", "graphql", "mcp", "openapi"],
    ["answering"],
    ["engine"],
    ["serve"],
    ["cli"],
]
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

VENDORS = {
    "ahocorasick_rs": ("aiwe_engine.vault.redactor",),
    "argon2": ("aiwe_engine.people.hasher",),
    "aiohttp": ("aiwe_engine.outbound",),
    "authlib": ("aiwe_engine.people",),
    "backports": ("aiwe_engine.http",),
    "brotli": ("aiwe_engine.http",),
    "cryptography": ("aiwe_engine.vault",),
    "duckdb": ("aiwe_engine.store", "aiwe_engine.transfer.parquet"),
    "jsonschema_rs": ("aiwe_engine.store.schemas",),
    "psycopg": ("aiwe_engine.store.postgres",),
    "py_mini_racer": ("aiwe_engine.runtime", "aiwe_engine.programs"),
    "joserfc": ("aiwe_engine.people",),
    "limits": ("aiwe_engine.rates",),
    "uvicorn": ("aiwe_engine.http", "aiwe_engine.serve"),
    "zxcvbn": ("aiwe_engine.people.policy",),
    "tornado": ("aiwe_server_extension",),
    "jupyter_server": ("aiwe_server_extension",),
    "IPython": ("aiwe_kernel",),
    "ipykernel": ("aiwe_kernel",),
    "ipywidgets": ("aiwe_kernel",),
    "anywidget": ("aiwe_kernel.data", "aiwe_kernel.secrets"),
    "json5": ("aiwe_kernel.data",),
    "pandas": ("aiwe_kernel",),
}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def edges(package: str) -> list[tuple[str, str]]:
    """(importer, imported) between modules of ours, importers in `package`."""
    return [
        (importer, imported)
        for importer, path in modules().items()
        if importer.split(".")[0] == package
        for name in imports(path)
        if (imported := resolve(name)) and imported != importer
    ]


def test_every_part_of_the_engine_has_a_layer() -> None:
    parts = {part(name) for name in modules() if name.startswith("aiwe_engine.")}
    assert parts - set(RANK) <= {"__main__"}


def test_imports_of_the_engine_point_down() -> None:
    wrong = [
        f"{importer} must not import {imported}"
        for importer, imported in edges("aiwe_engine")
        if part(importer) in RANK and part(imported) in RANK
        if part(importer) != part(imported) and RANK[part(imported)] >= RANK[part(importer)]
    ]
    assert wrong == []


def test_the_engine_knows_neither_kernel_nor_server() -> None:
    assert [pair for pair in edges("aiwe_engine") if not pair[1].startswith("aiwe_engine")] == []


def test_kernel_and_server_do_not_know_each_other() -> None:
    wrong = {("aiwe_kernel", "aiwe_server_extension"), ("aiwe_server_extension", "aiwe_kernel")}
    pairs = {
        (importer.split(".")[0], imported.split(".")[0])
        for package in ("aiwe_kernel", "aiwe_server_extension")
        for importer, imported in edges(package)
    }
    assert pairs & wrong == set()


def test_the_kernel_never_opens_the_database() -> None:
    imported = {name for _, name in edges("aiwe_kernel")}
    assert [name for name in imported if name.startswith("aiwe_engine.store")] == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_is_imported_in_its_own_place_only(vendor: str) -> None:
    elsewhere = [
        module
        for module, path in modules().items()
        if not module.startswith(VENDORS[vendor])
        if any(name.split(".")[0] == vendor for name in imports(path))
    ]
    assert elsewhere == []


def test_no_module_takes_part_in_an_import_cycle() -> None:
    graph = {
        module: {
            target
            for name in import_time_imports(path)
            if (target := resolve(name)) and target != module
        }
        for module, path in modules().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " → ".join(error.args[1]))
