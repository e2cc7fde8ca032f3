"""Runs web-platform-tests (`*.any.js`) in a bare isolate with the platform.

The suite is not part of this repository: give its folder in `AIWE_WPT`. As a program it prints
what passed: `python -m tests.engine.platform.wpt FOLDER [PATTERN…]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine.platform.alone import alone

PUMPS = 20_000
# What only a browser with a network can do is neither passed nor failed.
BROWSER = re.compile(
    r"XMLHttpRequest|no such file in the test|no-cors|document|MessageChannel|ImageData|ImageBitmap|FileReader|createObjectURL|(?:self|globalThis)\.(?:add|remove)EventListener"
)
SHELL = """
globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };
globalThis.location = { href: "http://web-platform.test/", search: "", origin: "http://web-platform.test", protocol: "http:" };
globalThis.fetch = async (name) => {
  const text = FILES[String(name).replace(/^.*?resources\\//, "")];
  if (text === undefined) throw new TypeError("no such file in the test");
  return { ok: true, status: 200, text: async () => text, json: async () => JSON.parse(text), arrayBuffer: async () => new TextEncoder().encode(text).buffer };
};
T.I.base = location.href;
globalThis.__done = null;
"""
COLLECT = """
add_completion_callback((tests, status) => {
  __done = JSON.stringify({ status: status.status, message: status.message, tests: tests.map((t) => [t.name, t.status, t.message]) });
});
"""


@dataclass
class Outcome:
    """What one file gave: subtests passed, and the others with why."""

    file: str
    passed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def scripts(root: Path, file: Path) -> list[Path]:
    """The files that `// META: script=` names."""
    found = []
    for name in re.findall(r"^// META: script=(\S+)", file.read_text(), re.MULTILINE):
        path = (root / name[1:]) if name.startswith("/") else (file.parent / name)
        found.append(path.resolve())
    return found


async def run_file(root: Path, file: Path, variant: str = "") -> Outcome:
    """One file in an isolate of its own."""
    outcome = Outcome(str(file.relative_to(root)) + variant)
    data = {path.name: path.read_text() for path in (file.parent / "resources").glob("*.json")} | {
        path.name: path.read_text() for path in (file.parent / "resources").glob("*.txt")
    }
    async with alone(everything=True) as isolate:
        try:
            texts = [
                f"const FILES = {json.dumps(data)};{SHELL}location.search = {json.dumps(variant)};"
            ]
            texts += [(root / "resources/testharness.js").read_text(), COLLECT]
            texts += [script.read_text() for script in [*scripts(root, file), file]]
            await isolate.run(
                "\n;".join(texts) + "\n;0"
            )  # at once: the harness is ready when a microtask runs
            for _ in range(PUMPS):
                if await isolate.run("__done !== null"):
                    break
                if not await isolate.run("T.pump()"):
                    await isolate.run("0")
                    if not await isolate.run("__done !== null || T.pump()"):
                        break
        except Exception as error:  # noqa: BLE001
            outcome.failed.append(("(the file)", str(error)[:300]))
            return outcome
        text = await isolate.run("__done")
        if text is None:
            outcome.failed.append(
                ("(the file)", "did not finish: " + str(await isolate.run("T.reported.join()")))
            )
            return outcome
        for name, status, message in json.loads(text)["tests"]:
            if status == 0:
                outcome.passed += 1
            elif status != 4 and not BROWSER.search(
                f"{name} {message}"
            ):  # 4: an optional feature that is absent
                outcome.failed.append((name, str(message)))
    return outcome


def variants(file: Path) -> list[str]:
    return re.findall(r"^// META: variant=(\S*)", file.read_text(), re.MULTILINE) or [""]


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(folder: str, *patterns: str) -> None:
    root = Path(folder).resolve()
    total = failures = 0
    for pattern in patterns:
        part = bad = 0
        for file in sorted(root.glob(pattern)):
            for variant in variants(file):
                outcome = await run_file(root, file, variant)
                part += outcome.passed
                bad += len(outcome.failed)
                for name, message in outcome.failed:
                    tell(f"  {outcome.file}: {name[:120]!r}: {message[:160]!r}")
        tell(f"{pattern}: {part} of {part + bad}")
        total += part
        failures += bad
    tell(f"all: {total} of {total + failures}")
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
