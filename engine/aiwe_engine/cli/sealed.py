"""What is said of the sealed records in a backup: under which keys they are, which the backup itself has not."""

from __future__ import annotations

from pathlib import Path

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.transfer.archive import Archive, member_of
from aiwe_engine.vault.cipher import key_of
from aiwe_engine.vault.keyring import VARIABLE, Keyring

_OWN = "~"  # begins the scopes in which the engine keeps something


def backed_up(archive: Archive, data: Path) -> str | None:
    """What is said after a backup; None where nothing in it is sealed.

    Args:
        archive: what was written.
        data: the data folder of the engine.
    """
    needed = _needed(archive)
    if not needed:
        return None
    return (
        f"Secrets are in it, sealed; the key is not ({', '.join(sorted(needed))}). Keep a copy of it apart "
        f"from the backup: of {Keyring(data).path}, or of {VARIABLE} where the engine has it from there."
    )


def restored(archive: Archive, data: Path) -> str | None:
    """What is said after a backup was restored whose secrets cannot be opened; None: they can be."""
    needed = _needed(archive)
    keyring = Keyring(data)
    try:
        missing = sorted(needed - {key.id for key in keyring.known()})
    except AiweError as error:
        return (
            f"The secrets in it cannot be opened: {error.message} {error.hint}" if needed else None
        )
    if not missing:
        return None
    named = f"the key {missing[0]}" if len(missing) == 1 else f"the keys {', '.join(missing)}"
    way = (
        f"add the line that begins with {missing[0]} in vault.key of the engine that made the backup to {keyring.path}"
        if keyring.path.exists()
        else f"copy vault.key of the engine that made the backup to {keyring.path} and run chmod 600 {keyring.path}"
    )
    return (
        f"Secrets in it are sealed under {named}, which is not here. To use them, {way}; or start the engine with "
        f"{VARIABLE} as that one has it. Without the key apps load, and each use of a secret is vault_key_wrong."
    )


def _needed(archive: Archive) -> set[str]:
    """Ids of the keys under which something in a backup is sealed."""
    found = set()
    for held in archive.manifest.collections:
        if held.app.startswith(_OWN):
            for line in archive.lines(member_of(held.app, held.env, held.name)):
                if b'"sealed"' in line and (key := _key(line)):
                    found.add(key)
    return found


def _key(line: bytes) -> str | None:
    try:
        return key_of(orjson.loads(line)["sealed"])
    except (AiweError, ValueError, KeyError, TypeError, AttributeError):
        return None
