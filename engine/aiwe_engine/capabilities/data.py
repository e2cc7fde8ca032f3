"""`DataRepository`: documents of the app and environment that the invocation belongs to.

Checks what a program passes, names the mistake, and asks the store. Documents stay the JSON texts
that the store keeps; nothing is parsed on the way out.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson

from aiwe_engine.capabilities.sql import statement
from aiwe_engine.capabilities.transactions import Transactions
from aiwe_engine.errors import RequestError
from aiwe_engine.logs import Log
from aiwe_engine.protocols import Documents, Method, Page, Scope, Store
from aiwe_engine.store.documents import instant
from aiwe_engine.types import Invocation

_READ, _WRITE = Method(), Method(write=True, outside=True)
_BOUNDARY = Method(recorded=True)  # of a transaction, whose commit is its one write
_STORES = {"create": 1, "createMany": 1, "update": 2, "replace": 2, "upsert": 1}  # where docs are
_ENGINE_FIELDS = ("version", "updatedAt", "createdAt")
_MOST_WARNINGS = 1_000
Bound: TypeAlias = Callable[[Invocation, list[Any]], Awaitable[Any]]
Do: TypeAlias = Callable[[Documents, list[Any]], Awaitable[Any]]


class Data:
    """The host half of `DataRepository`; `js/data.ts` is the other.

    Args:
        store: where the documents are.
        log: where a program is told that a field it gave was ignored.

    Attributes:
        written: what was written since somebody emptied this: by app and collection the time, in
            seconds since 1970; the collection "" stands for any.
    """

    name = "data"
    methods: Mapping[str, Method] = {
        "create": _WRITE,
        "createMany": _WRITE,
        "get": _READ,
        "list": _READ,
        "query": _READ,
        "first": _READ,
        "count": _READ,
        "update": _WRITE,
        "replace": _WRITE,
        "upsert": _WRITE,
        "modify": _WRITE,
        "delete": _WRITE,
        "deleteMany": _WRITE,
        "collections": _READ,
        "define": _WRITE,
        "begin": _BOUNDARY,
        "within": _BOUNDARY,
        "commit": Method(write=True, recorded=True),
        "rollback": _BOUNDARY,
        "sql": _READ,
    }

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log
        self.written: dict[str, dict[str, float]] = {}
        self._warned: set[tuple[str, ...]] = set()
        self._do: dict[str, Do] = {
            "create": self._create,
            "createMany": self._create_many,
            "get": self._get,
            "list": self._list,
            "query": self._query,
            "first": self._first,
            "count": self._count,
            "update": self._update,
            "replace": self._replace,
            "upsert": self._upsert,
            "modify": self._modify,
            "delete": self._delete,
            "deleteMany": self._delete_many,
            "collections": self._collections,
            "sql": self._sql,
        }
        self._transactions = Transactions(store)
        self._bounds: dict[str, Bound] = {
            "define": self._define,
            "begin": self._begin,
            "within": self._within,
            "commit": self._commit,
            "rollback": self._rollback,
        }

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Any:
        """Runs one method of `DataRepository`."""
        bound = self._bounds.get(method)
        result = await (bound(invocation, args) if bound else self._one(invocation, method, args))
        if self.methods[method].write:
            self.note(invocation.app, _collection(args))
        return result

    def note(self, app: str, collection: str) -> None:
        """Remembers that a collection was written just now."""
        self.written.setdefault(app, {})[collection] = time.time()

    def _one(self, invocation: Invocation, method: str, args: list[Any]) -> Awaitable[Any]:
        """A call that is no part of a transaction."""
        if method in _STORES:
            self._warn(invocation, method, args)
        scope = Scope(invocation.app, invocation.env, invocation.caller)
        return self._do[method](self._store.within(scope), args)

    async def _define(self, invocation: Invocation, args: list[Any]) -> None:
        if invocation.kind not in ("load", "cell"):
            raise RequestError(
                "DataRepository.define was called while a handler runs",
                code="registration_closed",
                hint="Declare collections at the top level of a cell or file, or inside init().",
            )
        collection, definition = _padded(args, 2)
        scope = Scope(invocation.app, invocation.env)
        said = await self._store.define(scope, collection, definition, invocation.version)
        for words in said:
            owner = (invocation.app, invocation.env, invocation.version)
            text = f'DataRepository.define: "{collection}": {words}.'
            self._log.program(invocation, "info", text, owner)

    async def _begin(self, invocation: Invocation, args: list[Any]) -> None:
        number, before = _padded(args, 2)
        await self._transactions.begin(invocation, number, before)

    async def _within(self, invocation: Invocation, args: list[Any]) -> Any:
        number, method, given = _padded(args, 3)
        do = self._do.get(method) if isinstance(method, str) else None
        if do is None or not isinstance(given, list):
            raise RequestError(
                f"A transaction has no {str(method)[:80]}",
                code="unknown_call",
                hint="Use the calls of tx that DataRepository has too.",
            )
        if method in _STORES:
            self._warn(invocation, method, given)
        return await self._transactions.within(invocation, number, lambda tx: do(tx, given))

    async def _commit(self, invocation: Invocation, args: list[Any]) -> None:
        (number,) = _padded(args, 1)
        await self._transactions.commit(invocation, number)

    async def _rollback(self, invocation: Invocation, args: list[Any]) -> bool:
        (number,) = _padded(args, 1)
        return await self._transactions.rollback(invocation, number)

    def _warn(self, invocation: Invocation, method: str, args: list[Any]) -> None:
        """Says once, for each collection and version of the app, that fields are ignored."""
        given = _STORES[method]
        docs = args[given] if len(args) > given else None
        for doc in docs if isinstance(docs, list) else [docs]:
            if not isinstance(doc, dict) or doc.keys().isdisjoint(_ENGINE_FIELDS):
                continue
            ignored = [name for name in ("version", "updatedAt") if name in doc]
            if "createdAt" in doc and instant(doc["createdAt"]) is None:
                ignored.append("createdAt")
            owner = (invocation.app, invocation.env, invocation.version)
            key = (*owner, str(args[0]), *ignored)
            if ignored and key not in self._warned and len(self._warned) < _MOST_WARNINGS:
                self._warned.add(key)
                text = (
                    f"DataRepository.{method}: {' and '.join(ignored)} given for "
                    f'"{str(args[0])[:80]}" is ignored; the engine keeps it '
                    "(a createdAt of yours counts where it is ISO 8601)."
                )
                self._log.program(invocation, "warn", text, owner)

    async def _create(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc = _two("create", "a document", dict, args)
        return _document((await documents.create(collection, [doc]))[0])

    async def _create_many(self, documents: Documents, args: list[Any]) -> Any:
        collection, docs = _two("createMany", "an array of documents", list, args)
        return _documents(await documents.create(collection, docs))

    async def _get(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc_id = _padded(args, 2)
        return _document(await documents.get(collection, doc_id))

    async def _list(self, documents: Documents, args: list[Any]) -> Any:
        collection, options = _padded(args, 2)
        return _page(await documents.query(collection, {}, options))

    async def _query(self, documents: Documents, args: list[Any]) -> Any:
        collection, where, options = _padded(args, 3)
        return _page(await documents.query(collection, where, options))

    async def _first(self, documents: Documents, args: list[Any]) -> Any:
        collection, where, options = _padded(args, 3)
        if isinstance(where, dict):
            where = {name: value for name, value in where.items() if name != "limit"}
        if options is None or isinstance(options, dict):
            options = {**(options or {}), "limit": 1}
        found = await documents.query(collection, where, options)
        return _document(found[0]) if found else None

    async def _count(self, documents: Documents, args: list[Any]) -> Any:
        collection, where = _padded(args, 2)
        return await documents.count(collection, where)

    async def _update(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc_id, patch, options = _padded(args, 4)
        _require(patch, dict, "update", "a collection name, an id and an object of changes")
        version = _if_version("update", options)
        return _document(await documents.update(collection, doc_id, patch, version))

    async def _replace(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc_id, doc, options = _padded(args, 4)
        _require(doc, dict, "replace", "a collection name, an id and a document")
        version = _if_version("replace", options)
        return _document(await documents.replace(collection, doc_id, doc, version))

    async def _upsert(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc = _two("upsert", "a document with an id", dict, args)
        _require(doc.get("id"), str, "upsert", "a collection name and a document with an id")
        return _document(await documents.upsert(collection, doc))

    async def _modify(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc_id, change = _padded(args, 3)
        _require(change, dict, "modify", "a collection name, an id and operators such as { $inc }")
        return _document(await documents.modify(collection, doc_id, change))

    async def _delete(self, documents: Documents, args: list[Any]) -> Any:
        collection, doc_id = _padded(args, 2)
        return await documents.delete(collection, doc_id)

    async def _delete_many(self, documents: Documents, args: list[Any]) -> Any:
        collection, where = _two("deleteMany", "a filter ({} for all documents)", dict, args)
        return await documents.delete_many(collection, where)

    async def _collections(self, documents: Documents, _: list[Any]) -> Any:
        return await documents.collections()

    async def _sql(self, documents: Documents, args: list[Any]) -> Any:
        texts, values = _padded(args, 2)
        table = await documents.sql(*statement(texts, values))
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def _collection(args: list[Any]) -> str:
    return args[0] if args and isinstance(args[0], str) else ""


def _padded(args: list[Any], count: int) -> list[Any]:
    return [*args[:count], *[None] * (count - len(args))]


def _two(method: str, wanted: str, kind: type, args: list[Any]) -> list[Any]:
    padded = _padded(args, 2)
    _require(padded[1], kind, method, f"a collection name and {wanted}")
    return padded


def _require(value: Any, kind: type, method: str, wanted: str) -> None:
    if not isinstance(value, kind):
        got = "an array" if isinstance(value, list) else "nothing" if value is None else repr(value)
        raise RequestError(
            f"DataRepository.{method} needs {wanted}",
            code="invalid_argument",
            hint=f"It got {got[:80]} there.",
        )


def _if_version(method: str, options: Any) -> int | None:
    if options is None or options == {}:
        return None
    version = options.get("ifVersion") if isinstance(options, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or len(options) > 1:
        raise RequestError(
            f"The options of DataRepository.{method} are not understood",
            code="invalid_argument",
            hint="Write { ifVersion: doc.version } with a number, or leave them out.",
        )
    return version


def _document(text: bytes | None) -> orjson.Fragment | None:
    return None if text is None else orjson.Fragment(text)


def _page(page: Page) -> Any:
    """The documents; where another page follows, its cursor beside them."""
    found = _documents(page)
    return found if page.cursor is None else {"page": found, "cursor": page.cursor}


def _documents(texts: list[bytes]) -> orjson.Fragment:
    return orjson.Fragment(b"[" + b",".join(texts) + b"]")
