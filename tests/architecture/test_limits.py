"""The page of limits has every setting that is one, and tells the codes and statuses that there are."""

from __future__ import annotations

import ast
import re
import tomllib

from aiwe_engine import errors
from aiwe_engine.settings import ROWS
from tests.architecture.source import ROOT, modules

TABLE = tomllib.loads((ROOT / "docs" / "limits.toml").read_text())
LIMITS: dict[str, dict[str, str]] = TABLE["limits"]
TOLD = re.compile(r"(?:(\d{3}) )?`([a-z_]+)`")  # a status, and the code behind it


def test_every_setting_with_a_number_is_a_limit_or_named_as_none() -> None:
    others = set(TABLE["others"])
    numbers = {name for name, row in ROWS.items() if type(row.default) in (int, float)}
    missing = numbers - others - set(LIMITS)
    assert missing == set(), "say in docs/limits.toml what happens over it (then: make docs)"
    assert (others | set(LIMITS)) - set(ROWS) == set(), "no settings"
    assert others & set(LIMITS) == set()


def test_every_limit_says_what_happens_and_when_it_goes_on() -> None:
    assert [name for name, told in LIMITS.items() if sorted(told) != ["again", "answer"]] == []


def test_the_codes_of_limits_are_raised_with_the_statuses_that_are_told() -> None:
    statuses, texts = raised()
    wrong = [
        f"{name}: {status} {code}"
        for name, told in LIMITS.items()
        for status, code in TOLD.findall(told["answer"])
        if code not in texts
        or (status and statuses.get(code, {int(status)}).isdisjoint([int(status)]))
    ]
    assert wrong == []


def raised() -> tuple[dict[str, set[int]], set[str]]:
    """The statuses of the errors that are made with a code and, as far as they stand there; and every text."""
    statuses: dict[str, set[int]] = {}
    texts: set[str] = set()
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())) if "aiwe_engine" in module else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            elif isinstance(node, ast.Call):
                given = {one.arg: getattr(one.value, "value", None) for one in node.keywords}
                made = getattr(errors, getattr(node.func, "id", ""), None)
                status = given.get("status") or getattr(made, "status", None)
                if "code" in given and isinstance(status, int):
                    statuses.setdefault(str(given["code"]), set()).add(status)
    return statuses, texts
