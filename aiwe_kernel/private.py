"""An engine of this kernel's own, in a temporary folder, that ends with the kernel.

nbclient, nbval and papermill run notebooks with no server about; their cells must work and must
not touch anything that is live. The engine runs below this module in a child process. A pipe to
its standard input is the leash: it closes when the kernel ends, however it ends, and the child
then stops the engine and removes the folder.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from aiwe_kernel.discover import Engine, engine_of, read_info
from aiwe_kernel.errors import cell_error

_GRACE = 5.0
_POLL = 0.02


class PrivateEngine:
    """One engine process. Start it with `start`, end it with `stop`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aiwe-"))
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, timeout: float = 30.0) -> Engine:
        """Start the engine and wait until it says where it listens."""
        command = [sys.executable, "-P", "-m", "aiwe_kernel.private", str(self.folder)]
        with (self.folder / "engine.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interrupt of the kernel is none of the engine
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if info := read_info(self.folder / "engine.json"):
                return engine_of(info, "a private engine of this kernel")
            if self._process.poll() is not None:
                break
            await asyncio.sleep(_POLL)
        raise self._failed(self._process.poll())

    async def ended(self, patience: float = 0.5) -> int | None:
        """The exit status of a process that ended or is about to; None where it goes on."""
        if self._process is None:
            return None
        try:
            return await asyncio.to_thread(self._process.wait, patience)
        except subprocess.TimeoutExpired:
            return None

    async def stop(self, timeout: float = 3.0) -> None:
        """Let go of the leash and wait for the end; a process that lingers is killed."""
        process = self._process
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.to_thread(process.wait, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _failed(self, status: int | None) -> Exception:
        text = (self.folder / "engine.log").read_text(encoding="utf-8", errors="replace")
        return cell_error(
            {
                "name": "EngineUnreachable",
                "code": "engine_unreachable",
                "message": f"The private engine did not start (exit status {status}).",
                "hint": "What it printed stands above; `python -m aiwe_engine serve` tries it by"
                " hand. To use an engine that runs, set AIWE_URL and AIWE_TOKEN_FILE.",
                "excerpt": "\n".join(text.strip().splitlines()[-15:]),
            }
        )


def _follow_the_kernel(folder: str) -> None:
    """Blocks until the kernel's end of the pipe is closed, then ends this process."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main(folder: str) -> None:
    """Run an engine with its data in `folder`, as long as standard input stays open."""
    threading.Thread(target=_follow_the_kernel, args=(folder,), daemon=True).start()
    # Where it listens is not for aiwe.toml to say: this engine is this kernel's alone.
    place = ["--host", "127.0.0.1", "--port", "0", "--data", folder]
    sys.argv = ["aiwe", "serve", "--env", "dev", *place]
    try:
        runpy.run_module("aiwe_engine", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:  # why stands in the log there; whoever reads it removes the folder
            raise
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
