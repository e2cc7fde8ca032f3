"""A browser of one app: it keeps cookies, and speaks JSON."""

from __future__ import annotations

from typing import Any

import orjson

from aiwe_engine.types import Response
from tests.engine.runtime.bench import Bench


class Browser:
    """Keeps the cookies of one app.

    Args:
        bench: whose engine it asks.
        address: whence its requests come.
    """

    def __init__(self, bench: Bench, *, address: str = "192.0.2.1", scheme: str = "http") -> None:
        self.bench, self.address, self.scheme = bench, address, scheme
        self.cookies: dict[str, str] = {}
        self.headers: list[tuple[str, str]] = []

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        headers = [*self.headers]
        if self.cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers.append(("cookie", pairs))
        if body is not None:
            headers.append(("content-type", "application/json"))
            more["body"] = orjson.dumps(body)
        answer = await self.bench.get(
            path, method=method, headers=headers, client=self.address, scheme=self.scheme, **more
        )
        for name, value in answer.headers:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
                if "Max-Age=0" in value:
                    del self.cookies[key]
        return answer

    async def get(self, path: str) -> Any:
        """The body of an answer, or the code of its error."""
        return _read(await self.ask("GET", path))

    async def post(self, path: str, body: Any = None) -> Any:
        """The body of an answer, or the code of its error."""
        return _read(await self.ask("POST", path, body if body is not None else {}))


def _read(answer: Response) -> Any:
    value = orjson.loads(answer.body) if answer.body else None
    if isinstance(value, dict) and "error" in value:
        return value["error"]["code"]
    return value


PROGRAM = """
app.post("/register", (req) => Auth.register(req.body.username, req.body.password, req.body));
app.post("/login", (req) => Auth.login(req.body.username, req.body.password));
app.post("/logout", () => Auth.logout());
app.post("/password", (req) => Auth.changePassword(req.body.current, req.body.next));
app.post("/roles", (req) => Auth.setRoles(req.body.id, req.body.roles));
app.get("/me", (req) => ({ user: Auth.user(), same: JSON.stringify(req.user) === JSON.stringify(Auth.user()) }));
app.get("/private", Auth.require(), (req) => req.user.username);
app.get("/admin", () => "admin").require("admin");
app.get("/either", Auth.require("admin", "editor"), () => "either");
"""
ADA = {"username": "Ada", "password": "correct horse battery"}
