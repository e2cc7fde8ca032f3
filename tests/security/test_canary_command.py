"""What the command line prints, of an engine that runs and of one that does not, tells no value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.cli.process import here, serving
from tests.security.canary import IDS, SEARCH, known

pytestmark = pytest.mark.slow

FEW = [*IDS][::6]
PROGRAM = """
app.post("/known", async (req) => {
  const { forms } = await req.json();
  await DataRepository.create("known", { forms });
  console.log(forms);
  console.error(new Error(forms.join(" ")));
  throw new Error(forms.join(" "));
});
app.get("/", () => Secrets.list());
"""
COMMANDS = (
    ("secrets", "list"), ("secrets", "list", "--json"), ("secrets", "show", "s0"), ("secrets", "show", "nothing"),
    ("data", "list"), ("data", "list", "--json"), ("users", "list", "--app", "shop"), ("tokens", "list"),
    ("config",), ("config", "--json"), ("check", "shop.js"), ("check", "shop.js", "--json"), ("routes", "shop.js"),
    ("openapi", "shop.js"), ("secrets", "audit"), ("secrets", "rotate-key"),
)  # fmt: skip


def leaks(told: list[tuple[str, str]]) -> dict[str, list[str]]:
    found = {name: sorted(SEARCH.found(text.encode())) for name, text in told}
    return {name: names for name, names in found.items() if names}


def commands(folder: Path) -> list[tuple[str, str]]:
    told = []
    for command in COMMANDS:
        _, out, err = here(*command, cwd=folder)
        told.append((" ".join(command), out + err))
    return told


def test_no_command_prints_a_value(tmp_path: Path) -> None:
    (tmp_path / "shop.js").write_text(PROGRAM, encoding="utf-8")
    told = []
    for name in FEW:
        arguments = ("set", name, "--hosts", "api.example.com", "--in", "body")
        status, out, err = here("secrets", *arguments, cwd=tmp_path, given=IDS[name])
        assert status == 0, err
        told.append((f"set {name}", out + err))
    told += commands(tmp_path)
    assert leaks(told) == {}
    with serving("shop.js", "--port", "0", "--env", "production", cwd=tmp_path) as server:
        for name in FEW:
            body = json.dumps({"forms": known(name)})
            answer = server.ask(
                "/known", "POST", body=body, headers={"content-type": "application/json"}
            )
            told.append((f"answer of {name}", str(answer)))
            assert answer[0] == 500
        told += commands(tmp_path)
        told.append(("engine.json", (tmp_path / ".aiwe" / "engine.json").read_text()))
        status, out, err = server.end()
    told.append(("aiwe serve", out + err))
    assert "[redacted]" in err
    assert leaks(told) == {}
