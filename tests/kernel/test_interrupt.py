"""The interrupt ends whatever runs, and the notebook goes on."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.kernel.fake_engine import DONE, FAILED, FakeEngine
from tests.kernel.notebook import Notebook

STARTED = {"type": "stdout", "text": "started\n"}
STOPPED = {
    "type": "error",
    "error": {"name": "Interrupted", "code": "interrupted", "message": "The cell was interrupted."},
}


def interrupted(notebook: Notebook, code: str) -> tuple[str, float]:
    """The name of the error with which a running cell ends, and how long that took."""
    sent = notebook.send(code)
    notebook.wait_for(sent, "stream")
    began = time.monotonic()
    notebook.manager.interrupt_kernel()
    return notebook.receive(sent).error["ename"], time.monotonic() - began


def test_the_engine_is_asked_to_end_the_cell(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["loop"] = [STARTED, {"type": "wait"}, STOPPED, FAILED]
    name, seconds = interrupted(notebook, "loop")
    assert name == "Interrupted"
    assert seconds < 2
    session = engine.asked("run")[-1]["session"]
    assert engine.asked("POST /cells/interrupt")[-1] == {"session": session}


def test_an_engine_that_does_not_stop_the_cell_is_not_waited_for(
    engine: FakeEngine, notebook: Notebook
) -> None:
    engine.cells["deaf"] = [STARTED, {"type": "deaf"}, DONE]
    name, seconds = interrupted(notebook, "deaf")
    assert name == "KeyboardInterrupt"
    assert seconds < 8


def test_a_second_interrupt_does_not_wait(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["deaf2"] = [STARTED, {"type": "deaf"}, DONE]
    sent = notebook.send("deaf2")
    notebook.wait_for(sent, "stream")
    began = time.monotonic()
    notebook.manager.interrupt_kernel()
    notebook.manager.interrupt_kernel()
    assert notebook.receive(sent).error["ename"] == "KeyboardInterrupt"
    assert time.monotonic() - began < 3


def test_a_signal_ends_the_cell_at_the_engine_as_well(
    engine: FakeEngine, notebook: Notebook
) -> None:
    engine.cells["signalled"] = [STARTED, {"type": "wait"}, DONE]
    sent = notebook.send("signalled")
    notebook.wait_for(sent, "stream")
    before = len(engine.asked("POST /cells/interrupt"))
    os.kill(notebook.manager.provisioner.process.pid, signal.SIGINT)
    notebook.client.comm_info()  # a signal alone does not wake ipykernel's loop
    assert notebook.receive(sent).error["ename"] == "KeyboardInterrupt"
    assert len(engine.asked("POST /cells/interrupt")) == before + 1


@pytest.mark.parametrize(
    "code",
    [
        "import time; print(1, flush=True); time.sleep(60)",
        "import asyncio; print(1, flush=True); await asyncio.sleep(60)",
        "print(1, flush=True)\nwhile True: pass",
    ],
)
def test_python_is_interrupted_too(notebook: Notebook, code: str) -> None:
    _, seconds = interrupted(notebook, f"%%python\n{code}")
    assert seconds < 3


def test_the_next_cell_runs_after_an_interrupt(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["1"] = [{"type": "result", "data": {"text/plain": "1"}}, DONE]
    assert notebook.run("1").result == {"text/plain": "1"}


def test_an_interrupt_of_nothing_harms_nothing(engine: FakeEngine, notebook: Notebook) -> None:
    notebook.manager.interrupt_kernel()
    engine.cells["2"] = [{"type": "result", "data": {"text/plain": "2"}}, DONE]
    assert notebook.run("2").result == {"text/plain": "2"}
