"""docs/secrets.md has every error of secrets, and every command that a hint speaks of is one."""

import re
from pathlib import Path

from aiwe_engine.cli.secrets import _COMMANDS

ROOT = Path(__file__).parents[3]
ENGINE = ROOT / "engine" / "aiwe_engine"
PAGE = (ROOT / "docs" / "secrets.md").read_text()
OF_SECRETS = [*ENGINE.glob("vault/*.py"), ENGINE / "secret.py", ENGINE / "cli" / "secrets.py"]


def test_every_error_is_in_the_table():
    codes = {"secret_redirected", "secret_value_missing"}
    for path in OF_SECRETS:
        codes |= set(re.findall(r'code="(\w+)"', path.read_text()))
    table = PAGE.partition("## Errors")[2]
    assert {code for code in codes if f"`{code}`" not in table} == {"invalid_argument"}


def test_every_command_that_is_spoken_of_is_there():
    told = [PAGE, *(path.read_text() for path in ENGINE.rglob("*.py"))]
    named = {name for text in told for name in re.findall(r"`?aiwe secrets ([a-z-]+)", text)}
    assert named <= {*_COMMANDS}
    assert {*_COMMANDS} <= set(re.findall(r"(?:`aiwe secrets |, `)([a-z-]+)", PAGE))
