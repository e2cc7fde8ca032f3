"""`/editor/api/secrets` as UC-504 has it; a value never comes back, whatever goes wrong."""

import time

import aiohttp
import orjson
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.settings import Settings
from aiwe_engine.vault.audit import Use

VALUE = "sk-proj-abc123-4eC39HqLyjWDarjtT1zdp7dc"
TOKEN = "t0ken"
PLAIN = {"id": "openai_api_key", "value": VALUE, "description": "OpenAI API key for AI features"}


@pytest.fixture
async def ask(tmp_path):
    async with Engine(Settings(), root=tmp_path, data=tmp_path / ".aiwe") as engine:
        face = ManagementFace(engine, Settings(), TOKEN)
        listener = Listener(face, bind("127.0.0.1", 0), Settings())
        _, port = await listener.start()
        async with aiohttp.ClientSession(headers={"authorization": f"Bearer {TOKEN}"}) as http:

            async def asked(method, path="", body=None, raw=None):
                url = f"http://127.0.0.1:{port}/editor/api/secrets{path}"
                data = raw if raw is not None else None if body is None else orjson.dumps(body)
                kind = {"content-type": "application/json"} if data is not None else {}
                async with http.request(method, url, data=data, headers=kind) as answer:
                    text = await answer.text()
                    assert VALUE not in text + str(answer.headers)
                    assert answer.headers["cache-control"] == "no-store"
                    return answer.status, orjson.loads(text)

            asked.vault = engine.vault
            yield asked
        await listener.close(0)


async def test_the_shapes_of_the_use_case(ask):
    assert await ask("GET") == (200, {"secrets": []})
    status, said = await ask("POST", body=PLAIN)
    assert status == 201
    assert said["success"] is True
    assert said["message"] == "Secret 'openai_api_key' stored securely"
    assert said["usable"] is False
    assert "PUT /editor/api/secrets/openai_api_key" in said["hint"]
    status, one = await ask("GET", "/openai_api_key")
    assert status == 200
    assert (one["id"], one["description"]) == ("openai_api_key", PLAIN["description"])
    assert one["exists"] is True
    assert "value" not in one
    _, listed = await ask("GET")
    [entry] = listed["secrets"]
    assert (entry["id"], entry["createdAt"], entry["createdBy"]) == (
        one["id"],
        one["createdAt"],
        "owner",
    )
    status, said = await ask("PUT", "/openai_api_key", {"hosts": ["api.openai.com"]})
    assert (status, said["usable"], said["hosts"]) == (200, True, ["api.openai.com"])
    assert "hint" not in said
    status, usage = await ask("GET", "/openai_api_key/usage")
    assert (status, usage["count"], usage["uses"]) == (200, 0, [])
    status, said = await ask("DELETE", "/openai_api_key")
    assert (status, said["success"]) == (200, True)
    assert (await ask("GET", "/openai_api_key"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", PLAIN, 409, "already_exists"),
        ("POST", "", {"id": "x"}, 400, "invalid_input"),
        ("POST", "", {"id": "x", "value": 7}, 400, "invalid_input"),
        ("POST", "", {"id": "x y", "value": VALUE}, 400, "invalid_secret_id"),
        ("POST", "", {"id": "x", "value": "short"}, 400, "secret_too_short"),
        ("POST", "", {"id": "x", "value": VALUE, VALUE: 1}, 400, "invalid_input"),
        ("POST", "", {"id": "x", "value": VALUE, "hosts": "a.example"}, 400, "invalid_input"),
        ("POST", "", {"id": "x", "value": VALUE, "hosts": ["http://a"]}, 400, "invalid_hosts"),
        ("POST", "", {"id": "x", "value": VALUE, "in": ["cookie"]}, 400, "invalid_places"),
        ("POST", "", {"id": "x", "value": VALUE, "env": "live"}, 400, "invalid_input"),
        ("POST", "", {"id": "x", "value": VALUE, "app": "~vault"}, 400, "invalid_app"),
        ("POST", "?app=shop", {"id": "x", "value": VALUE, "app": "blog"}, 400, "invalid_input"),
        ("PUT", "/openai_api_key", {}, 400, "invalid_input"),
        ("PUT", "/openai_api_key", {"id": "other", "value": VALUE}, 400, "invalid_input"),
        ("PUT", "/other", {"hosts": ["a.example"]}, 404, "secret_not_found"),
        ("GET", "/other", None, 404, "secret_not_found"),
        ("DELETE", "/other", None, 404, "secret_not_found"),
    ],
)
async def test_what_is_refused_repeats_no_value_and_changes_nothing(
    ask, method, path, body, status, code
):
    await ask("POST", body=PLAIN)
    before = await ask("GET")
    got, said = await ask(method, path, body)
    assert (got, said["error"]["code"]) == (status, code)
    assert said["error"]["hint"]
    assert await ask("GET") == before


@pytest.mark.parametrize(
    "raw", [b'{"id": "x", "value": "%s"' % VALUE.encode(), b'"%s"' % VALUE.encode(), VALUE.encode()]
)
async def test_a_body_that_cannot_be_read_is_not_repeated(ask, raw):
    status, _ = await ask("POST", raw=raw)
    assert status == 400


async def test_an_app_is_told_of_its_own_uses_alone(ask):
    """A token that is bound to an app has that app in every query."""
    await ask("POST", body=PLAIN)
    said = ("production", "v1", "request-of-blog", "api.openai.com:443", "header", "sent")
    ask.vault.used(Use(time.time(), PLAIN["id"], "blog", *said))
    for app, uses in (("blog", 1), ("shop", 0)):
        _, usage = await ask("GET", f"/openai_api_key/usage?app={app}")
        assert (usage["count"], len(usage["uses"]), sum(usage["outcomes"].values())) == (uses,) * 3
        assert bool(usage["lastUsed"]) is bool(uses)
        [listed] = (await ask("GET", f"?app={app}"))[1]["secrets"]
        assert bool(listed["lastUsed"]) is bool(uses)
    assert (await ask("GET", "/openai_api_key/usage"))[1]["count"] == 1


async def test_app_and_environment_tell_secrets_apart(ask):
    await ask("POST", body=PLAIN)
    assert (await ask("POST", "?app=shop&env=dev", PLAIN))[0] == 201
    assert [(one["app"], one["env"]) for one in (await ask("GET"))[1]["secrets"]] == [
        (None, None),
        ("shop", "dev"),
    ]
    assert len((await ask("GET", "?app=blog"))[1]["secrets"]) == 1
    await ask("DELETE", "/openai_api_key")
    assert (await ask("GET", "/openai_api_key"))[0] == 404
    assert (await ask("GET", "/openai_api_key?app=shop&env=dev"))[1]["app"] == "shop"
