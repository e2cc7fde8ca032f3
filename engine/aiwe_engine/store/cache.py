"""The documents lately read or written, so that most reads never reach the database.

Written through: a commit puts what it stored here before it is acknowledged. A read that was
under way while a commit changed the same document must not bring the old one back; so each read
is announced, and what was committed meanwhile is left out when it fills.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import TypeAlias

Key: TypeAlias = tuple[int, str]  # number of the collection, id
OVERHEAD = 200  # bytes of a key, its entry and the object around a text


class Reading:
    """One read that is under way, and the keys that were committed since it began."""

    def __init__(self) -> None:
        self.changed: set[Key] = set()
        self.void = False  # whatever it finds may have been changed


class DocumentCache:
    """Texts by key, the least used go first. An empty text: there is no such document."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._texts: OrderedDict[Key, bytes] = OrderedDict()
        self._readings: set[Reading] = set()
        self._lock = Lock()

    def get(self, key: Key) -> bytes | None:
        """The text, empty where there is no such document, None where the cache cannot tell."""
        with self._lock:
            text = self._texts.get(key)
            if text is not None:
                self._texts.move_to_end(key)
            return text

    def begin(self) -> Reading:
        """Announces a read, before its statement starts."""
        reading = Reading()
        with self._lock:
            self._readings.add(reading)
        return reading

    def end(self, reading: Reading, found: Iterable[tuple[Key, bytes]] = ()) -> None:
        """Keeps what the read found, but for what was committed since it began."""
        with self._lock:
            self._readings.discard(reading)
            for key, text in () if reading.void else found:
                if key not in reading.changed and key not in self._texts:
                    self._keep(key, text)
            self._shrink()

    def commit(self, stored: Iterable[tuple[Key, bytes]]) -> None:
        """Keeps what a transaction has just stored; an empty text for what it deleted."""
        with self._lock:
            for key, text in stored:
                for reading in self._readings:
                    reading.changed.add(key)
                self._keep(key, text)
            self._shrink()

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._forget()

    def renew(self) -> None:
        """Forgets everything, and what is being read just now: all of it may have been changed."""
        with self._lock:
            for reading in self._readings:
                reading.void = True
            self._forget()

    def _forget(self) -> None:
        self._texts.clear()
        self._size = 0

    def _keep(self, key: Key, text: bytes) -> None:
        old = self._texts.pop(key, None)
        if old is not None:
            self._size -= len(old) + OVERHEAD
        self._texts[key] = text
        self._size += len(text) + OVERHEAD

    def _shrink(self) -> None:
        while self._size > self._limit and self._texts:
            _, text = self._texts.popitem(last=False)
            self._size -= len(text) + OVERHEAD
