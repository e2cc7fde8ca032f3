"""Jupyter's people as users of apps below its own address, and who must not be taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.jupyter import Jupyter, logged_in, running_jupyter

pytestmark = pytest.mark.timeout(180)  # a Jupyter server starts in some of them

PROGRAM = """
DataRepository.define("notes", { owner: true });
app.all("/me", (req) => ({ user: req.user, same: JSON.stringify(req.user) === JSON.stringify(Auth.user()) }));
app.get("/views", Auth.require("viewer"), () => "views");
app.get("/admin", () => "admin").require("admin");
app.post("/notes", (req) => DataRepository.create("notes", { text: "mine" }));
app.get("/notes", () => DataRepository.count("notes"));
app.post("/key/:name", async (req) => {
  const password = "correct horse battery";
  await Auth.register(req.params.name, password);
  await Auth.login(req.params.name, password);
  return Auth.createApiKey("program");
});
app.get("/people", async () => (await Auth.users()).map((one) => one.username));
app.post("/out", () => Auth.logout());
app.post("/token", () => Auth.issueToken());
app.post("/password", () => Auth.changePassword("correct horse battery", "battery horse correct"));
"""
PLACE = "/aiwe/apps/users"
ADA = {
    "id": "jupyter:ada",
    "username": "ada",
    "email": None,
    "roles": ["viewer"],
    "via": "jupyter",
    "claims": {"name": "Ada Lovelace"},
    "tenant": None,
}


def deploy(jupyter: Jupyter) -> None:
    events = jupyter.run(PROGRAM, path="users.ipynb", session="users")
    assert events[-1] == {"type": "done", "ok": True}, events


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter that knows ada by name, and leaves it to others what pages elsewhere may do."""
    options = (
        "--ServerApp.identity_provider_class=tests.server.named.Named",
        "--ServerApp.disable_check_xsrf=True",
        "--Aiwe.roles=ada=viewer",
    )
    with running_jupyter(tmp_path_factory.mktemp("hub"), *options) as jupyter:
        deploy(jupyter)
        yield jupyter


@pytest.fixture
def ada(hub: Jupyter) -> Iterator[httpx.Client]:
    with hub.client as client:
        yield client


