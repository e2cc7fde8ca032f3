"""Completion, help and completeness of JavaScript, asked of the engine's language service.

Jupyter counts code points, the service UTF-16 units; the difference is a thumbs-up emoji. An
engine that does not answer costs the notebook its completions and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiwe_kernel.cell import from_utf16, to_utf16
from aiwe_kernel.client import EngineClient
from aiwe_kernel.errors import CellError

Reply = dict[str, Any]
_TYPES = "_jupyter_types_experimental"
_HERE = "_"  # the cell in the editor; it may not have been run yet and has no id then


class Language:
    """Answers Jupyter's requests about code.

    Args:
        client: where to ask.
        session: this notebook's.
        sources: the cells that were run, by id: their names complete too.
    """

    def __init__(self, client: EngineClient, session: str, sources: Mapping[str, str]) -> None:
        self._client = client
        self._session = session
        self._sources = sources

    async def complete(self, source: str, position: int) -> Reply:
        """A `complete_reply` for a place in JavaScript."""
        answer = await self._ask("complete", source, position)
        matches = (answer or {}).get("matches", [])
        start = from_utf16(source, answer["start"]) if matches else position
        end = from_utf16(source, answer["end"]) if matches else position
        types = [
            {
                "start": start,
                "end": end,
                "text": match["text"],
                "type": match.get("kind", ""),
                "signature": match.get("detail") or "",
            }
            for match in matches
        ]
        return {
            "status": "ok",
            "matches": [match["text"] for match in matches],
            "cursor_start": start,
            "cursor_end": end,
            "metadata": {_TYPES: types},
        }

    async def inspect(self, source: str, position: int) -> Reply:
        """An `inspect_reply` for the name at a place in JavaScript."""
        answer = await self._ask("hover", source, position)
        data: Reply = {}
        if answer and answer.get("text") != "any":  # what TypeScript says of what it does not know
            data["text/plain"] = answer.get("text", "")
            if markdown := answer.get("markdown"):
                data["text/markdown"] = markdown
        return {"status": "ok", "found": bool(data), "data": data, "metadata": {}}

    async def is_complete(self, source: str) -> Reply:
        """An `is_complete_reply` for JavaScript."""
        answer = await self._ask("complete_check", source) or {}
        status = answer.get("status", "unknown")
        if status == "incomplete":
            return {"status": status, "indent": answer.get("indent", "")}
        return {"status": status}

    async def _ask(self, operation: str, source: str, position: int | None = None) -> Any:
        arguments: Reply = {
            "session": self._session,
            "cell": _HERE,
            "source": source,
            "others": [
                {"cell": cell, "source": text}
                for cell, text in self._sources.items()
                if text != source
            ],
        }
        if position is not None:
            arguments["position"] = to_utf16(source, position)
        try:
            return await self._client.language(operation, arguments)
        except CellError:
            return None
