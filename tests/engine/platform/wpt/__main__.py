"""Prints where an isolate falls short of node: `python -m tests.engine.platform.wpt FOLDER AREA…`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.engine.platform.wpt.measure import explained, measured, table


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(folder: str, *areas: str) -> None:
    reasons = explained()
    for area in areas or table()["areas"]:
        found = await measured(Path(folder).resolve(), area)
        for subtest, why in found.short.items():
            tell(f"  {subtest[0]}: {subtest[1][:150]!r}: {reasons.get(subtest, why)[:200]!r}")
        share = 100 * len(found.passed) / max(found.wanted, 1)
        tell(f"{area}: {len(found.passed)} of {found.wanted} ({share:.2f} %)")
    os._exit(0)  # isolates that were made by the thousand need no taking down


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
