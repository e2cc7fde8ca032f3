"""The accounts of all apps of an engine, as documents in scopes that no program has.

A name is taken whatever its capitals: the store keeps one account for each folded name, so that two
requests at the same time cannot both have it.
"""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.people.person import Person
from aiwe_engine.protocols import Scope, Store

NAME_LONGEST = 128  # characters, in NFKC
NAME_WRITTEN = 4 * NAME_LONGEST  # with accents of their own; NFKC of more of them takes minutes
_FOLDED_LONGEST = 3 * NAME_LONGEST  # three small letters for a capital

PEOPLE = "people"
_DEFINITION = {"unique": [["name"]], "index": [["identities"]]}


class Directory:
    """Finds, makes and changes accounts.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._declared: set[Scope] = set()

    async def find(self, scope: Scope, person: str) -> Person | None:
        """The account with this id."""
        text = await self._store.within(scope.own).get(PEOPLE, person)
        return Person.read(orjson.loads(text)) if text is not None else None

    async def named(self, scope: Scope, username: str) -> Person | None:
        """The account with this name, whatever its capitals."""
        return await self._first(scope, {"name": folded(username)})

    async def known(self, scope: Scope, identity: str) -> Person | None:
        """The account that is linked with an identity of elsewhere."""
        return await self._first(scope, {"identities": {"$contains": identity}})

    async def create(self, scope: Scope, username: str, fields: dict[str, Any]) -> Person:
        """A new account.

        Args:
            scope: app and environment.
            username: as its owner wrote it.
            fields: the others of `Person`.

        Raises:
            RequestError: `username_taken` (409).
        """
        await self._declare(scope)
        document = {**fields, "username": username, "name": folded(username)}
        try:
            [text] = await self._store.within(scope.own).create(PEOPLE, [document])
        except RequestError as error:
            if error.code != "already_exists":
                raise
            raise taken() from None
        return Person.read(orjson.loads(text))

    async def change(self, scope: Scope, person: str, change: dict[str, Any]) -> Person:
        """Changes an account by the operators of `modify`; others may change it at the same time.

        Raises:
            RequestError: `not_found`.
        """
        text = await self._store.within(scope.own).modify(PEOPLE, person, change)
        return Person.read(orjson.loads(text))

    async def renew(self, scope: Scope, person: Person, password: str) -> Person:
        """Another hash of the same password; nothing where the account was changed meanwhile."""
        documents, patch = self._store.within(scope.own), {"password": password}
        try:
            text = await documents.update(PEOPLE, person.id, patch, person.version)
        except RequestError as error:
            if error.code not in {"version_conflict", "not_found"}:
                raise
            return person
        return Person.read(orjson.loads(text))

    async def query(
        self, scope: Scope, where: Any, options: Any
    ) -> tuple[list[Person], str | None]:
        """The accounts that fit, and the cursor of the next page; `listing` has checked the question."""
        page = await self._store.within(scope.own).query(PEOPLE, where, options)
        return [Person.read(orjson.loads(text)) for text in page], page.cursor

    async def remove(self, scope: Scope, person: str) -> bool:
        """Deletes an account. False: there is none."""
        return await self._store.within(scope.own).delete(PEOPLE, person)

    async def _first(self, scope: Scope, where: dict[str, Any]) -> Person | None:
        found = await self._store.within(scope.own).query(PEOPLE, where, {"limit": 1})
        return Person.read(orjson.loads(found[0])) if found else None

    async def _declare(self, scope: Scope) -> None:
        if scope not in self._declared:
            await self._store.define(scope.own, PEOPLE, _DEFINITION, "")
            self._declared.add(scope)


def taken() -> RequestError:
    """The refusal of a name that somebody has."""
    return RequestError(
        "This username is taken.",
        code="username_taken",
        status=409,
        hint="Choose another one.",
    )


def folded(username: str) -> str:
    """A name as it is compared: NFKC, without capitals or outer spaces.

    One that is too long for anybody's is short here, since failures to sign in are kept by it.
    """
    if len(username) <= NAME_WRITTEN:
        small = unicodedata.normalize("NFKC", username).casefold()
        name = unicodedata.normalize(
            "NFKC", small
        ).strip()  # capitals may have been composed otherwise
        if len(name) <= _FOLDED_LONGEST:
            return name
    return "\x7f" + sha256(username.encode("utf-8", "surrogatepass")).hexdigest()
