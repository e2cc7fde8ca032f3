"""Where the data is that a command works on: with a running engine, or in a folder that none holds.

A data folder has one owner at a time. Where an engine holds it, that engine is asked, through its
management listener, which `engine.json` names; else the command takes the folder and opens the store
itself. Commands see no difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.protocols import People, Transfers
from aiwe_engine.state import DataFolder, read_engine_json

if TYPE_CHECKING:
    from aiwe_engine.cli.remote import EngineTransfers

AskSecrets = Callable[[str, str, dict[str, str], Any], Awaitable[Any]]
_STARTING = 10.0  # seconds for which an engine that holds the folder may not be reached yet
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Data, and who has it.

    Attributes:
        transfers: does what is asked.
        people: the accounts of apps' users.
        secrets: asks about secrets: method, path, query and body of `http.secrets`; the answer.
        env: the environment that the running engine serves; None where none runs.
    """

    transfers: Transfers
    people: People
    secrets: AskSecrets
    env: str | None = None


@asynccontextmanager
async def place(
    data: Path, configuration: Configuration, *, make: bool = False
) -> AsyncIterator[Place]:
    """The data of a folder, for as long as the context lasts.

    Args:
        data: the folder.
        configuration: for the limits of a store that is opened here.
        make: makes the folder where it is missing.

    Raises:
        RequestError: `no_data`, there is no such folder.
        EngineError: `data_in_use`, somebody holds it who cannot be asked.
    """
    async with holder(data, make=make) as remote:
        if remote is not None:
            from aiwe_engine.cli.remote_people import EnginePeople

            yield Place(remote, EnginePeople(remote), remote.ask, await remote.env())
            return
        async with _opened(data, configuration) as here:
            yield here


@asynccontextmanager
async def holder(data: Path, *, make: bool = False) -> AsyncIterator[EngineTransfers | None]:
    """The engine that holds a folder; None where none did, and this process does until the context ends.

    Args:
        data: the folder.
        make: makes the folder where it is missing.

    Raises:
        RequestError: `no_data`, there is no such folder.
        EngineError: `data_in_use`, somebody holds it who cannot be asked.
    """
    if not make and not data.is_dir():  # noqa: ASYNC240  nothing else waits in this process
        raise no_data(data)
    folder = DataFolder(data)
    info = await _claim(folder)
    if info is not None:
        from aiwe_engine.cli.remote import EngineTransfers

        async with EngineTransfers(info["management_url"], info["token"]) as remote:
            yield remote
        return
    try:
        yield None
    finally:
        folder.release()


def no_data(data: Path) -> RequestError:
    """What is said of a folder that no engine has used yet."""
    return RequestError(
        f"There is no data in {data}.",
        code="no_data",
        status=404,
        hint="Name the folder of the engine's state with --data; `aiwe serve` makes one.",
    )


async def _claim(folder: DataFolder) -> dict[str, Any] | None:
    """Takes the folder; or tells how the engine that holds it is reached."""
    end = asyncio.get_running_loop().time() + _STARTING
    while True:
        try:
            folder.lock()
        except EngineError as error:
            if error.code != "data_in_use":
                raise
            info = read_engine_json(folder.path)
            if info is not None and info["pid"] == (error.details or {}).get("pid"):
                return info
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(_LOOK)
        else:
            return None


@asynccontextmanager
async def _opened(data: Path, configuration: Configuration) -> AsyncIterator[Place]:
    """The store of a folder that this process holds."""
    from aiwe_engine.cli.local_calls import LocalCalls
    from aiwe_engine.files.store import FileStore
    from aiwe_engine.http.secrets import SecretRoutes
    from aiwe_engine.managers.audit import Audit
    from aiwe_engine.people.people import People
    from aiwe_engine.store.opening import open_store
    from aiwe_engine.transfer.transfers import StoreTransfers
    from aiwe_engine.vault.custody import Custody

    store = open_store(configuration.settings, data)
    store.quota.follow(configuration.for_app)
    files, settings_of = FileStore(data / "files"), configuration.for_app
    transfers = StoreTransfers(store, files, data=data, settings_of=settings_of)
    custody = Custody(store, data, lambda: configuration.settings)
    custody.vault.give(configuration.secrets)
    people = People(store, custody.cipher, settings_of, lambda: 1)
    audit = Audit(data, lambda: configuration.settings.log_audit)
    secrets = LocalCalls(SecretRoutes(custody.vault, custody.rotate).calls, audit)
    try:
        yield Place(transfers, people.managed, secrets.ask)
    finally:
        people.close()
        await custody.vault.close()
        await store.close()
