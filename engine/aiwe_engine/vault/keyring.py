"""The keys under which an engine seals: out of `AIWE_VAULT_KEY`, and of a file in its data folder.

A key has an id, which stands in whatever it sealed; so what was sealed under an earlier key can be opened
while keys change. The first key seals, the others open only. The file is never written in place:
there is always one that is whole, with every key that anything may still be sealed under.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiwe_engine.errors import EngineError

FILE = "vault.key"
VARIABLE = "AIWE_VAULT_KEY"
KEY_BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_LARGEST = 64 * 1024
_OTHERS = 0o077
_HEAD = (
    "# The keys of aiwe's vault: the first one seals, the others open what was sealed before.\n"
    "# Without them the secrets beside this file cannot be read. Keep a copy, apart from backups.\n"
)


@dataclass(frozen=True, slots=True)
class Key:
    """32 random bytes, and the name by which sealed texts speak of them."""

    id: str
    value: bytes = field(repr=False)

    @classmethod
    def of(cls, value: bytes) -> Key:
        """The key with this value; its id tells nothing of it."""
        return cls(hashlib.sha256(b"aiwe vault key\0" + value).hexdigest()[:12], value)


class Keyring:
    """Finds, makes and changes keys.

    Args:
        folder: where the key file is, or will be.
        environ: where `AIWE_VAULT_KEY` may stand; the process's own if None.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.path = folder / FILE
        self._environ = os.environ if environ is None else environ
        self._given: tuple[Key, ...] | None = None
        self._filed: tuple[Key, ...] | None = None

    @property
    def from_environment(self) -> bool:
        """Whether what is sealed now is sealed under a key of the environment."""
        return bool(self._environ.get(VARIABLE, "").strip())

    def known(self) -> tuple[Key, ...]:
        """Every key there is, the sealing one first; none where none was made yet.

        Raises:
            EngineError: `vault_key_invalid`, `vault_key_exposed`, `vault_key_unreadable`.
        """
        if self._given is None:
            self._given = _read_variable(self._environ.get(VARIABLE, ""))
        if not self._filed:
            self._filed = _read_file(self.path)
        return *self._given, *self._filed

    def first(self) -> Key:
        """The key that seals; it is made in the file where there is none.

        Raises:
            EngineError: as `known`.
        """
        known = self.known()
        return known[0] if known else self._make()

    def find(self, key_id: str) -> Key | None:
        """A key by its id. Another process may have added it to the file meanwhile."""
        found = _named(self.known(), key_id)
        if found is None:
            self.forget()
            found = _named(self.known(), key_id)
        return found

    def forget(self) -> None:
        """Reads the file anew at the next use."""
        self._filed = None

    def add(self) -> Key:
        """A new first key in the file, before those that are there.

        Raises:
            EngineError: as `known`.
        """
        self.forget()
        self.known()
        key = _new()
        self._write((key, *(self._filed or ())))
        return key

    def keep(self, ids: frozenset[str]) -> list[str]:
        """Takes the other keys out of the file; their ids."""
        self.forget()
        self.known()
        filed = self._filed or ()
        kept = tuple(key for key in filed if key.id in ids)
        if len(kept) < len(filed):
            self._write(kept)
        return [key.id for key in filed if key.id not in ids]

    def _make(self) -> Key:
        """The first key of all. Of two processes that make one, one wins and both use it."""
        draft = self._draft((_new(),))
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.path)
        except OSError:  # a file system without links; the lock of the folder keeps others out
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)
        _sync(self.path.parent)
        self.forget()
        return self.known()[0]

    def _write(self, keys: tuple[Key, ...]) -> None:
        self._draft(keys).replace(self.path)
        _sync(self.path.parent)
        self._filed = keys

    def _draft(self, keys: tuple[Key, ...]) -> Path:
        """A file beside the real one, whole and on the disk, for its owner only."""
        draft = self.path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
        lines = "".join(f"{key.id} {base64.b64encode(key.value).decode()}\n" for key in keys)
        try:
            draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w"
            ) as file:
                file.write(_HEAD + lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unreadable(self.path, f"cannot be written: {error.strerror}") from None
        return draft


def _new() -> Key:
    return Key.of(secrets.token_bytes(KEY_BYTES))


def _named(keys: tuple[Key, ...], key_id: str) -> Key | None:
    return next((key for key in keys if key.id == key_id), None)


def _read_variable(text: str) -> tuple[Key, ...]:
    found = []
    for one in text.split(","):
        if not one.strip():
            continue
        value = _bytes(one.strip())
        if value is None:
            raise EngineError(  # what stands there is not repeated: it may be almost a key
                f"{VARIABLE} is not a key: 32 bytes as base64 or as 64 hexadecimal digits.",
                code="vault_key_invalid",
                hint=f"Make one with `openssl rand -base64 32`, and give it to the engine as {VARIABLE}.",
            )
        found.append(Key.of(value))
    return tuple(found)


def _bytes(text: str) -> bytes | None:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        value = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return None
    return value if len(value) == KEY_BYTES else None


def _read_file(path: Path) -> tuple[Key, ...]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _unreadable(path, "is no file")
        if about.st_mode & _OTHERS:
            raise EngineError(
                f"{path} can be read by others than its owner (mode {stat.S_IMODE(about.st_mode):04o}).",
                code="vault_key_exposed",
                hint=f"Run `chmod 600 {path}`. Where somebody may have read it, then run "
                "`aiwe secrets rotate-key`.",
            )
        try:
            text = file.read(_LARGEST).decode()
        except (OSError, UnicodeDecodeError):
            raise _unreadable(path, "cannot be read") from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key_id, _, encoded = line.partition(" ")
        value = _bytes(encoded.strip())
        if value is None or (key := Key.of(value)).id != key_id:
            raise _unreadable(path, f"is damaged: line {number} is no key")
        found.append(key)
    return tuple(found)


def _unreadable(path: Path, what: str) -> EngineError:
    return EngineError(
        f"{path} {what}.",
        code="vault_key_unreadable",
        hint=f"Put the key file of this engine back in its place, or give the key as {VARIABLE}.",
    )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
