"""The tutorial on an API for programs serves what it says."""

from __future__ import annotations

from collections.abc import Iterator

import jwt
import pytest

from tests.notebooks.tutorial import Answer, Tutorial, running

ADA = {"username": "ada", "password": "seven green otters rest"}
EVE = {"username": "eve", "password": "nine blue herons wade"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    with running("10_jwt_api.ipynb", tmp_path_factory.mktemp("notebook")) as tutorial:
        assert tutorial.request("POST", "/register", EVE).status == 201
        yield tutorial


def bearer(api: Tutorial, who: dict[str, str]) -> dict[str, str]:
    answer = api.request("POST", "/token", who)
    assert answer.status == 200, answer.text
    return {"Authorization": f"Bearer {answer.json['token']}"}


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def test_a_token_opens_what_its_owner_may(api: Tutorial) -> None:
    ada, eve = bearer(api, ADA), bearer(api, EVE)
    assert api.get("/me", ada).json == {"username": "ada", "roles": ["editor"], "via": "jwt"}
    made = api.request("POST", "/reports", {"title": "Weather"}, ada)
    assert made.status == 201
    assert [one["title"] for one in api.get("/reports", ada).json] == ["Weather"]
    assert api.get("/reports", eve).json == []
    assert code(api.request("POST", "/reports", {"title": "x"}, eve)) == (403, "role_needed")
    assert code(api.get("/reports")) == (401, "not_authenticated")


def test_a_wrong_password_gives_no_token(api: Tutorial) -> None:
    for wrong in ({**EVE, "password": "x"}, {**EVE, "username": "nobody"}):
        assert code(api.request("POST", "/token", wrong)) == (401, "invalid_credentials")


def test_a_token_that_was_changed_is_told_so(api: Tutorial) -> None:
    token = bearer(api, ADA)["Authorization"]
    answer = api.get("/me", {"Authorization": token[:-4] + "AAAA"})
    assert answer.status == 401
    said = answer.headers["www-authenticate"]
    assert said == (
        'Bearer error="invalid_token", error_description="The token\'s signature is not right."'
    )


def test_a_key_reads_and_does_not_write_until_it_is_revoked(api: Tutorial) -> None:
    ada = bearer(api, ADA)
    made = api.request("POST", "/keys", {**ADA, "name": "backup"}).json
    assert (
        code(api.request("POST", "/keys", {**ADA, "password": "x", "name": "k"}))[1]
        == "invalid_credentials"
    )
    key = {"X-API-Key": made["key"]}
    assert api.get("/me", key).json == {"username": "ada", "roles": [], "via": "api_key"}
    assert code(api.request("POST", "/reports", {"title": "x"}, key)) == (403, "role_needed")
    assert [one["name"] for one in api.get("/keys", ada).json] == ["backup"]
    eve = bearer(api, EVE)
    assert api.send("DELETE", f"/keys/{made['id']}", None, eve).status == 404
    assert api.get("/me", key).status == 200
    assert api.send("DELETE", f"/keys/{made['id']}", None, ada).status == 204
    assert api.get("/me", key).status == 401


def test_logging_out_ends_one_token(api: Tutorial) -> None:
    one, two = bearer(api, ADA), bearer(api, ADA)
    assert api.request("POST", "/logout", {}, one).status == 204
    assert [api.get("/me", token).status for token in (one, two)] == [401, 200]


def test_another_service_checks_its_token_by_the_key_set(api: Tutorial) -> None:
    token = api.request("POST", "/mail-token", {}, bearer(api, ADA)).json["token"]
    keys = jwt.PyJWKSet.from_json(api.get("/.well-known/jwks.json").text)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    audience = "https://mail.example.org"
    claims = jwt.decode(token, key, algorithms=["ES256"], audience=audience)
    assert claims["plan"] == "pro"
    assert api.get("/me", {"Authorization": f"Bearer {token}"}).status == 401
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, algorithms=["ES256"], audience="https://else.example.org")


def test_what_is_guarded_says_so_to_programs(api: Tutorial) -> None:
    paths = api.get("/openapi.json").json["paths"]
    assert paths["/reports"]["post"]["security"] == [
        {"session": []},
        {"bearer": []},
        {"apiKey": []},
    ]
    assert "security" not in paths["/token"]["post"]
