"""PostgreSQL for tests and benchmarks: a real server that they make, stop, kill and start again.

It lives in a short temporary folder (the path of a Unix socket has at most 107 bytes), listens on no
port, and is like those that people have where that is a trap: text sorts by a language, clocks are
not on UTC. The programs are Debian's, or those on PATH. Nothing of a server that the machine runs
is touched.
"""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict

import psutil
import psycopg
import pytest

DEBIAN = Path("/usr/lib/postgresql")
MISSING = "PostgreSQL is not installed: apt-get install postgresql (no server needs to run)"
SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
SECONDS = 30


class _Account(TypedDict, total=False):
    """As whom a process runs, in the words of `subprocess`."""

    user: int
    group: int
    extra_groups: list[int]


class Cluster:
    """One server with its databases: `initdb` once, then started and ended at will.

    Args:
        folder: an empty folder of a short path; the socket lies in it.
        fsync: whether what is committed survives the machine too. Off, it survives the server only,
            and commits cost next to nothing.
    """

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._folder = folder
        self._fsync = fsync
        self._numbers = itertools.count()
        self._server: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Makes the data folder. Raises RuntimeError with what `initdb` said."""
        account = _account()
        if account:
            os.chown(self._folder, account["user"], account["group"])
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
        program = _program("initdb")
        if _version(program) >= 15:
            options += ["--locale-provider=icu", "--icu-locale=en-US"]
        done = subprocess.run(
            [program, "-D", self._data, *options],
            cwd=self._folder,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            **account,
        )
        if done.returncode:
            raise RuntimeError(f"initdb said:\n{done.stdout}{done.stderr}")

    def start(self) -> None:
        """Starts the server, after a crash too; returns when it answers.

        Raises:
            RuntimeError: it ended or did not answer in time; with the end of its log.
        """
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
            "max_connections": "200",
            "timezone": "America/St_Johns",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [_program("postgres"), "-D", self._data, *options],
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_account(),
            )
        end = time.monotonic() + SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"postgres said:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.01)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Ends the server: `fast` rolls back what is open, `immediate` leaves it to recovery."""
        if self._server:
            self._server.send_signal(SIGNALS[mode])
            self._server.wait(SECONDS)
            self._server = None

    def kill(self) -> None:
        """Ends the server and every process of it by SIGKILL, as a machine's crash does."""
        if self._server is None:
            return
        family: list[psutil.Process] = []
        if self._server.poll() is None:
            family = psutil.Process(self._server.pid).children(recursive=True)
        self._server.kill()
        for process in family:
            process.kill()
        self._server.wait(SECONDS)
        while any(map(_is_alive, family)):
            time.sleep(0.005)
        self._server = None

    def url(self, database: str = "postgres") -> str:
        """How a client connects to one database."""
        return f"postgresql:///{database}?host={self._folder}&port=5432&user=postgres"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh, empty database; it is dropped with whoever is still connected."""
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self.url(name)
        finally:
            if self._server:
                self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"


@contextmanager
def cluster(*, fsync: bool = False) -> Iterator[Cluster]:
    """A server that runs, in a folder that is removed with it."""
    short = "/tmp" if Path("/tmp").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="aiwe-pg-", dir=short) as folder:
        made = Cluster(Path(folder), fsync=fsync)
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop("immediate")


def is_installed() -> bool:
    """Whether a server can be made here."""
    return _home() is not None


def require(environment: Mapping[str, str] = os.environ) -> None:
    """Skips the test where PostgreSQL is missing; in continuous integration it fails instead."""
    if not is_installed():
        if environment.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


def _is_alive(process: psutil.Process) -> bool:
    """Whether it still holds what it held: a zombie that nobody reaps does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _home() -> Path | None:
    """The folder of the programs: that of PATH, or Debian's newest."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    homes = [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    return max(homes, key=lambda home: float(home.parent.name), default=None)


def _program(name: str) -> Path:
    home = _home()
    assert home, MISSING
    return home / name


def _version(program: Path) -> int:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\d+", done.stdout)
    assert found, done.stdout
    return int(found[0])


def _account() -> _Account:
    """PostgreSQL refuses to be root: there it runs as the package's user, or as nobody."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """PATH alone: nothing of the person's own PostgreSQL is inherited."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