def user(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["same"] is True
    return said["user"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_whom_jupyter_knows_is_a_user_with_the_role_that_it_gives(ada: httpx.Client) -> None:
    answer = ada.get(f"{PLACE}/me")
    assert user(answer) == ADA
    assert "private" in answer.headers["cache-control"]
    assert ada.get(f"{PLACE}/views").text == "views"
    assert refused(ada.get(f"{PLACE}/admin")) == (403, "role_needed")


def test_their_documents_are_theirs(ada: httpx.Client) -> None:
    assert ada.post(f"{PLACE}/notes").status_code == 200
    assert ada.get(f"{PLACE}/notes").json() == 1
    key = ada.post(f"{PLACE}/key/bob").json()["key"]
    assert ada.get(f"{PLACE}/notes", headers={"X-API-Key": key}).json() == 0


def test_a_stranger_and_a_wrong_token_do_not_get_in(hub: Jupyter) -> None:
    with hub.stranger as stranger:
        assert stranger.get(f"{PLACE}/me").status_code == 302
        wrong = {"Authorization": "token wrong"}
        assert stranger.get(f"{PLACE}/me", headers=wrong).status_code == 302
        assert stranger.post(f"{PLACE}/me").status_code == 403


FORGED = {
    "aiwe.user": "jupyter:eve",
    "aiwe-user": '{"id": "jupyter:eve", "username": "eve", "roles": ["admin"]}',
    "x-forwarded-user": "eve",
    "remote-user": "eve",
    "x-user": "eve",
    "x-roles": "admin",
    "aiwe.principal": "admin",
}


def test_no_header_makes_anybody_somebody_else(hub: Jupyter, ada: httpx.Client) -> None:
    assert user(ada.get(f"{PLACE}/me?user=eve&username=eve", headers=FORGED)) == ADA
    # At the app's own address Jupyter's credentials say nothing.
    own = hub.connection()["apps_url"]
    with logged_in(hub) as browser:
        jupyters = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    for headers in (
        {**FORGED},
        {"Authorization": f"token {hub.token}"},
        {"Authorization": f"Bearer {hub.token}"},
        {"Cookie": jupyters},
    ):
        sent = {"Host": "users.localhost", **headers}
        assert user(httpx.get(f"{own}me?token={hub.token}", headers=sent, trust_env=False)) is None


#: With the cookie of Jupyter's login: who sends it.
CROSSINGS = [
    ("POST", {}, True),
    ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "{own}"}, True),
    ("POST", {"Origin": "{own}"}, True),
    ("POST", {"Sec-Fetch-Site": "cross-site"}, False),
    ("POST", {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"}, False),
    ("POST", {"Origin": "http://127.0.0.1:1"}, False),
    ("POST", {"Origin": "http://users.localhost"}, False),
    ("POST", {"Origin": "null"}, False),
    ("PUT", {"Origin": "https://evil.example"}, False),
    ("DELETE", {"Origin": "https://evil.example"}, False),
    ("PATCH", {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"}, False),
    # No page elsewhere knows the token.
    ("POST", {"Origin": "https://evil.example", "Authorization": "token {token}"}, True),
    # A link leads there.
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
]


@pytest.mark.parametrize(("method", "headers", "acts"), CROSSINGS)
@pytest.mark.parametrize("body", [None, {"a": 1}], ids=["bare", "body"])
def test_a_page_of_another_origin_does_not_act_as_whoever_is_logged_in(
    hub: Jupyter, method: str, headers: dict[str, str], body: Any, acts: bool
) -> None:
    with logged_in(hub) as browser:
        sent = {name: value.format(own=hub.url, token=hub.token) for name, value in headers.items()}
        answer = browser.request(method, f"{PLACE}/me", headers=sent, json=body)
    assert user(answer) == (ADA if acts else None)


def test_a_key_of_the_app_goes_before_jupyters_login(ada: httpx.Client) -> None:
    key = ada.post(f"{PLACE}/key/ada").json()["key"]
    holder = user(ada.get(f"{PLACE}/me", headers={"X-API-Key": key}))
    assert (holder["username"], holder["via"], holder["roles"]) == ("ada", "api_key", [])
    assert holder["id"] != ADA["id"]
    # One that is void makes nobody of its sender, as everywhere.
    void = {"X-API-Key": f"{key[:-4]}AAAA"}
    assert user(ada.get(f"{PLACE}/me", headers=void)) is None
    # Her account is that of the app, and another than Jupyter's, of whom nothing is kept.
    ada.delete(f"{PLACE}/me")
    assert ada.get(f"{PLACE}/people").json().count("ada") == 1


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("out", (400, "cannot_log_out")),
        ("token", (401, "not_authenticated")),
        ("password", (401, "invalid_credentials")),
    ],
)
def test_who_has_no_account_is_told_so(
    ada: httpx.Client, path: str, error: tuple[int, str]
) -> None:
    answer = ada.post(f"{PLACE}/{path}")
    assert refused(answer) == error
    if path == "out":
        said = answer.json()["error"]
        assert said["message"].startswith("Who comes by Jupyter's login is not signed in, and")
        assert said["hint"] == "Log out of Jupyter."


def test_a_jupyter_without_names_tells_browsers_apart(jupyter: Jupyter) -> None:
    deploy(jupyter)
    with logged_in(jupyter) as one, logged_in(jupyter) as other:
        first, again, second = (user(who.get(f"{PLACE}/me")) for who in (one, one, other))
    assert first == again
    assert first["id"] != second["id"]
    assert first["id"] == f"jupyter:{first['username']}"
    assert (first["via"], first["roles"]) == ("jupyter", ["admin"])


def test_where_jupyter_asks_nobody_everybody_is_a_guest(tmp_path: Path) -> None:
    jupyter = Jupyter(tmp_path, token="")
    jupyter.start()
    try:
        deploy(jupyter)
        with jupyter.stranger as stranger:
            assert user(stranger.get(f"{PLACE}/me")) is None
    finally:
        jupyter.stop()


def test_on_a_public_mount_jupyters_login_says_nothing(tmp_path: Path) -> None:
    with running_jupyter(tmp_path, "--Aiwe.mount=public") as jupyter:
        deploy(jupyter)
        with jupyter.stranger as stranger, logged_in(jupyter) as browser, jupyter.client as client:
            for who in (stranger, browser, client):
                assert user(who.get(f"{PLACE}/me")) is None
            assert user(browser.post(f"{PLACE}/me", headers={"Origin": "null"})) is None
