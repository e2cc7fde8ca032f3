"""SHA-256 of files, remembered for as long as a file is the same one.

A file is the same while its device, inode, size and both times are. One that was touched a moment
ago may be written again within the clock's step, so its digest is not kept yet.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from io import BufferedReader

KEPT = 10_000
_TURNS = 64  # files that may be read at a time; some share a turn
_SETTLED = 0.2  # seconds; file systems count in steps of some milliseconds

Identity = tuple[int, int, int, int, int]


def identity(info: os.stat_result) -> Identity:
    """What tells one state of a file from another."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


class Digests:
    """A memory of digests. May be used by several threads; of those that want one, one reads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Identity, str] = OrderedDict()
        self._turns = [threading.Lock() for _ in range(_TURNS)]

    def of(self, file: BufferedReader, info: os.stat_result) -> str:
        """The digest of an open file, in hex; the file is then at its beginning again."""
        key = identity(info)
        found = self._kept.get(key)
        if found is not None:
            return found
        with self._turns[hash(key) % _TURNS]:
            found = self._kept.get(key)
            if found is not None:
                return found
            found = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            if abs(time.time() - max(info.st_mtime, info.st_ctime)) > _SETTLED:
                self._kept[key] = found
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return found
