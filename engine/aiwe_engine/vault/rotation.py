"""A new key for everything that is sealed, while the engine runs, and whenever the process ends.

First the new key is on the disk, beside the old ones; then each document is sealed anew, one by one; only
when nothing is sealed under an old key any more may that be forgotten. So at every instant every key that is
needed is there, and doing it again goes on where it ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.vault.cipher import KeyedCipher, key_of
from aiwe_engine.vault.keyring import VARIABLE

_OWN = "~"  # begins the scopes in which the engine keeps something
_PAGE = 100
_PASSES = 10  # others may seal under the old key meanwhile


@dataclass(slots=True)
class Rotated:
    """What became of it.

    Attributes:
        key: id of the key that seals from now on.
        sealed: how many documents were sealed anew.
        unreadable: how many could not be opened, and were left as they are.
        kept: ids of the earlier keys that are still in the key file.
        forgotten: ids of those that were taken out of it.
    """

    key: str
    sealed: int = 0
    unreadable: int = 0
    kept: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


async def rotate(store: Store, cipher: KeyedCipher, *, forget: bool) -> Rotated:
    """Seals everything under a new key.

    Args:
        store: what is sealed: documents with fields `sealed` and `context`.
        cipher: its keys.
        forget: takes the earlier keys out of the key file where nothing needs them.

    Raises:
        RequestError: `vault_key_given`, there is only one key in the environment: it is changed there.
        EngineError: a key or the store fails; everything can be read, and doing it again goes on.
    """
    keys = cipher.keys
    if keys.from_environment:
        first = keys.first()
        if all(key.id == first.id for key in keys.known()):
            raise _given()
    else:
        first = keys.add()
    done = Rotated(first.id)
    needed: set[str] = set()
    for _ in range(_PASSES):
        needed, sealed, done.unreadable = await _pass(store, cipher, first.id)
        done.sealed += sealed
        if not sealed:
            break
    else:
        forget = False
    if forget:
        done.forgotten = keys.keep(frozenset({first.id, *needed}))
    done.kept = [key.id for key in keys.known() if key.id != first.id]
    return done


async def _pass(store: Store, cipher: KeyedCipher, first: str) -> tuple[set[str], int, int]:
    """Looks at everything once: the other keys that are needed, what was sealed anew, what cannot be opened."""
    needed: set[str] = set()
    sealed = unreadable = 0
    async with store.snapshot() as snapshot:
        held = [one for one in snapshot.collections if one.app.startswith(_OWN)]
    for one in held:
        scope = Scope(one.app, one.env)
        for document in await _sealed(store, scope, one.name):
            if (used := _key(document)) == first:
                continue
            try:
                sealed += await _seal(store, cipher, scope, one.name, document)
            except AiweError as error:
                if error.code not in {"vault_key_wrong", "vault_damaged"}:
                    raise
                unreadable += 1
                needed.add(used)
    return needed, sealed, unreadable


async def _sealed(store: Store, scope: Scope, collection: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    options = {
        "limit": _PAGE,
        "sort": "id",
        "fields": ["id", "version", "sealed", "context"],
    }
    while True:
        page = await store.within(scope).query(collection, {"sealed": {"$exists": True}}, options)
        found += map(orjson.loads, page)
        if page.cursor is None:
            return [one for one in found if isinstance(one.get("context"), str)]
        options["cursor"] = page.cursor


async def _seal(
    store: Store, cipher: KeyedCipher, scope: Scope, collection: str, document: dict[str, str]
) -> int:
    """Seals one document anew, unless it has changed: then the next pass looks at it."""
    context = document["context"]
    again = cipher.seal(cipher.open(document["sealed"], context), context)
    version = int(document["version"])
    try:
        await store.within(scope).update(collection, document["id"], {"sealed": again}, version)
    except RequestError as error:
        if error.code not in {"not_found", "version_conflict"}:
            raise
    return 1


def _key(document: dict[str, str]) -> str:
    try:
        return key_of(document["sealed"])
    except AiweError:
        return ""


def _given() -> RequestError:
    return RequestError(
        f"The only key is that of {VARIABLE}.",
        code="vault_key_given",
        status=409,
        hint=f"Make a new one (`openssl rand -base64 32`), start every engine of this data with "
        f"{VARIABLE}=NEW,OLD and run this again: it seals everything under the first. Then OLD can go.",
    )
