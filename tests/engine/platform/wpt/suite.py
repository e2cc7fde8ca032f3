"""The files of web-platform-tests, and the one script that each makes: the same for an isolate and for node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELL = Path(__file__).with_name("shell.js")
# Where the suite's own server finds what lies elsewhere.
SERVED = {"/resources/WebIDLParser.js": "/resources/webidl2/lib/webidl2.js"}


@dataclass(frozen=True)
class Case:
    """One file of the suite in one variant."""

    root: Path
    file: Path
    variant: str

    @property
    def name(self) -> str:
        return str(self.file.relative_to(self.root)) + self.variant

    def script(self, finish: str) -> str:
        """The whole text to run; `finish` is an expression: the function that takes the results as JSON."""
        folders = [self.file.parent / "resources"]
        scripts = list(self._scripts())
        if any(script.name == "idlharness.js" for script in scripts):
            folders.append(self.root / "interfaces")
        files = {
            path.name: path.read_text()
            for folder in folders
            for path in folder.glob("*")
            if path.suffix in {".json", ".txt", ".idl"}
        }
        given = json.dumps({"files": files, "variant": self.variant})
        texts = [
            f"{SHELL.read_text().rstrip()}({given}, {finish})",
            (self.root / "resources" / "testharness.js").read_text(),
            "__collect()",
            *(path.read_text() for path in [*scripts, self.file]),
        ]
        return "\n;".join(texts) + "\n;0"

    def _scripts(self) -> Iterator[Path]:
        for name in re.findall(r"^// META: script=(\S+)", self.file.read_text(), re.MULTILINE):
            path = SERVED.get(name, name)
            yield (
                self.root / path[1:] if path.startswith("/") else self.file.parent / path
            ).resolve()


def cases(root: Path, area: str) -> list[Case]:
    """The tests of an area that are scripts: `*.any.js`, and `*.window.js` for what needs no window."""
    found = []
    for file in sorted([*(root / area).rglob("*.any.js"), *(root / area).rglob("*.window.js")]):
        variants = re.findall(r"^// META: variant=(\S*)", file.read_text(), re.MULTILINE) or [""]
        found += [Case(root, file, variant) for variant in variants]
    return found
