"""aiwe through the whole stack: HTTP, a handler in its isolate, the store and back."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks import load
from benchmarks.data import orders
from benchmarks.data.contestant import CONNECTIONS, Totals, rounded

LANES = 4  # connections that load
LUA = Path(__file__).parent


class Aiwe:
    """The app `orders.js`, and clients of it: wrk for rates, one connection for single questions."""

    def __init__(self, url: str, name: str = "aiwe") -> None:
        self.name = name
        self._url = url
        self._one = self._connect()
        self.failed = 0

    def load(self, table: str, batches: list[list[orders.Order]]) -> None:
        """By `createMany`, a batch at a time on each of some connections."""
        self._rest()
        failures: list[BaseException] = []

        def work(mine: list[list[orders.Order]]) -> None:
            connection = self._connect()
            try:
                for batch in mine:
                    body = f"[{','.join(text for _, text in batch)}]"
                    _ask(connection, "POST", f"/load/{table}", body)
            except Exception as failure:  # noqa: BLE001  raised again below
                failures.append(failure)
            finally:
                connection.close()

        lanes = [
            threading.Thread(target=work, args=(batches[lane::LANES],)) for lane in range(LANES)
        ]
        for thread in lanes:
            thread.start()
        for thread in lanes:
            thread.join()
        if failures:
            raise failures[0]

    def creates(self, seconds: float) -> float:
        """At 64 connections."""
        return self._rate("/notes", seconds, "create.lua", orders.NEW)

    def reads(self, table: str, count: int, seconds: float) -> float:
        """At 64 connections."""
        return self._rate(f"/orders/{table}/", seconds, "read.lua", str(count))

    def page(self, table: str, page: orders.Page) -> list[str]:
        """By `query`."""
        asked = urlencode({"status": page.status, "least": page.least, "below": page.below})
        found = _ask(self._one, "GET", f"/orders/{table}?{asked}")
        return [order["id"] for order in found]

    def totals(self, table: str) -> Totals:
        """By `sql`."""
        found = _ask(self._one, "GET", f"/totals/{table}")
        return rounded([(row["status"], row["average"], row["number"]) for row in found])

    def close(self) -> None:
        """Ends the connection."""
        self._one.close()

    def _rest(self) -> None:
        """Before something long: a server closes what idles, and a closed one is opened anew."""
        self._one.close()

    def _rate(self, path: str, seconds: float, script: str, argument: str) -> float:
        self._rest()
        seen = load.measure(
            self._url + path,
            seconds=int(seconds),
            connections=CONNECTIONS,
            script=LUA / script,
            argument=argument,
        )
        self.failed += seen.failed
        return seen.rate

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", urlsplit(self._url).port, timeout=60)


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None
) -> Any:
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body.encode() if body else None, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {content}")
    return content
