"""How much memory the processes of an engine hold."""

from __future__ import annotations

from pathlib import Path

_MB = 1 << 20


def resident(pid: int) -> int:
    """Resident memory of a process in MB, 0 where the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * 4096 // _MB
