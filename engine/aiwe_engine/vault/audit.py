"""Who used which secret for what, and who changed it: never its value.

What happens is noted at once and stored in portions, within a second; nobody waits for it. Where the store
cannot keep up, the oldest notes that wait are dropped, and how many is noted in their place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.settings import Settings
from aiwe_engine.types import Json

How: TypeAlias = Literal["header", "url", "body", "basic", "hmac", "matches"]
Outcome: TypeAlias = Literal["sent", "refused", "computed"]

COLLECTION = "audit"
_DEFINITION = {"index": [["secret", "time"], ["time"]]}
_EVERY = 0.5  # seconds between two portions
_PORTION = 2000
_WAITING = 50_000
_RETIRE = 600.0  # seconds between two looks for what is old
_COUNTED: dict[str, Json] = {
    "what": {"$in": ["use", "dropped"]}
}  # no program floods out what people did
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a secret by a program, or one that was refused.

    Attributes:
        time: seconds since the epoch.
        secret: its id.
        app: whose program it was.
        env: in which environment.
        version: of the program.
        request: id of the request that the program answered; "" where there was none.
        host: where the value went or would have gone; None: nowhere.
        how: in which place, or in which computation.
        outcome: what became of it.
    """

    time: float
    secret: str
    app: str
    env: str
    version: str
    request: str
    host: str | None
    how: How
    outcome: Outcome


class Audit:
    """Notes, stores and retires.

    Args:
        store: where it is kept.
        scope: whose collection it is.
        settings: tells for how long, as the settings are now.
    """

    def __init__(self, store: Store, scope: Scope, settings: Callable[[], Settings]) -> None:
        self._store, self._scope, self._settings = store, scope, settings
        self._waiting: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._storing = asyncio.Lock()
        self._declared = False
        self._failed = False

    def used(self, use: Use) -> None:
        """Notes a use. Never waits, never fails."""
        entry = {**asdict(use), "what": "use"}
        entry["release"] = entry.pop("version")  # a document's own version counts its changes
        self._note(entry)

    def changed(self, what: str, secret: str | None, by: str, **more: Json) -> None:
        """Notes what somebody did to a secret."""
        self._note({"time": time.time(), "what": what, "secret": secret, "by": by, **more})

    async def flush(self) -> None:
        """Stores what was noted.

        Raises:
            AiweError: it could not; nothing is lost by that.
        """
        async with self._storing:
            while self._waiting or self._dropped:
                await self._declare()
                portion = [*self._waiting][:_PORTION]
                dropped = self._dropped
                if dropped:
                    portion.insert(0, {"time": time.time(), "what": "dropped", "count": dropped})
                documents = [{**one, "time": _iso(one["time"])} for one in portion]
                await self._store.within(self._scope).create(COLLECTION, documents)
                self._dropped -= dropped
                for _ in range(len(portion) - bool(dropped)):
                    self._waiting.popleft()

    async def run(self) -> None:
        """Stores and retires, until it is cancelled."""
        retired = 0.0
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.flush()
                self._failed = False
                if self._declared and time.monotonic() - retired > _RETIRE:
                    retired = time.monotonic()
                    await self.retire()
            except AiweError as error:
                if not self._failed:
                    _LOG.warning("uses of secrets cannot be stored for now: %s", error.message)
                self._failed = True

    async def retire(self) -> None:
        """Deletes what is older, or more, than the settings say."""
        settings, documents = self._settings(), self._store.within(self._scope)
        end = _iso(time.time() - settings.secrets_audit_time)
        await documents.delete_many(COLLECTION, {"time": {"$lt": end}})
        options = {"sort": "-time", "offset": settings.secrets_audit_limit - 1, "limit": 1}
        last = await documents.query(COLLECTION, _COUNTED, options)
        if last:
            end = orjson.loads(last[0])["time"]
            await documents.delete_many(COLLECTION, {**_COUNTED, "time": {"$lt": end}})

    async def entries(
        self,
        secret: str | None = None,
        *,
        limit: int = 100,
        what: str | None = None,
        app: str | None = None,
    ) -> list[dict[str, Any]]:
        """The latest entries, newest first.

        Args:
            secret: of one secret; None: of each.
            limit: how many at most.
            what: "use", "created", "changed", "deleted", "rotated"; None: each.
            app: of one app; None: each.
        """
        await self.flush()
        asked = {"secret": secret, "what": what, "app": app}
        where = {name: value for name, value in asked.items() if value is not None}
        options = {"sort": "-time,-id", "limit": limit}
        found = await self._store.within(self._scope).query(COLLECTION, where, options)
        return [_plain(orjson.loads(text)) for text in found]

    async def count(self, secret: str, app: str | None = None) -> dict[str, int]:
        """How often a secret was used, by outcome; by one app, where one is named."""
        await self.flush()
        documents = self._store.within(self._scope)
        where = {"secret": secret, "what": "use", **({} if app is None else {"app": app})}
        outcomes = ("sent", "computed", "refused")
        return {
            one: await documents.count(COLLECTION, {**where, "outcome": one}) for one in outcomes
        }

    def _note(self, entry: dict[str, Any]) -> None:
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(entry)

    async def _declare(self) -> None:
        if not self._declared:
            await self._store.define(self._scope, COLLECTION, _DEFINITION, "")
            self._declared = True


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    for name in ("id", "version", "createdAt", "updatedAt"):
        del document[name]
    if "release" in document:
        document["version"] = document.pop("release")
    return document


def _iso(seconds: float) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )
