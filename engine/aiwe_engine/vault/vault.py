"""The vault: the secrets of an engine, sealed in its store, and in memory while it runs.

They are documents in a scope that no program and no app has. What is looked up while requests are answered
is in memory and never waits. Where several engines share a database, each looks for changes of the others.
Beside them stand secrets whose values the configuration names: those are nowhere stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from aiwe_engine.errors import AiweError, EngineError, RequestError
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.secret import (
    Name,
    Secret,
    check_description,
    check_hosts,
    check_id,
    check_places,
    check_value,
)
from aiwe_engine.settings import Settings
from aiwe_engine.types import Json
from aiwe_engine.vault import refusals
from aiwe_engine.vault.audit import Audit, Use
from aiwe_engine.vault.cipher import KeyedCipher

SCOPE = Scope("~~vault", "production")  # of no environment: those are in the documents
COLLECTION = "secrets"
_PAGE = 100
_LOOK = 3.0  # seconds between two looks for what others have changed
_TRIES = 5  # against others who change the same secret
_LOG = logging.getLogger(__name__)


class _Overtaken(Exception):
    """Another engine has changed the same secret."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a secret; None: that stays as it is."""

    value: bytes | None = field(default=None, repr=False)
    hosts: Iterable[str] | None = None
    places: Iterable[str] | None = None
    description: str | None = None


class Vault:
    """Finds, keeps and changes secrets.

    Args:
        store: where they are.
        cipher: seals them.
        settings: those of the engine, as they are now.
        is_empty: whether the store surely holds nothing, so that it need not be opened.

    Attributes:
        revision: grows with every change of any secret.
        audit: who used and changed them.
        expect: told of values before they can be used, and waited for.
        option: as in `Values`.
    """

    def __init__(
        self,
        store: Store,
        cipher: KeyedCipher,
        settings: Callable[[], Settings],
        is_empty: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._cipher, self._is_empty = store, cipher, is_empty
        self.audit = Audit(store, SCOPE, settings)
        self.revision, self.option = 0, ""
        self.expect: Callable[[Mapping[Name, bytes]], Awaitable[None]] = _unexpected
        self._given: dict[Name, tuple[Secret, bytes | AiweError]] = {}  # by the configuration
        self._stored: dict[Name, Secret] = {}
        self._values: dict[Name, bytes | AiweError] = {}
        self._seen: dict[str, int] | None = None  # versions of the documents that were read
        self._told: set[str] = set()  # why some cannot be opened, as the log has it already
        self._lock = asyncio.Lock()

    # ── reading ──

    async def ready(self) -> None:
        """Sees that everything is in memory.

        Raises:
            EngineError: the store cannot be read. The next call tries again.
        """
        if self._seen is None:
            async with self._lock:
                if self._seen is None:
                    if self._is_empty():
                        self._seen = {}
                    else:
                        await self._read()

    async def refresh(self) -> None:
        """Takes over what other engines have changed.

        Raises:
            EngineError: the store cannot be read; what was known still holds.
        """
        async with self._lock:
            seen = {one["id"]: one["version"] for one in await self._documents(["id", "version"])}
            if seen != self._seen:
                await self._read()

    def find(self, app: str, env: str, secret: str) -> Secret | None:
        """The secret that a program means by an id: the most specific one.

        Args:
            app: whose program it is.
            env: in which environment.
            secret: the id.
        """
        for name in (
            (secret, app, env),
            (secret, app, None),
            (secret, None, env),
            (secret, None, None),
        ):
            found = self._get(name)
            if found is not None:
                return found
        return None

    def visible(self, app: str, env: str) -> list[Secret]:
        """What programs of an app can use in an environment, one per id, by id."""
        ids = {one for one, of, at in self._names() if of in {None, app} and at in {None, env}}
        return [one for name in sorted(ids) if (one := self.find(app, env, name))]

    def everything(self) -> list[Secret]:
        """Every secret, by id, app and environment."""
        names = sorted(self._names(), key=lambda name: (name[0], name[1] or "", name[2] or ""))
        return [one for name in names if (one := self._get(name))]

    def exact(self, secret: str, app: str | None, env: str | None) -> Secret | None:
        """The secret with exactly this id, app and environment."""
        return self._get((secret, app, env))

    def value(self, secret: Secret) -> bytes:
        """The value of a secret, for who sends it or takes it out of what leaves.

        Raises:
            ProgramError: `vault_key_wrong` and its like, where it cannot be opened; `secret_not_found`
                where it was deleted meanwhile. Visitors are told neither.
        """
        value = self._value(secret)
        if isinstance(value, bytes):
            return value
        if value is None:
            raise refusals.not_found(secret.id, self.option)
        raise refusals.unreadable(secret, value)

    def problem(self, secret: Secret) -> AiweError | None:
        """Why a secret cannot be opened; None: it can."""
        value = self._value(secret)
        return value if isinstance(value, AiweError) else None

    # ── changing ──

    def give(self, secrets: Mapping[Name, tuple[Secret, bytes | AiweError]]) -> None:
        """The secrets that the configuration names, instead of those that it named before.

        Args:
            secrets: by name, each with its value, or with why that is not here.
        """
        if secrets != self._given:
            self._given = dict(secrets)
            self.revision += 1

    async def give_running(self, secrets: Mapping[Name, tuple[Secret, bytes | AiweError]]) -> None:
        """As `give`, while programs run."""
        await self.expect(
            {
                name: value
                for name, (_, value) in secrets.items()
                if isinstance(value, bytes) and self._given.get(name, (None, None))[1] != value
            }
        )
        self.give(secrets)

    async def put(
        self,
        secret: str,
        change: Change,
        *,
        app: str | None = None,
        env: str | None = None,
        by: str,
        new: bool | None = None,
    ) -> Secret:
        """Keeps a secret, durably.

        Args:
            secret: its id.
            change: what it is to be.
            app: the one app that has it; None: each.
            env: the one environment that has it; None: each.
            by: who does it.
            new: it must not be there yet (True), or must be there (False).

        Raises:
            RequestError: `already_exists`, `secret_not_found`, `secret_configured`, `secret_value_needed`, or
                what a value, host, place or description cannot be.
            EngineError: the key or the store fails.
        """
        check_id(secret, app)
        name = secret, app, env
        if name in self._given:
            raise _configured(self._given[name][0])
        await self.ready()
        async with self._lock:
            for _ in range(_TRIES):
                try:
                    return await self._put(name, change, by, new)
                except _Overtaken:
                    continue
        raise EngineError(
            f'The secret "{secret}" is being changed by others all the time.',
            code="secret_busy",
            hint="Try again.",
        )

    async def _put(self, name: Name, change: Change, by: str, new: bool | None) -> Secret:
        documents = self._store.within(SCOPE)
        key = _key(name)
        text = await documents.get(COLLECTION, key)
        stored = None if text is None else orjson.loads(text)
        if stored is not None and new is True:
            raise _exists(name[0])
        if stored is None and new is False:
            raise not_found(name[0])
        before = _secret(stored) if stored is not None else None
        after = _changed(before or Secret(*name, version=0, created_by=by), change)
        value = change.value
        if value is None:
            if stored is None:
                raise _no_value(name[0])
            value = self._cipher.open(stored["sealed"], _secret(stored).context)
        self._check_key()
        document = _document(after, self._cipher.seal(value, after.context), by)
        try:
            if stored is None:
                [text] = await documents.create(COLLECTION, [{**document, "id": key}])
            else:
                text = await documents.replace(COLLECTION, key, document, stored["version"])
        except RequestError as error:
            if error.code in {"already_exists", "not_found", "version_conflict"}:
                raise _Overtaken from error
            raise
        written = orjson.loads(text)
        kept = _secret(written)
        await self.expect({name: value})
        self._keep(kept, value, written)
        what = "created" if before is None else "changed"
        self.audit.changed(what, kept.id, by, **_told(name), changes=_changes(before, kept, change))
        await self.audit.flush()
        return kept

    async def delete(self, secret: str, app: str | None, env: str | None, by: str) -> bool:
        """Deletes a secret; False where there was none.

        Raises:
            RequestError: `secret_configured`.
            EngineError: the store fails.
        """
        check_id(secret, app)
        name = secret, app, env
        if name in self._given:
            raise _configured(self._given[name][0])
        await self.ready()
        async with self._lock:
            gone = await self._store.within(SCOPE).delete(COLLECTION, _key(name))
            if self._stored.pop(name, None) is not None:
                self._values.pop(name, None)
                self.revision += 1
            if self._seen is not None:
                self._seen.pop(_key(name), None)
            if gone:
                self.audit.changed("deleted", secret, by, **_told(name))
                await self.audit.flush()
        return gone

    async def run(self, *, shared: bool) -> None:
        """Looks for changes of other engines, and keeps the audit, until it is cancelled.

        Args:
            shared: others may change the same secrets.
        """
        auditing = asyncio.create_task(self.audit.run())
        try:
            failed = False
            while True:
                await asyncio.sleep(_LOOK)
                try:
                    if self._seen is None:
                        await self.ready()
                    elif self._key_is_back():
                        async with self._lock:
                            await self._read()
                    elif shared:
                        await self.refresh()
                    failed = False
                except AiweError as error:
                    if not failed:
                        _LOG.warning("secrets cannot be read anew for now: %s", error.message)
                    failed = True
        finally:
            auditing.cancel()

    async def close(self) -> None:
        """Stores what the audit still holds."""
        try:
            await self.audit.flush()
        except AiweError as error:
            _LOG.warning("the last uses of secrets could not be stored: %s", error.message)

    def used(self, use: Use) -> None:
        """Notes a use of a secret, or one that was refused. Never waits."""
        self.audit.used(use)

    # ── inside ──

    def _get(self, name: Name) -> Secret | None:
        given = self._given.get(name)
        return given[0] if given is not None else self._stored.get(name)

    def _value(self, secret: Secret) -> bytes | AiweError | None:
        given = self._given.get(secret.name)
        return given[1] if given is not None else self._values.get(secret.name)

    def _names(self) -> set[Name]:
        return {*self._given, *self._stored}

    def _key_is_back(self) -> bool:
        """Whether somebody has brought a key that secrets waited for."""
        missing = {
            key
            for one in self._values.values()
            if isinstance(one, AiweError) and one.code == "vault_key_wrong"
            for key in (one.details or {}).get("keys", ())
        }
        return any(self._cipher.keys.find(key) for key in missing)

    def _check_key(self) -> None:
        """Lets no first key be made where secrets are sealed under one that is missing.

        Raises:
            EngineError: `vault_key_wrong`.
        """
        if not self._cipher.keys.known():
            for error in self._values.values():
                if isinstance(error, AiweError) and error.code == "vault_key_wrong":
                    raise error

    def _keep(self, secret: Secret, value: bytes | AiweError, document: dict[str, Any]) -> None:
        self._stored[secret.name], self._values[secret.name] = secret, value
        if self._seen is not None:
            self._seen[document["id"]] = document["version"]
        self.revision += 1

    async def _read(self) -> None:
        documents = await self._documents()
        stored: dict[Name, Secret] = {}
        values: dict[Name, bytes | AiweError] = {}
        for one in documents:
            try:
                secret = _secret(one)
            except (KeyError, TypeError):
                _LOG.error("a stored secret has no readable record; it is left out")
                continue
            stored[secret.name] = secret
            try:
                values[secret.name] = self._cipher.open(one["sealed"], secret.context)
            except AiweError as error:
                values[secret.name] = error
        await self.expect(
            {
                name: value
                for name, value in values.items()
                if isinstance(value, bytes) and self._values.get(name) != value
            }
        )
        self._stored, self._values = stored, values
        self._seen = {one["id"]: one["version"] for one in documents}
        self.revision += 1
        problems = [one for one in values.values() if isinstance(one, AiweError)]
        for told in sorted({f"{one.message} {one.hint}" for one in problems} - self._told):
            _LOG.error("secrets cannot be opened: %s", told)
            self._told.add(told)

    async def _documents(self, fields: list[str] | None = None) -> list[dict[str, Any]]:
        documents = self._store.within(SCOPE)
        found: list[dict[str, Any]] = []
        options: dict[str, Json] = {"limit": _PAGE, "sort": "id"}
        if fields:
            options["fields"] = fields
        while True:
            page = await documents.query(COLLECTION, {}, options)
            found += map(orjson.loads, page)
            if page.cursor is None:
                return found
            options["cursor"] = page.cursor


async def _unexpected(_: Mapping[Name, bytes]) -> None:
    """Nobody wants to know."""


def _key(name: Name) -> str:
    return hashlib.sha256(orjson.dumps(name)).hexdigest()[:32]


def _secret(document: dict[str, Any]) -> Secret:
    return Secret(
        document["secret"],
        document["app"],
        document["env"],
        tuple(document["hosts"]),
        frozenset(document["places"]),
        document["description"],
        document["createdAt"],
        document["by"],
        document["revision"],
    )


def _document(secret: Secret, sealed: str, by: str) -> dict[str, Any]:
    return {
        "secret": secret.id,
        "app": secret.app,
        "env": secret.env,
        "hosts": list(secret.hosts),
        "places": sorted(secret.places),
        "description": secret.description,
        "by": secret.created_by,
        "changedBy": by,
        "revision": secret.version,
        "sealed": sealed,
        "context": secret.context,
    }


def _changed(secret: Secret, change: Change) -> Secret:
    given: dict[str, Any] = {"version": secret.version + 1}
    if change.hosts is not None:
        given["hosts"] = check_hosts(change.hosts)
    if change.places is not None:
        given["places"] = check_places(change.places)
    if change.description is not None:
        given["description"] = check_description(change.description)
    if change.value is not None:
        check_value(change.value)
    return replace(secret, **given)


def _changes(before: Secret | None, after: Secret, change: Change) -> dict[str, Any]:
    """What an entry of the audit says of a change: hosts before and after, as whoever moves them may steal."""
    said: dict[str, Any] = {"value": change.value is not None, "hosts": list(after.hosts)}
    if before is not None and before.hosts != after.hosts:
        said["hostsBefore"] = list(before.hosts)
    if after.places:
        said["in"] = sorted(after.places)
    return said


def _told(name: Name) -> dict[str, Json]:
    return {"app": name[1], "env": name[2]}


def _exists(secret: str) -> RequestError:
    return RequestError(
        f'There is a secret "{secret}" already.',
        code="already_exists",
        status=409,
        hint="PUT replaces its value, and its hosts, places and description too, each where it is sent.",
    )


def not_found(secret: str) -> RequestError:
    """The refusal of an id that no secret has; it names no other."""
    return RequestError(
        f'There is no secret "{secret}".',
        code="secret_not_found",
        status=404,
        hint="Ids are told apart by app and environment: name them where the secret is of one only.",
    )


def _configured(secret: Secret) -> RequestError:
    return RequestError(
        f'The secret "{secret.id}" stands in the configuration.',
        code="secret_configured",
        status=409,
        hint=f"Change it there ({secret.configured}); then kill -HUP the engine, or start it again.",
    )


def _no_value(secret: str) -> RequestError:
    return RequestError(
        f'The secret "{secret}" has no value yet.',
        code="secret_value_needed",
        hint="Send its value too: it is not there yet, for this app and environment.",
    )
