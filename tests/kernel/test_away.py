"""An engine that is away, goes away, or says no: the notebook says so and recovers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiwe_kernel.client import EngineClient
from aiwe_kernel.discover import Engine
from aiwe_kernel.errors import CellError
from tests.kernel.fake_engine import DONE, TOKEN, FakeEngine
from tests.kernel.notebook import Notebook


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as fake:
        yield fake


def client_of(url: str, token: str = TOKEN) -> EngineClient:
    async def locate(failed: Engine | None) -> Engine:
        return Engine(url, token, "a test")

    return EngineClient(locate)


async def test_no_engine_is_a_clear_error() -> None:
    async with client_of("http://127.0.0.1:9") as client:
        with pytest.raises(
            CellError, match=r"No engine answers at http://127\.0\.0\.1:9"
        ) as caught:
            await client.status()
    assert caught.value.code == "engine_unreachable"
    assert caught.value.error["hint"]


async def test_an_engine_that_dies_in_a_cell_is_a_clear_error(engine: FakeEngine) -> None:
    engine.cells["dies"] = [{"type": "stdout", "text": "so far\n"}, {"type": "die"}]
    async with client_of(engine.url) as client:
        events = client.run_cell("s", "dies")
        assert (await anext(events))["text"] == "so far\n"
        with pytest.raises(CellError) as caught:
            await anext(events)
    assert caught.value.code == "engine_unreachable"


async def test_a_stream_that_ends_early_is_not_taken_for_success(engine: FakeEngine) -> None:
    engine.cells["short"] = [{"type": "stdout", "text": "so far\n"}]
    async with client_of(engine.url) as client:
        with pytest.raises(CellError, match="ended while the cell ran"):
            _ = [event async for event in client.run_cell("s", "short")]


async def test_a_refused_token_says_so_with_a_hint(engine: FakeEngine) -> None:
    async with client_of(engine.url, "wrong") as client:
        with pytest.raises(CellError) as caught:
            await client.status()
    assert caught.value.code == "unauthorized"
    assert "token" in caught.value.error["hint"]


async def test_an_engine_that_moved_is_found_again(engine: FakeEngine) -> None:
    asked = []

    async def locate(failed: Engine | None) -> Engine:
        asked.append(failed and failed.url)
        return Engine(engine.url if failed else "http://127.0.0.1:9", TOKEN, "a test")

    async with EngineClient(locate) as client:
        assert (await client.status())["env"] == "dev"
    assert asked == [None, "http://127.0.0.1:9"]


async def test_nonsense_from_an_engine_is_an_error_and_not_a_crash(engine: FakeEngine) -> None:
    engine.answers["GET /status"] = {"error": "not the shape", "status": 500}
    async with client_of(engine.url) as client:
        with pytest.raises(CellError, match="500"):
            await client.status()


def test_a_notebook_outlives_its_engine(tmp_path: Path) -> None:
    with FakeEngine() as engine, Notebook(**engine.environ) as notebook:
        engine.cells["dies"] = [{"type": "die"}]
        engine.cells["lives"] = [{"type": "result", "data": {"text/plain": "1"}}, DONE]
        outcome = notebook.run("dies")
        assert outcome.error["ename"] == "EngineUnreachable"
        assert "aiwe serve" in outcome.traceback
        assert notebook.run("lives").result == {"text/plain": "1"}
        assert notebook.run("%%python\n1").result == {"text/plain": "1"}


def test_the_session_ends_with_the_kernel_and_begins_empty(engine: FakeEngine) -> None:
    with Notebook(**engine.environ) as notebook:
        notebook.run("let x = 1")
        session = engine.asked("run")[-1]["session"]
        [introduced, first, *_] = engine.seen
        assert introduced == ("POST /kernels", {"session": session})
        assert first == (f"DELETE /sessions/{session}", None)
        ended = len(engine.asked(f"DELETE /sessions/{session}"))
    assert len(engine.asked(f"DELETE /sessions/{session}")) == ended + 1
    assert len(engine.asked(f"DELETE /kernels/{session}")) == 1


def test_a_kernel_works_with_a_token_of_its_own_and_has_another_made_when_it_is_void(
    engine: FakeEngine,
) -> None:
    with Notebook(**engine.environ) as notebook:
        notebook.run("let x = 1")
        used = engine.kernel_token
        assert engine.tokens[0] == TOKEN
        assert set(engine.tokens[1:]) == {used}
        engine.kernel_token = "as-if-started-anew"
        engine.tokens.clear()
        assert notebook.run("let y = 2").reply["status"] == "ok"
        assert engine.tokens[:2] == [used, TOKEN]
        assert set(engine.tokens[2:]) == {"as-if-started-anew"}


def test_a_token_that_kernels_may_not_have_is_said_so(engine: FakeEngine) -> None:
    refusal = {"code": "not_permitted", "message": 'This needs the permission "kernels".'}
    engine.answers["POST /kernels"] = {"error": refusal, "status": 403}
    with Notebook(**engine.environ) as notebook:
        outcome = notebook.run("let x = 1")
    assert 'This needs the permission "kernels".' in outcome.error["evalue"]
