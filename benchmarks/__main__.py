"""python -m benchmarks [NAME…]: all questions, or those named; all of them writes RESULTS.md."""

from __future__ import annotations

import sys

from benchmarks import (
    confinement,
    deploy,
    memory,
    overload,
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
    "overload": ("Ten times what one app may have waiting", overload.run),
    "confinement": ("What the confinement of workers costs", confinement.run),
    "startup": ("Start of `aiwe serve`", startup.run),
}


def main(names: list[str]) -> None:
    """Asks, prints, and writes down what was measured."""
    sections: dict[str, list[report.Row]] = {}
    for name in names or QUESTIONS:
        title, ask = QUESTIONS[name]
        print(f"\n{title}", flush=True)
        sections[title] = ask()
        for row in sections[title]:
            print(row, flush=True)
    if not names:
        report.write(sections)
    missed = [row.what for rows in sections.values() for row in rows if row.met is False]
    print(f"\nNot met: {', '.join(missed)}" if missed else "\nEvery target is met.")


if __name__ == "__main__":
    main(sys.argv[1:])
