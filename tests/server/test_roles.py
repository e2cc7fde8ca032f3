"""Who Jupyter says somebody is, and what they may do; and that pages of other origins can do nothing."""

from __future__ import annotations

import httpx
import pytest
from traitlets import TraitError

from aiwe_server_extension import Aiwe
from aiwe_server_extension.roles import EVERYBODY, role_of
from tests.server.jupyter import Jupyter, logged_in, running_jupyter

pytestmark = pytest.mark.timeout(180)  # a Jupyter server starts in some of them


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (EVERYBODY, "admin"),
        ({"ada": "viewer", "*": "developer"}, "viewer"),
        ({"bob": "viewer", "*": "developer"}, "developer"),
        ({"bob": "viewer"}, None),
        ({}, None),
    ],
)
def test_a_person_has_the_role_of_their_name_or_that_of_everybody(
    roles: dict[str, str], expected: str | None
) -> None:
    assert role_of(roles, "ada") == expected


def test_a_role_that_is_none_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(TraitError, match="must be any of"):
        Aiwe(roles={"ada": "king"})


def test_whoever_has_jupyters_token_may_do_everything_by_default(jupyter: Jupyter) -> None:
    with jupyter.client as client:
        assert client.get("/aiwe/api/tokens").status_code == 200
        assert client.get("/aiwe/api/audit").status_code == 200


def test_people_of_jupyters_have_the_role_that_the_configuration_gives_them(
    jupyter: Jupyter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("roles")
    with running_jupyter(home, "--Aiwe.roles=*=viewer") as server, server.client as viewer:
        assert viewer.get("/aiwe/api/apps").status_code == 200
        asked = [
            ("POST", "/aiwe/api/cells/run"),
            ("PUT", "/aiwe/api/assets/shop/a.txt"),
            ("GET", "/aiwe/api/data/shop"),
            ("POST", "/aiwe/api/transfer/import?app=shop&env=dev&collection=c"),
            ("POST", "/aiwe/api/tokens"),
        ]
        for method, path in asked:
            answer = viewer.request(method, path, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_permitted")


#: With a cookie of somebody who is logged in: what else a request brings, and what comes of it.
CROSSINGS = [
    ("POST", {}, 403),
    ("POST", {"X-XSRFToken": "{xsrf}"}, 400),
    ("POST", {"X-XSRFToken": "2|x|x|1"}, 403),
    ("POST", {"X-XSRFToken": "{xsrf}", "Origin": "http://shop.localhost:8890"}, 404),
    ("POST", {"X-XSRFToken": "{xsrf}", "Origin": "null"}, 404),
    ("PUT", {}, 403),
    ("DELETE", {}, 403),
    ("GET", {}, 200),
    ("GET", {"Origin": "http://shop.localhost:8890"}, 404),
    ("GET", {"Origin": "null"}, 404),
    ("POST", {"Authorization": "token {token}"}, 400),
    ("POST", {"Authorization": "token wrong"}, 403),
]
PLACES = {
    "tokens": {
        "POST": "/aiwe/api/tokens",
        "PUT": "/aiwe/api/assets/shop/a.txt",
        "DELETE": "/aiwe/api/tokens/x",
        "GET": "/aiwe/api/tokens",
    },
    "secrets": {
        "POST": "/editor/api/secrets",
        "PUT": "/editor/api/secrets/x",
        "DELETE": "/editor/api/secrets/x",
        "GET": "/editor/api/secrets",
    },
}


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize(("method", "headers", "status"), CROSSINGS)
def test_a_cookie_alone_changes_nothing(
    jupyter: Jupyter, method: str, headers: dict[str, str], status: int, what: str
) -> None:
    with logged_in(jupyter) as browser:
        known = {"xsrf": browser.cookies["_xsrf"], "token": jupyter.token}
        sent = {name: value.format(**known) for name, value in headers.items()}
        answer = browser.request(
            method, PLACES[what][method], headers=sent, **({} if method == "GET" else {"json": {}})
        )
    assert answer.status_code == status


def test_secrets_are_kept_for_the_lab_and_never_given_back(jupyter: Jupyter) -> None:
    value = "sk-proj-abc123-that-nobody-reads"
    place = "/editor/api/secrets"
    with jupyter.client as client:
        made = client.post(
            place, json={"id": "openai_api_key", "value": value, "description": "for features"}
        )
        assert made.json()["message"] == "Secret 'openai_api_key' stored securely"
        assert (made.json()["success"], made.json()["usable"]) == (True, False)
        [one] = client.get(place).json()["secrets"]
        shown = client.get(f"{place}/openai_api_key")
        gone = client.delete(f"{place}/openai_api_key")
    assert one["id"] == "openai_api_key"
    assert {"description": "for features", "exists": True}.items() <= shown.json().items()
    assert value not in made.text + shown.text + gone.text
    assert gone.is_success


def test_a_token_is_of_no_use_to_a_page_that_learnt_it(jupyter: Jupyter) -> None:
    url = jupyter.connection()["management_url"]
    with jupyter.client as client:
        made = client.post("/aiwe/api/tokens", json={"role": "viewer"}).json()["token"]
    bearer = {"Authorization": f"Bearer {made}"}
    assert httpx.get(f"{url}/apps", headers=bearer, trust_env=False).status_code == 200
    crossing = {**bearer, "Origin": "http://shop.localhost:8890"}
    assert httpx.get(f"{url}/apps", headers=crossing, trust_env=False).status_code == 403
