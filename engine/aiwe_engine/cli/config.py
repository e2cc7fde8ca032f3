"""`aiwe config`: every setting in effect, and where it was said.

What it prints is itself TOML: a file of it says the same again, but for the password of a proxy
or of a database and what providers call `client_secret`. Of a secret it tells where its value is, never the value.
"""

from __future__ import annotations

import json as json_module
import re
import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from aiwe_engine.configuration.configuration import AppConfiguration, Configuration
from aiwe_engine.configuration.given import CONFIG
from aiwe_engine.configuration.tables import Table
from aiwe_engine.configuration.values import written
from aiwe_engine.settings import ROWS, SECTIONS, Row, Settings

_PASSWORD = re.compile(
    r"((?<=://)[^:/@\"]*:)[^/?\"]*(?=@)|((?<=[?&])\w*password=)[^&\"]*", re.IGNORECASE
)
_HIDDEN = r"\1\2***"
_WIDTH = 40  # of what stands before a comment, where it is not longer


def config(configuration: Configuration, env: str, *, json: bool) -> int:
    """Shows the configuration of an environment."""
    for warning in configuration.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if json:
        print(json_module.dumps(_as_json(configuration, env)))
        return 0
    print(f"# What holds in {env}, and where it was said.")
    _print_tables(ROWS.values(), "", configuration.settings, configuration.origins)
    _print_others(configuration.tables, None)
    for name, app in configuration.apps.items():
        _print_app(f"apps.{name}.", app)
        _print_others(configuration.tables, name)
    return 0


def _print_others(tables: Iterable[Table], app: str | None) -> None:
    """Providers and secrets, as they were written."""
    for table in tables:
        if table.app == app:
            print(f"\n[{table.place}]")
            for row in table.rows:
                print(f"{f'{row.key} = {_toml(row.value)}':<{_WIDTH}} # {row.origin}")


def _print_app(place: str, app: AppConfiguration) -> None:
    own = [row for name, row in ROWS.items() if name in app.origins]
    _print_tables(own, place, app.settings, app.origins)
    if app.config:
        print(f"\n[{place}{CONFIG}]")
        for key, value in app.config.items():
            print(f"{_toml(key)} = {_toml(value)}")


def _print_tables(
    rows: Iterable[Row], place: str, settings: Settings, origins: Mapping[str, str]
) -> None:
    order = list(SECTIONS)
    for section, group in groupby(
        sorted(rows, key=lambda row: order.index(row.section)), lambda row: row.section
    ):
        print(f"\n[{place}{section}]")
        for row in group:
            said = (
                f"{row.key} = {_PASSWORD.sub(_HIDDEN, written(row, getattr(settings, row.name)))}"
            )
            print(f"{said:<{_WIDTH}} # {origins.get(row.name, 'default')}")


def _shown(value: Any) -> Any:
    """A value, without the password of an address."""
    return _PASSWORD.sub(_HIDDEN, value) if isinstance(value, str) else value


def _toml(value: Any) -> str:
    """A value as TOML, in one line."""
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json_module.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _as_json(configuration: Configuration, env: str) -> dict[str, Any]:
    return {
        "env": env,
        "settings": _values(ROWS, configuration.settings, configuration.origins),
        "tables": {
            table.place: {row.key: {"value": row.value, "source": row.origin} for row in table.rows}
            for table in configuration.tables
        },
        "apps": {
            name: {
                "settings": _values(app.origins, app.settings, app.origins),
                "config": app.config,
            }
            for name, app in configuration.apps.items()
        },
    }


def _values(
    names: Iterable[str], settings: Settings, origins: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    return {
        ROWS[name].full: {
            "value": _shown(getattr(settings, name)),
            "source": origins.get(name, "default"),
        }
        for name in names
    }
