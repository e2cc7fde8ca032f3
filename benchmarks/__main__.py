"""python -m benchmarks [--smoke] [NAME…]: all questions, or those named.

All of them writes RESULTS.md. With --smoke each is asked briefly, to see that it still can be: the numbers
mean nothing, and nothing is written.
"""

from __future__ import annotations

import sys
from types import ModuleType

from benchmarks import (
    confinement,
    deploy,
    load,
    memory,
    people,
    report,
    startup,
    throughput,
)
from benchmarks.data import race

QUESTIONS = {
    "throughput": ("One JSON handler, 32 connections", throughput.run),
    "deploy": ("Hot deploy", deploy.run),
    "data": ("Data, through the whole stack", race.run),
    "people": ("People who sign in", people.run),
    "memory": ("Memory at rest", memory.run),
    "confinement": ("What the confinement of workers costs", confinement.run),
    "startup": ("Start of `aiwe serve`", startup.run),
}
#: How much is asked with --smoke, by module.
SMOKE: dict[ModuleType, dict[str, int]] = {
    load: {"SECONDS": 1},
    throughput: {"ROUNDS": 1},
    deploy: {"RUNS": 5, "REDEPLOYS": 20},
    race: {"ROUNDS": 1, "SECONDS": 1, "SMALL": 1000, "LARGE": 2000},
    people: {"ROUNDS": 1, "WINDOW": 1},
    confinement: {"ROUNDS": 1, "STARTS": 2},
    startup: {"RUNS": 1},
}


def main(words: list[str]) -> None:
    """Asks, prints, and writes down what was measured."""
    names = [word for word in words if word != "--smoke"]
    smoke = len(names) < len(words)
    for module, amounts in SMOKE.items() if smoke else ():
        vars(module).update(amounts)
    sections: dict[str, list[report.Row]] = {}
    for name in names or QUESTIONS:
        title, ask = QUESTIONS[name]
        print(f"\n{title}", flush=True)
        sections[title] = ask()
        for row in sections[title]:
            print(row, flush=True)
    if not names and not smoke:
        report.write(sections)
    missed = [row.what for rows in sections.values() for row in rows if row.met is False]
    print(f"\nNot met: {', '.join(missed)}" if missed else "\nEvery target is met.")


if __name__ == "__main__":
    main(sys.argv[1:])
