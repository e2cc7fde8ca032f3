"""Requests of the engine itself to servers that its operator named, such as a provider of OpenID Connect.

Such a server may be on a private network, at the place that was named and nowhere else; the rest of what
holds for programs holds here too: proxy, authorities, pools. No redirect is followed: an address that was
configured, or that a provider tells, is where the answer is.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from aiwe_engine.settings import MB, Settings

if TYPE_CHECKING:
    from aiwe_engine.outbound.client import Outbound

_LARGEST = 1 * MB  # of an answer


class Trusted:
    """Sends such requests. What connects is loaded with the first of them."""

    def __init__(self) -> None:
        self._outbound: Outbound | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        *,
        trusted: str,
        settings: Settings,
    ) -> tuple[int, bytes]:
        """Status and body of the answer; see `people.providers.Send`.

        Raises:
            AiweError: as `Outbound.send`; `fetch_redirected` where it leads elsewhere.
        """
        if self._outbound is None:
            made = await asyncio.to_thread(_bring)
            self._outbound = self._outbound or made()
        from aiwe_engine.outbound.exchange import Outgoing
        from aiwe_engine.outbound.target import read_target

        wider = replace(
            settings,
            fetch_allow_private=(*settings.fetch_allow_private, read_target(trusted).place),
            fetch_response_limit=_LARGEST,
        )
        request = Outgoing(
            method,
            url,
            list(headers.items()),
            body,
            redirect="error",
            timeout=settings.auth_provider_timeout,
        )
        answer = await self._outbound.send(request, wider)
        return answer.status, await answer.body.whole() if answer.body is not None else b""

    async def close(self) -> None:
        """Closes every connection."""
        if self._outbound is not None:
            await self._outbound.close()


def _bring() -> type[Outbound]:
    from aiwe_engine.outbound.client import Outbound

    return Outbound
