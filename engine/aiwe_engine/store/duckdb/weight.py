"""How much memory a long transaction needs before it can be committed.

DuckDB writes rows down when it has a row group of them; the rest stays in memory until the commit, which
goes through it in vectors. Where documents are so large that a vector of them does not fit, it fails, and
takes the database down with it. So its memory is widened until such a transaction is in the file.
"""

from __future__ import annotations

from aiwe_engine.store.documents import Document
from aiwe_engine.store.duckdb.database import Database
from aiwe_engine.store.duckdb.portions import VECTOR

_GROUP = 122_880


class Weight:
    """What one transaction has in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bytes = self._rows = self._longest = 0

    def add(self, documents: list[Document]) -> None:
        """Makes room for documents that are about to be stored.

        Raises:
            EngineError: `too_large_at_once`.
        """
        for document in documents:
            self._bytes += len(document.text)
            self._longest = max(self._longest, len(document.text))
        self._rows += len(documents)
        if self._longest * VECTOR > self._database.memory // 4:
            self._database.widen(2 * self._bytes)
        elif self._rows > _GROUP:  # they were small, and are written down
            self._bytes = self._rows = 0
