"""Tokens of people, assistants and kernels who manage an engine without a login of Jupyter's.

A token is `aiwe-ID-SECRET`. Only the hash of SECRET is kept (256 random bits need no slow hash), in
`tokens.json` of the data folder, for its owner only. Those of kernels are never written down: a kernel has
one made when it starts, and another one when the engine has started anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.permissions import ROLES
from aiwe_engine.types import Principal

FILE = "tokens.json"
MOST = 1000  # tokens that are kept; as many of kernels
KERNEL_DAYS = 30.0  # after which a kernel that asked nothing has to have another one made
_TOKEN = re.compile(r"aiwe-([0-9a-f]{12})-[\w-]{43}", re.ASCII)
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. Times are seconds since 1970.

    Attributes:
        app: the one app that it is for; None for every app.
        expires_at: when it is void; None for never.
        sha256: of the whole token, in hex.
    """

    id: str
    name: str
    role: str
    app: str | None
    created_at: float
    created_by: str
    expires_at: float | None
    sha256: str


@dataclass(slots=True)
class _Kernel:
    who: Principal
    sha256: str
    used: float


class Tokens:
    """The tokens of one data folder.

    Args:
        folder: the data folder, which this process holds.
        clock: seconds since 1970.

    Raises:
        EngineError: `data_unusable`, the file of tokens cannot be read.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = folder / FILE
        self._clock = clock
        self._kept = {token.id: token for token in self._read()}
        self._kernels: dict[str, _Kernel] = {}

    def everything(self) -> list[Token]:
        """Those that are kept, oldest first; expired ones too."""
        return sorted(self._kept.values(), key=lambda token: token.created_at)

    def create(
        self,
        role: str,
        *,
        app: str | None = None,
        name: str = "",
        expires: float | None = None,
        by: str = "owner",
    ) -> tuple[Token, str]:
        """Makes a token.

        Args:
            role: of `permissions.ROLES`.
            app: the one app that it is for.
            name: for people, who it is for.
            expires: seconds for which it is valid.
            by: who makes it.

        Returns:
            What is kept of it, and the token itself, which nobody can be told again.

        Raises:
            RequestError: `no_such_role`, `too_many_tokens`.
        """
        if role not in ROLES:
            raise RequestError(
                f'There is no role "{role}".',
                code="no_such_role",
                hint=f"The roles are {', '.join(ROLES)}; docs/roles.md says what each may do.",
            )
        if len(self._kept) >= MOST:
            raise RequestError(
                f"There are {MOST} tokens.",
                code="too_many_tokens",
                hint="`aiwe tokens list` shows them, `aiwe tokens revoke ID` takes one away.",
            )
        key, text = _new()
        now = self._clock()
        until = None if expires is None else now + expires
        token = Token(key, name or role, role, app, now, by, until, _hash(text))
        self._write({**self._kept, key: token})
        return token, text

    def revoke(self, key: str) -> bool:
        """Makes a token void, at once. False: there is none of this id."""
        left = {other: token for other, token in self._kept.items() if other != key}
        if len(left) == len(self._kept):
            return False
        self._write(left)
        return True

    def for_kernel(self, session: str, path: str | None, app: str | None) -> str:
        """A kernel's own token: a developer's, for its session and the app of that. An earlier one is void.

        Args:
            session: the kernel's id.
            path: of its notebook, as far as the kernel knows.
            app: the one app that whoever has it made is bound to.
        """
        self.end_kernel(session)
        if len(self._kernels) >= MOST:
            del self._kernels[min(self._kernels, key=lambda key: self._kernels[key].used)]
        key, text = _new()
        name = f"the kernel of {path or session}"
        who = Principal(name, frozenset({"developer"}), app, session, path, key)
        self._kernels[key] = _Kernel(who, _hash(text), self._clock())
        return text

    def end_kernel(self, session: str) -> None:
        """Makes the token of a kernel void."""
        ended = [key for key, kernel in self._kernels.items() if kernel.who.session == session]
        for key in ended:
            del self._kernels[key]

    def find(self, text: str) -> Principal | None:
        """Who has a token; None where it is not valid, or not any more."""
        found = _TOKEN.fullmatch(text)
        if found is None:
            return None
        key, now = found[1], self._clock()
        kernel, token = self._kernels.get(key), self._kept.get(key)
        expected = kernel.sha256 if kernel else token.sha256 if token else ""
        if not hmac.compare_digest(_hash(text), expected) or not self.valid(key):
            return None
        if kernel is not None:
            kernel.used = now
            return kernel.who
        assert token is not None
        return Principal(token.name, frozenset({token.role}), token.app, token=key)

    def valid(self, key: str) -> bool:
        """Whether a token that somebody came with is still good: it was not revoked and has not expired."""
        now = self._clock()
        if key in self._kernels:
            return now - self._kernels[key].used < KERNEL_DAYS * _DAY
        token = self._kept.get(key)
        return token is not None and (token.expires_at is None or now < token.expires_at)

    def _read(self) -> list[Token]:
        try:
            return [Token(**one) for one in json.loads(self._file.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(
                f"The tokens in {self._file} cannot be read: {error}.",
                code="data_unusable",
                hint="Take the file away: then there are no tokens, and new ones can be made.",
            ) from None

    def _write(self, kept: dict[str, Token]) -> None:
        """Keeps tokens: whole or not at all, also when the power fails."""
        draft = self._file.with_name(f"{FILE}.draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump([asdict(token) for token in kept.values()], file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
        with contextlib.closing(_Folder(self._file.parent)) as folder:
            os.fsync(folder.number)
        self._kept = kept


class _Folder:
    """An opened folder: a name in it is durable when the folder is."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.number)


def _new() -> tuple[str, str]:
    """An id and the token of it."""
    key = secrets.token_hex(6)
    return key, f"aiwe-{key}-{secrets.token_urlsafe(32)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
