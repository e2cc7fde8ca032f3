"""A kernel in a process of its own, driven as a notebook drives it: by messages."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 30


@dataclass
class Outcome:
    """What one cell left behind."""

    reply: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)

    def contents(self, kind: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    def stream(self, name: str) -> str:
        return "".join(c["text"] for c in self.contents("stream") if c["name"] == name)

    @property
    def stdout(self) -> str:
        return self.stream("stdout")

    @property
    def kinds(self) -> list[str]:
        return [m["msg_type"] for m in self.messages]

    @property
    def displays(self) -> list[dict[str, Any]]:
        return [c["data"] for c in self.contents("display_data")]

    @property
    def result(self) -> dict[str, Any] | None:
        results = self.contents("execute_result")
        return results[0]["data"] if results else None

    @property
    def error(self) -> dict[str, Any]:
        assert self.reply["status"] == "error", self.reply
        return self.reply

    @property
    def traceback(self) -> str:
        return "\n".join(self.error["traceback"])


class Notebook:
    """Start it as a context manager; `run` cells one after another."""

    def __init__(self, **environ: str) -> None:
        own = {
            key: value for key, value in os.environ.items() if not key.startswith(("AIWE", "JPY"))
        }
        path = os.pathsep.join(
            [str(ROOT / "engine"), str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        )
        self._environ = own | {"PYTHONPATH": path} | environ
        self.manager = KernelManager(kernel_name="aiwe")

    def __enter__(self) -> Self:
        self.manager.start_kernel(env=self._environ)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()

    def send(self, code: str, cell: str | None = None) -> str:
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = self.client.session.msg("execute_request", content)
        message["metadata"] = {"cellId": cell} if cell else {}
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def receive(self, sent: str) -> Outcome:
        outcome = Outcome({})
        deadline = time.monotonic() + TIMEOUT
        while True:
            message = self.client.get_iopub_msg(timeout=deadline - time.monotonic())
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    break
            elif message["msg_type"] != "execute_input":
                outcome.messages.append(message)
        while True:
            reply = self.client.get_shell_msg(timeout=deadline - time.monotonic())
            if reply["parent_header"].get("msg_id") == sent:
                outcome.reply = reply["content"]
                return outcome

    def run(self, code: str, cell: str | None = None) -> Outcome:
        return self.receive(self.send(code, cell))

    def wait_for(self, sent: str, kind: str) -> dict[str, Any]:
        """The next message of a kind that belongs to a cell that still runs."""
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") == sent and message["msg_type"] == kind:
                return message["content"]

    def ask(self, request: str, *args: Any) -> dict[str, Any]:
        """The reply to complete, inspect or is_complete."""
        sent = getattr(self.client, request)(*args)
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == sent:
                return reply["content"]


def write_kernelspec(folder: Path) -> None:
    """The product's own kernelspec, with this Python in place of the one on the path."""
    spec = (ROOT / "aiwe_kernel" / "kernelspec" / "kernel.json").read_text(encoding="utf-8")
    target = folder / "kernels" / "aiwe"
    target.mkdir(parents=True)
    (target / "kernel.json").write_text(spec.replace('"python"', f'"{sys.executable}"', 1))
