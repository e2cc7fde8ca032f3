"""The engine's settings as Jupyter configuration: `c.Aiwe.port = 8890`, `--Aiwe.port=8890`.

What is said there goes before `aiwe.toml` in the server's root and environment variables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets
from traitlets.config import Configurable

from aiwe_engine.configuration.configuration import Configuration, read_configuration
from aiwe_engine.configuration.given import Given
from aiwe_engine.settings import ROWS

_KINDS: dict[type, type[traitlets.TraitType[Any, Any]]] = {
    bool: traitlets.Bool,
    int: traitlets.Int,
    float: traitlets.Float,
    str: traitlets.Unicode,
}


def settings_traits() -> dict[str, traitlets.TraitType[Any, Any]]:
    """One configurable trait for each row of the table, with its default and its meaning."""
    return {row.name: _trait(row.default, row.help) for row in ROWS.values()}


def configuration_of(configured: Configurable, root: Path) -> Configuration:
    """What Jupyter's configuration, the environment and `aiwe.toml` say.

    Args:
        configured: an object with these traits.
        root: the server's root, where `aiwe.toml` may stand.

    Raises:
        InvalidConfiguration: with every mistake.
    """
    said = {
        name for one in type(configured).section_names() for name in configured.config.get(one, {})
    }
    given = [
        Given(f"c.Aiwe.{name}", row.section, row.key, getattr(configured, name), "option")
        for name, row in ROWS.items()
        if name in said
    ]
    return read_configuration(root=root, env="dev", options=given)


def _trait(default: object, meaning: str) -> traitlets.TraitType[Any, Any]:
    if isinstance(default, tuple):
        trait: Any = traitlets.List(traitlets.Unicode(), list(default), help=meaning)
    else:
        trait = _KINDS[type(default)](default, help=meaning)
    tagged: traitlets.TraitType[Any, Any] = trait.tag(config=True)
    return tagged
