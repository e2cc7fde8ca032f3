"""The engine's settings as Jupyter configuration: `c.Aiwe.port = 8890`, `--Aiwe.port=8890`."""

from __future__ import annotations

from typing import Any

import traitlets

from aiwe_engine.settings import ROWS, Settings

_KINDS: dict[type, type[traitlets.TraitType[Any, Any]]] = {
    bool: traitlets.Bool,
    int: traitlets.Int,
    float: traitlets.Float,
    str: traitlets.Unicode,
}


def settings_traits() -> dict[str, traitlets.TraitType[Any, Any]]:
    """One configurable trait for each field of `Settings`, with its default and its meaning."""
    return {row.name: _trait(row.default, row.help) for row in ROWS.values()}


def settings_of(configured: object) -> Settings:
    """The settings that an object with these traits has."""
    values: dict[str, Any] = {name: getattr(configured, name) for name in ROWS}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Settings(**{**values, **lists})


def _trait(default: object, meaning: str) -> traitlets.TraitType[Any, Any]:
    if isinstance(default, tuple):
        trait: Any = traitlets.List(traitlets.Unicode(), list(default), help=meaning)
    else:
        trait = _KINDS[type(default)](default, help=meaning)
    tagged: traitlets.TraitType[Any, Any] = trait.tag(config=True)
    return tagged
