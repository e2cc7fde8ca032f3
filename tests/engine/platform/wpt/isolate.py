"""What the platform makes of web-platform-tests, in a bare isolate of real V8."""

from __future__ import annotations

import json

from tests.engine.platform.alone import alone
from tests.engine.platform.wpt.node import Results, told
from tests.engine.platform.wpt.suite import Case

PUMPS = 20_000
# Some time has passed since an isolate was made when a program runs in it.
BEFORE = """
globalThis.__done = null;
T.I.base = "http://web-platform.test/";
setTimeout(() => {}, 5); T.pump(); 0
"""


async def outcome(case: Case) -> Results:
    """One file in an isolate of its own; a file that fails as a whole has one result without a name."""
    async with alone(everything=True) as isolate:
        try:
            await isolate.run(BEFORE)
            await isolate.run(case.script("(text) => { __done = text; }"))
            for _ in range(PUMPS):
                if await isolate.run("__done !== null"):
                    break
                # One more look: a microtask of the last timer may have finished the file.
                if not await isolate.run("T.pump()") and await isolate.run(
                    "__done === null && !T.pump()"
                ):
                    break
        except Exception as error:  # noqa: BLE001
            return {"": str(error)[:300]}
        text = await isolate.run("__done")
        if text is None:
            return {"": "did not finish: " + str(await isolate.run("T.reported.join()"))}
        return told(json.loads(text))
