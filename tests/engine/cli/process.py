"""`aiwe` as a process of its own, and requests to what it serves."""

import contextlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from aiwe_engine.cli.main import main

READY = re.compile(r"aiwe ready on (http://127\.0\.0\.1:(\d+)/) \((\d+) apps?\)(?:: .+)?\n")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def start(*arguments, cwd):
    command = [sys.executable, "-m", "aiwe_engine", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=cwd, env=ENVIRONMENT)


def aiwe(*arguments, cwd):
    """Runs a command to its end: exit status, standard output, standard error."""
    if arguments[0] == "serve" and "--port" not in arguments:
        arguments = (*arguments, "--port", 0)
    with start(*arguments, cwd=cwd) as process:
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    return process.returncode, out, err


def here(*arguments, cwd, given=b""):
    """Runs a command in this process: exit status, standard output, standard error."""
    files = [io.TextIOWrapper(io.BytesIO(content), "utf-8") for content in (given, b"", b"")]
    before = Path.cwd(), sys.stdin
    os.chdir(cwd)
    sys.stdin = files[0]
    try:
        with contextlib.redirect_stdout(files[1]), contextlib.redirect_stderr(files[2]):
            status = main([str(one) for one in arguments])
    except SystemExit as end:  # argparse has said what is wrong
        status = end.code
    finally:
        os.chdir(before[0])
        sys.stdin = before[1]
    out, err = (file.buffer.getvalue().decode() for file in files[1:] if file.flush() is None)
    return status, out, err


@dataclass
class Server:
    process: subprocess.Popen
    port: int
    count: int

    def ask(self, path, method="GET", *, host=None, body=None, headers=None, port=None):
        """One request: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        with contextlib.closing(connection):
            named = {"Host": host} if host else {}
            connection.request(method, path, body, {**named, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def end(self, number=signal.SIGTERM):
        """Tells it to end: exit status, the rest of standard output, standard error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextlib.contextmanager
def serving(*arguments, cwd):
    """`aiwe serve` on a free port, from its ready line on."""
    with start("serve", "--port", 0, *arguments, cwd=cwd) as process:
        try:
            line = process.stdout.readline()
            ready = READY.fullmatch(line)
            assert ready, line + process.stderr.read()
            yield Server(process, int(ready[2]), int(ready[3]))
        finally:
            process.kill()


def notebook(*cells, name=None):
    """A notebook of JavaScript cells, as JSON text."""
    listed = [
        {
            "cell_type": "code",
            "id": f"cell{number}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": text,
        }
        for number, text in enumerate(cells, 1)
    ]
    metadata = {
        "kernelspec": {"name": "aiwe", "display_name": "aiwe", "language": "javascript"},
        "language_info": {"name": "javascript"},
    }
    if name:
        metadata["aiwe"] = {"name": name}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": listed})
