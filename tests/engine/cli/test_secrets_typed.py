"""`aiwe secrets set` at a terminal: it asks, and shows nothing of the value."""

import json
import os
import pty
import select
import signal
import sys

import pytest

from tests.engine.cli.process import ENVIRONMENT, here

VALUE = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
HOSTS = "Hosts that it may be sent to, as in api.sendgrid.com (empty: none; hmac and matches work without): "
PROMPT = "Value (it is not shown): "


class Terminal:
    """`aiwe` with a terminal of its own, and somebody who types.

    Args:
        arguments: of the command.
        cwd: where it runs.
    """

    def __init__(self, *arguments, cwd):
        self.shown = ""
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            command = [sys.executable, "-m", "aiwe_engine", *arguments]
            os.execve(sys.executable, command, ENVIRONMENT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._end)
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def until(self, text):
        """Reads until this is shown; all that was."""
        while text not in self.shown:
            assert self._read(), self.shown
        return self.shown

    def type(self, text):
        """Types, and presses what the text ends in."""
        os.write(self._end, text.encode())

    def ended(self):
        """The exit status."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def _read(self):
        assert select.select([self._end], [], [], 40)[0], self.shown
        try:
            piece = os.read(self._end, 4096)
        except OSError:  # the other side is closed
            return False
        self.shown += piece.decode().replace("\r\n", "\n")
        return bool(piece)


def stored(cwd):
    return json.loads(here("secrets", "list", "--json", cwd=cwd)[1])["secrets"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("api.example.com, localhost:8025", "for api.example.com, localhost:8025"),
        (
            "",
            (
                "sent nowhere until `aiwe secrets change mail_key --hosts HOST` names a host; "
                "Secrets.hmac and Secrets.matches work without"
            ),
        ),
    ],
)
def test_it_asks_for_hosts_and_for_the_value(tmp_path, typed, said):
    with Terminal("secrets", "set", "mail_key", cwd=tmp_path) as terminal:
        terminal.until(HOSTS)
        terminal.type(f"{typed}\n")
        terminal.until(PROMPT)
        terminal.type(f"{VALUE}\n")
        assert terminal.ended() == 0
        assert VALUE not in terminal.shown
        assert "\n32 characters read.\n" in terminal.shown
        assert f"mail_key (each app, each environment): 32 bytes stored, {said}\n" in terminal.shown
    [one] = stored(tmp_path)
    assert one["hosts"] == [host.strip() for host in typed.split(",") if host]
    assert one["usable"] == bool(typed)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("a1b2c3\n", "secret_too_short"),
        ("\x04", "secret_value_needed"),
        ("x" * 4094 + "\n", None),
    ],
)
def test_what_was_typed_and_is_no_value(tmp_path, typed, code):
    with Terminal("secrets", "set", "k", "--hosts", "a.example", cwd=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type(typed)
        assert terminal.ended() == (1 if code else 0)
        assert (code or "4094 characters read.") in terminal.shown
        assert typed.strip("\x04") not in terminal.shown or typed == "\x04"


def test_who_breaks_off_stores_nothing(tmp_path):
    with Terminal("secrets", "set", "k", "--hosts", "a.example", cwd=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("sk-live\x03")
        assert terminal.ended() == 130
        assert "sk-live" not in terminal.shown
    assert not (tmp_path / ".aiwe").exists()
