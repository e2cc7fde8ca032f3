"""Signing in by a provider of OpenID Connect: the whole way, and what must not get anybody in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from aiwe_engine.openid import Provider
from aiwe_engine.types import Response
from aiwe_engine.vault.vault import Change
from tests.engine.people.browser import Browser
from tests.engine.people.provider import CLIENT, SECRET, StandIn, rsa, shared
from tests.engine.runtime.bench import Bench, Open

PROGRAM = """
app.get("/me", (req) => req.user);
app.get("/cookies", (req) => req.cookies);
app.get("/private", Auth.require(), (req) => req.user.username);
app.post("/register", (req) => Auth.register(req.body.username, req.body.password, req.body));
app.post("/login", (req) => Auth.login(req.body.username, req.body.password));
app.post("/keep", (req) => { req.session.set("cart", req.body.cart); });
app.get("/cart", (req) => ({ cart: req.session.get("cart") ?? null }));
"""
HTML = [("accept", "text/html")]


@pytest.fixture
async def provider() -> AsyncIterator[StandIn]:
    async with StandIn().running() as running:
        yield running


def configured(provider: StandIn, name: str = "house", **more: Any) -> Provider:
    values = {"client_id": CLIENT, "secret": SECRET, "title": name.capitalize(), **more}
    return Provider(name, **{"issuer": provider.url, **values})


@pytest.fixture
async def shop(open_bench: Open, provider: StandIn) -> Bench:
    return await serving(open_bench, configured(provider))


async def serving(open_bench: Open, *providers: Provider, **changes: Any) -> Bench:
    bench: Bench = await open_bench(auth_providers=providers, **changes)
    await bench.serve(PROGRAM)
    return bench


@pytest.fixture
def ada(shop: Bench) -> Browser:
    return Browser(shop)


def headers_of(answer: Response) -> dict[str, str]:
    return dict(answer.headers)


async def visit(browser: Browser, path: str, method: str = "GET", **more: Any) -> Response:
    path, _, query = path.partition("?")
    return await browser.ask(method, path, query=query, **more)


async def begin(browser: Browser, path: str = "/auth/login/house") -> str:
    answer = await visit(browser, path)
    assert answer.status == 303, answer.body
    return headers_of(answer)["location"]


async def sign_in(browser: Browser, provider: StandIn, path: str = "/auth/login/house") -> Response:
    location = await begin(browser, path)
    return await visit(browser, provider.grant(location))


def refused(answer: Response) -> tuple[int, str]:
    assert "location" not in headers_of(answer)
    return answer.status, orjson.loads(answer.body)["error"]["code"]


# ── the way ──


async def test_somebody_signs_in_and_comes_back_to_where_they_were(ada, provider):
    location = await begin(ada, "/auth/login/house?return_to=/private%3Fa%3D1")
    asked = dict(parse_qsl(urlsplit(location).query))
    assert location.startswith(f"{provider.url}/authorize?")
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid profile email", "S256")
    assert asked["redirect_uri"] == "http://x/auth/callback/house"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    answer = await visit(ada, provider.grant(location))
    assert (answer.status, headers_of(answer)["location"]) == (303, "/private?a=1")
    assert headers_of(answer)["cache-control"] == "no-store"
    me = await ada.get("/me")
    assert (me["username"], me["email"], me["via"]) == ("ada", "ada@example.org", "oidc")
    assert (me["roles"], me["tenant"]) == ([], None)
    assert (await ada.ask("GET", "/private")).body == b"ada"
    assert list(ada.cookies) == ["aiwe_session"]  # the login's own is over


async def test_the_same_person_has_the_same_account_and_another_one_another(shop, provider):
    first, again, other = Browser(shop), Browser(shop), Browser(shop)
    await sign_in(first, provider)
    provider.person = {
        **provider.person,
        "preferred_username": "lovelace",
        "email": "new@example.org",
    }
    await sign_in(again, provider)
    assert (await again.get("/me"))["id"] == (await first.get("/me"))["id"]
    assert (await again.get("/me"))["username"] == "ada"
    # Another subject with the name and the e-mail address of the first is somebody else.
    provider.person = {"sub": "eve", "preferred_username": "ada", "email": "ada@example.org"}
    await sign_in(other, provider)
    them = await other.get("/me")
    assert them["username"] == "ada2"
    assert them["id"] != (await first.get("/me"))["id"]


async def test_one_who_signs_in_for_the_first_time_twice_at_once_gets_one_account(shop, provider):
    browsers = [Browser(shop), Browser(shop)]
    backs = [provider.grant(await begin(one)) for one in browsers]
    await asyncio.gather(*(visit(*pair) for pair in zip(browsers, backs, strict=True)))
    ids = {(await one.get("/me"))["id"] for one in browsers}
    assert len(ids) == 1


async def test_an_account_with_a_password_is_not_taken_over_by_its_e_mail_or_name(
    ada, provider, shop
):
    body = {"username": "ada", "password": "correct horse battery", "email": "ada@example.org"}
    mine = await ada.post("/register", body)
    stranger = Browser(shop)
    await sign_in(stranger, provider)
    theirs = await stranger.get("/me")
    assert (theirs["username"], theirs["via"]) == ("ada2", "oidc")
    assert theirs["id"] != mine["id"]


@pytest.mark.parametrize(
    ("person", "username"),
    [
        ({"preferred_username": "Ada L."}, "Ada-L"),
        ({"preferred_username": "ada@corp.example"}, "ada"),
        ({"email": "grace.hopper@example.org"}, "grace.hopper"),
        ({"name": "Grace Hopper"}, "Grace-Hopper"),
        ({"preferred_username": "<script>alert(1)</script>"}, "script-alert-1-script"),
        ({"preferred_username": "   "}, "user"),
        ({"preferred_username": 7, "email": ["a@b.example"]}, "user"),
        ({"preferred_username": "x" * 500}, "x" * 40),
        ({}, "user"),
    ],
)
async def test_a_free_username_is_made_of_what_the_provider_says(ada, provider, person, username):
    provider.person = {"sub": "one", **person}
    await sign_in(ada, provider)
    assert (await ada.get("/me"))["username"] == username


async def test_an_address_that_the_provider_has_not_verified_is_not_taken_over(ada, provider):
    provider.person["email_verified"] = False
    await sign_in(ada, provider)
    me = await ada.get("/me")
    assert (me["email"], me["claims"]["email_verified"]) == (None, False)


async def test_userinfo_is_asked_for_what_the_id_token_does_not_say(ada, provider):
    provider.userinfo = {"sub": "ada-1", "preferred_username": "countess", "name": "Ada"}
    await sign_in(ada, provider)
    me = await ada.get("/me")
    assert (me["username"], me["claims"]) == ("countess", {"name": "Ada"})


@pytest.mark.parametrize(
    ("claim", "said", "roles"),
    [
        ("groups", {"groups": ["staff", "unknown"]}, ["member", "editor", "writer"]),
        ("groups", {"groups": "admins"}, ["member", "admin"]),
        ("groups", {"groups": [["admins"], {"admins": 1}, None]}, ["member"]),
        ("groups", {}, ["member"]),
        ("realm_access.roles", {"realm_access": {"roles": ["admins"]}}, ["member", "admin"]),
        ("https://a.example/roles", {"https://a.example/roles": ["admins"]}, ["member", "admin"]),
        # What a claim is called that nobody has mapped gives nothing.
        ("groups", {"roles": ["admin"], "role": "admin"}, ["member"]),
    ],
)
async def test_roles_come_from_a_claim_by_the_mapping(open_bench, provider, claim, said, roles):
    mapping = (("staff", ("editor", "writer")), ("admins", ("admin",)))
    house = configured(provider, roles_claim=claim, roles=mapping, default_roles=("member",))
    ada = Browser(await serving(open_bench, house))
    provider.person |= said
    await sign_in(ada, provider)
    assert (await ada.get("/me"))["roles"] == roles


async def test_a_role_that_the_provider_takes_away_is_gone_at_the_next_sign_in(
    open_bench, provider
):
    house = configured(
        provider, roles_claim="groups", roles=(("admins", ("admin",)),), default_roles=("member",)
    )
    ada = Browser(await serving(open_bench, house))
    provider.person["groups"] = ["admins"]
    await sign_in(ada, provider)
    assert (await ada.get("/me"))["roles"] == ["member", "admin"]
    provider.person["groups"] = []
    await sign_in(ada, provider)
    assert (await ada.get("/me"))["roles"] == ["member"]


async def test_a_session_gets_a_new_id_and_keeps_what_a_visitor_had_in_it(ada, provider):
    await ada.post("/keep", {"cart": 3})
    before = ada.cookies["aiwe_session"]
    await sign_in(ada, provider)
    assert ada.cookies["aiwe_session"] != before
    assert await ada.get("/cart") == {"cart": 3}
    stale = Browser(ada.bench)
    stale.cookies["aiwe_session"] = before
    assert await stale.get("/me") is None


async def test_the_session_of_another_person_is_not_handed_on(ada, provider):
    await sign_in(ada, provider)
    await ada.post("/keep", {"cart": 3})
    provider.person = {"sub": "bob", "preferred_username": "bob"}
    await sign_in(ada, provider)
    assert ((await ada.get("/me"))["username"], await ada.get("/cart")) == ("bob", {"cart": None})


async def test_signing_out_ends_the_session_and_pages_of_others_cannot_do_it(ada, provider):
    await sign_in(ada, provider)
    kept = dict(ada.cookies)
    for crossing in ([("sec-fetch-site", "cross-site")], [("origin", "https://evil.example")]):
        ada.headers = crossing
        answer = await visit(ada, "/auth/logout", "POST")
        assert refused(answer) == (403, "csrf_refused")
    ada.headers = []
    assert (await visit(ada, "/auth/logout")).status == 405
    assert (await ada.get("/me"))["username"] == "ada"
    assert (await visit(ada, "/auth/logout", "POST")).status == 204
    assert ada.cookies == {}
    ada.cookies = kept
    assert await ada.get("/me") is None
    ada.headers = HTML
    answer = await visit(ada, "/auth/logout?return_to=/bye", "POST")
    assert (answer.status, headers_of(answer)["location"]) == (303, "/bye")


# ── where it leads ──


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        ("/a/b%3Fc%3Dd", "/a/b?c=d"),
        ("/", "/"),
        ("//evil.example", "/"),
        ("%2F%2Fevil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("%5C%5Cevil.example", "/"),
        ("https://evil.example/", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("/%0d%0aset-cookie:a=b", "/"),
        ("/a%0a", "/"),
        ("%09//evil.example", "/"),
        ("/%09/evil.example", "/"),
        ("%20//evil.example", "/"),
        ("/a%00b", "/"),
        ("/%C3%A4", "/"),
        ("/" + "a" * 3000, "/"),
        ("", "/"),
    ],
)
async def test_one_comes_back_to_a_path_of_this_origin_only(ada, provider, asked, leads):
    answer = await sign_in(ada, provider, f"/auth/login/house?return_to={asked}")
    assert headers_of(answer)["location"] == leads
    ada.headers = HTML
    answer = await visit(ada, f"/auth/logout?return_to={asked}", "POST")
    assert headers_of(answer)["location"] == leads


async def test_over_https_the_cookies_are_bound_to_the_host(shop, provider):
    ada = Browser(shop, scheme="https")
    location = await begin(ada)
    assert "redirect_uri=https%3A%2F%2Fx%2Fauth" in location
    assert list(ada.cookies) == ["__Host-aiwe_login"]
    await visit(ada, provider.grant(location))
    assert list(ada.cookies) == ["__Host-aiwe_session"]


# ── who must not get in ──


async def test_a_login_that_was_begun_in_one_browser_cannot_be_ended_in_another(shop, provider):
    attacker, victim = Browser(shop), Browser(shop)
    back = provider.grant(await begin(attacker))
    assert refused(await visit(victim, back)) == (400, "login_of_another")
    await begin(victim)  # who has a login of their own under way
    assert refused(await visit(victim, back)) == (400, "login_of_another")
    assert await victim.get("/me") is None
    assert (await visit(attacker, back)).status == 303  # and it was not used up


async def test_an_answer_is_good_once(ada, provider):
    back = provider.grant(await begin(ada))
    mine = dict(ada.cookies)
    assert (await visit(ada, back)).status == 303
    ada.cookies = mine
    assert refused(await visit(ada, back)) == (400, "login_expired")
    assert provider.asked.count("/token") == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("code=a&state=forged", "login_expired"),
        ("code=a", "invalid_callback"),
        ("", "invalid_callback"),
        ("code=a&state=", "login_expired"),
        ("code=a&state={state}&state=other", "invalid_callback"),
        ("code=a&code=b&state={state}", "invalid_callback"),
        ("state={state}", "invalid_callback"),
        ("code=&state={state}", "invalid_callback"),
        ("&".join(f"a{n}=1" for n in range(50)), "invalid_callback"),
        ("code=made-up&state={state}", "login_failed"),
        ("code=a&state={state}&iss=https://evil.example", "issuer_mismatch"),
        ("error=server_error&state={state}", "login_failed"),
        ("error=<script>&state={state}", "login_failed"),
    ],
)
async def test_a_forged_answer_signs_nobody_in(ada, provider, query, code):
    state = dict(parse_qsl(urlsplit(await begin(ada)).query))["state"]
    answer = await visit(ada, f"/auth/callback/house?{query.format(state=state)}")
    assert refused(answer) == (400, code)
    assert b"<script>" not in answer.body
    assert await ada.get("/me") is None


async def test_who_is_told_no_by_the_provider_is_told_so(ada):
    state = dict(parse_qsl(urlsplit(await begin(ada)).query))["state"]
    answer = await visit(ada, f"/auth/callback/house?error=access_denied&state={state}")
    assert refused(answer) == (403, "login_denied")
    error = orjson.loads(answer.body)["error"]
    assert error["message"] == 'The login by "house" was not allowed there.'
    assert error["hint"] == "Begin again at /auth/login."


async def test_an_answer_of_one_provider_is_none_of_another(open_bench, provider):
    bench = await serving(open_bench, configured(provider), configured(provider, "other"))
    ada = Browser(bench)
    back = provider.grant(await begin(ada))
    assert refused(await visit(ada, back.replace("/house?", "/other?"))) == (
        400,
        "login_of_another",
    )


async def test_a_provider_that_says_it_names_itself_must(ada, provider):
    provider.metadata["authorization_response_iss_parameter_supported"] = True
    back = provider.grant(await begin(ada), iss="")
    assert refused(await visit(ada, back)) == (400, "issuer_mismatch")


FORGED = {
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "audience": {"aud": "another app"},
    "no audience": {"aud": None},
    "many audiences": {"aud": [CLIENT, "another app"]},
    "authorized party": {"azp": "another app"},
    "authorized party of many": {"aud": [CLIENT, "b"], "azp": "b"},
    "issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": int(time.time()) - 120},
    "no expiry": {"exp": None},
    "issued tomorrow": {"iat": int(time.time()) + 86_400},
    "not yet": {"nbf": int(time.time()) + 86_400},
    "nobody": {"sub": None},
    "subject is a number": {"sub": 7},
    "empty subject": {"sub": ""},
    "long subject": {"sub": "x" * 300},
    "hash of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "expiry is text": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("claims", FORGED.values(), ids=FORGED)
async def test_an_id_token_that_is_not_right_signs_nobody_in(ada, provider, claims):
    provider.claims = claims
    answer = await sign_in(ada, provider)
    assert refused(answer) == (401, "id_token_invalid")
    assert await ada.get("/me") is None
    provider.claims = {}
    assert (await sign_in(ada, provider)).status == 303


async def test_clocks_may_differ_by_less_than_a_minute(ada, provider):
    now = int(time.time())
    provider.claims = {"exp": now - 30, "iat": now + 30}
    assert (await sign_in(ada, provider)).status == 303


def unsigned(token: str) -> str:
    _, claims, _ = token.split(".")
    return f"eyJhbGciOiJub25lIn0.{claims}."


@pytest.mark.parametrize(
    "how", ["none", "cut off", "client's secret", "public key", "another key", "no JWT"]
)
async def test_an_id_token_that_the_provider_did_not_sign_signs_nobody_in(ada, provider, how):
    signed = provider._signed
    published = [provider.key.as_dict(private=False)]
    provider.published = published
    if how == "none":
        provider._signed = lambda nonce: unsigned(signed(nonce))
    elif how == "cut off":
        provider._signed = lambda nonce: signed(nonce).rpartition(".")[0] + "."
    elif how == "no JWT":
        provider._signed = lambda nonce: f"a.b.{nonce}"
    elif how == "client's secret":
        provider.key, provider.algorithm = shared(SECRET), "HS256"
    elif how == "public key":
        pem = provider.key.as_pem(private=False).decode()
        provider.key, provider.algorithm = shared(pem.replace("-----", "")), "HS256"
    else:
        provider.key = ECKey.generate_key("P-256", {"kid": "one"})
    answer = await sign_in(ada, provider)
    assert refused(answer) == (401, "id_token_invalid")
    assert await ada.get("/me") is None


async def test_keys_that_the_provider_has_changed_are_fetched_anew(ada, provider):
    await sign_in(ada, provider)
    provider.key = ECKey.generate_key("P-256", {"kid": "two"})
    assert (await sign_in(ada, provider)).status == 303
    provider.key = ECKey.generate_key("P-256", {"kid": "two"})  # under the same name
    assert (await sign_in(ada, provider)).status == 303
    provider.key, provider.algorithm = rsa(), "RS256"
    assert (await sign_in(ada, provider)).status == 303
    assert provider.asked.count("/jwks") == 4


async def test_keys_of_kinds_that_are_not_known_do_no_harm(ada, provider):
    mine = provider.key.as_dict(private=False)
    provider.published = [
        {"kty": "future"},
        {"kty": "EC", "crv": "?"},
        {"kty": "oct", "k": "AA"},
        7,
        mine,
    ]  # type: ignore[list-item]
    assert (await sign_in(ada, provider)).status == 303


async def test_userinfo_of_somebody_else_signs_nobody_in(ada, provider):
    provider.userinfo = {"sub": "eve", "preferred_username": "eve"}
    assert refused(await sign_in(ada, provider)) == (401, "id_token_invalid")


async def test_a_disabled_account_does_not_come_in(ada, provider):
    await sign_in(ada, provider)
    scope = ada.bench.engine._live["app"].scope
    person = (await ada.get("/me"))["id"]
    await ada.bench.engine._people.directory.change(scope, person, {"$set": {"disabled": True}})
    assert refused(await sign_in(ada, provider)) == (403, "account_disabled")
    assert await ada.get("/me") is None


# ── a provider that is not well ──


GARBAGE = {
    "not JSON": web.Response(body=b"<html>"),
    "no object": web.Response(body=b"[1]"),
    "nothing": web.Response(body=b"{}"),
    "an error": web.Response(status=500, body=b"oops"),
    "too much": web.Response(body=b" " * (2 << 20)),
    "elsewhere": web.Response(status=302, headers={"location": "http://169.254.169.254/"}),
}


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
async def test_garbage_of_a_provider_is_told_as_such(ada, provider, path, what):
    if path == "/.well-known/openid-configuration":
        provider.answers[path] = GARBAGE[what]
        answer = await visit(ada, "/auth/login/house")
    else:
        provider.answers[path] = GARBAGE[what]
        answer = await sign_in(ada, provider)
    status, code = refused(answer)
    assert (status, code) in {
        (502, "provider_invalid"),
        (502, "provider_unreachable"),
        (401, "id_token_invalid"),
    }
    provider.answers.clear()
    assert (await sign_in(ada, provider)).status == 303  # nothing of it is remembered


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/"},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": ["https://a.example"]},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "http://10.0.0.1/"},
    ],
)
async def test_a_discovery_document_must_be_the_issuers_and_safe(ada, provider, metadata):
    provider.metadata = metadata
    answer = await visit(ada, "/auth/login/house")
    assert refused(answer) == (502, "provider_invalid")
    assert "auth.providers.house.issuer" in orjson.loads(answer.body)["error"]["hint"]


async def test_what_a_discovery_document_says_besides_changes_nothing(ada, provider):
    provider.metadata = {
        "scope": "everything",
        "client_id": "eve",
        "code_challenge_method": "plain",
        "jwks": {"keys": []},
        "nonce": "chosen",
        "state": "chosen",
    }
    assert (await sign_in(ada, provider)).status == 303


async def test_a_provider_may_not_lead_into_the_private_network(ada, provider):
    provider.metadata = {"token_endpoint": "https://10.0.0.1/token"}
    assert refused(await sign_in(ada, provider)) == (502, "provider_unreachable")


async def test_a_provider_that_is_down_is_told_with_a_hint(open_bench):
    gone = Provider("house", "http://127.0.0.1:9", CLIENT, title="House")
    ada = Browser(await serving(open_bench, gone))
    answer = await visit(ada, "/auth/login/house")
    assert refused(answer) == (502, "provider_unreachable")
    error = orjson.loads(answer.body)["error"]
    assert error["message"] == 'The provider "house" does not answer.'
    assert "auth.providers.house.issuer" in error["hint"]


@pytest.mark.binds("auth_provider_timeout")
async def test_a_provider_has_so_much_time_to_answer(open_bench, provider):
    bench = await serving(open_bench, configured(provider), auth_provider_timeout=0.3)
    provider.answers["/.well-known/openid-configuration"] = 5.0
    answer = await visit(Browser(bench), "/auth/login/house")
    assert refused(answer) == (502, "provider_unreachable")
    assert orjson.loads(answer.body)["error"]["details"] == {"reason": "fetch_timeout"}


async def test_a_secret_that_is_wrong_or_missing_is_told_to_who_runs_the_app(open_bench, provider):
    wrong = configured(provider, "wrong", secret="another one")
    missing = configured(provider, "missing", secret="", client_secret="not-stored")
    ada = Browser(await serving(open_bench, wrong, missing))
    answer = await sign_in(ada, provider, "/auth/login/wrong")
    assert refused(answer) == (400, "login_failed")
    assert orjson.loads(answer.body)["error"]["details"] == {"error": "invalid_client"}
    answer = await sign_in(ada, provider, "/auth/login/missing")
    assert refused(answer) == (503, "provider_secret_missing")
    lines = [line.text for _, line in ada.bench.engine.logs("app") if line.level == "warn"]
    assert any("invalid_client" in line for line in lines)
    assert not any("another one" in line or SECRET in line for line in lines)


async def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(ada, provider):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert (await sign_in(ada, provider)).status == 303


@pytest.mark.parametrize(
    ("ways", "places", "hosts", "status"),
    [
        ("client_secret_basic", [], "its", 303),
        ("client_secret_post", ["body"], "its", 303),
        ("client_secret_post", [], "its", 503),
        ("client_secret_post", ["url"], "its", 503),
        ("client_secret_basic", ["body"], "127.0.0.1:1", 503),
        ("client_secret_basic", [], None, 503),
    ],
)
async def test_a_secret_of_the_vault_goes_to_its_hosts_and_places_only(
    open_bench, provider, ways, places, hosts, status
):
    ada = Browser(await serving(open_bench, configured(provider, secret="", client_secret="house")))
    place = urlsplit(provider.url).netloc if hosts == "its" else hosts
    change = Change(SECRET.encode(), [place] if place else [], places)
    await ada.bench.engine.vault.put("house", change, by="test")
    provider.metadata["token_endpoint_auth_methods_supported"] = [ways]
    assert (await sign_in(ada, provider)).status == status
    assert ("/token" in provider.asked) == (status == 303)


async def test_a_program_does_not_see_the_cookie_of_a_login_under_way(ada):
    await begin(ada)
    ada.cookies["mine"] = "1"
    assert await ada.get("/cookies") == {"mine": "1"}


# ── pages ──


async def test_the_page_lists_the_providers_or_leads_to_the_only_one(open_bench, provider):
    bench = await serving(open_bench, configured(provider), configured(provider, "other"))
    ada = Browser(bench)
    listed = orjson.loads((await visit(ada, "/auth/login?return_to=/a")).body)["providers"]
    assert listed[0] == {
        "name": "house",
        "title": "House",
        "url": "/auth/login/house?return_to=%2Fa",
    }
    ada.headers = HTML
    answer = await visit(ada, "/auth/login?return_to=/a")
    assert b'href="/auth/login/other?return_to=%2Fa">Continue with Other</a>' in answer.body
    policy = headers_of(answer)["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    bench = await serving(open_bench, configured(provider))
    alone = Browser(bench)
    alone.headers = HTML
    assert (await begin(alone, "/auth/login")).startswith(provider.url)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/auth/login/nobody", 404, "no_such_provider"),
        ("GET", "/auth/login/<script>", 404, "no_such_provider"),
        ("GET", "/auth/callback/nobody?state=a", 404, "no_such_provider"),
        ("GET", "/auth/callback", 404, "no_such_route"),
        ("GET", "/auth/login/house/more", 404, "no_such_route"),
        ("GET", "/auth/other", 404, "no_such_route"),
        ("GET", "/auth/logout", 405, "method_not_allowed"),
        ("POST", "/auth/login/house", 405, "method_not_allowed"),
        ("POST", "/auth/callback/house", 405, "method_not_allowed"),
        ("GET", "/auth/link/house", 401, "not_authenticated"),
    ],
)
async def test_what_is_not_there_is_told_so(ada, method, path, status, code):
    assert refused(await visit(ada, path, method)) == (status, code)


async def test_a_browser_gets_a_page_that_tells_why(ada):
    ada.headers = HTML
    answer = await visit(ada, "/auth/callback/house?state=<b>&code=a")
    assert answer.status == 400
    assert b'<p role="alert">This login was begun in another browser.</p>' in answer.body
    assert b'href="/auth/login"' in answer.body
    assert b"login_of_another" in answer.body


async def test_where_browsers_keep_no_cookies_nobody_signs_in(ada):
    answer = await visit(ada, "/auth/login/house", keeps_cookies=False)
    assert refused(answer) == (400, "cookies_not_kept")


async def test_one_address_begins_so_many_logins_a_minute(ada):
    for _ in range(120):
        assert (await visit(ada, "/auth/login/nobody")).status == 404
    assert refused(await visit(ada, "/auth/login/house")) == (429, "rate_limited")


# ── linking ──


async def test_somebody_links_an_identity_and_comes_in_by_it(ada, provider, shop):
    body = {"username": "countess", "password": "correct horse battery"}
    await ada.post("/register", body)
    await ada.post("/login", body)
    mine = (await ada.get("/me"))["id"]
    page = await visit(ada, "/auth/link/house?return_to=/profile")
    assert page.status == 200
    assert b"<strong>countess</strong>" in page.body
    assert f"form-action 'self' {provider.url}" in headers_of(page)["content-security-policy"]
    assert provider.asked == ["/.well-known/openid-configuration"]  # nothing has begun
    answer = await visit(ada, "/auth/link/house?return_to=/profile", "POST")
    answer = await visit(ada, provider.grant(headers_of(answer)["location"]))
    assert (answer.status, headers_of(answer)["location"]) == (303, "/profile")
    elsewhere = Browser(shop)
    await sign_in(elsewhere, provider)
    me = await elsewhere.get("/me")
    assert (me["id"], me["username"], me["via"]) == (mine, "countess", "oidc")


async def test_a_page_elsewhere_cannot_link_its_identity_with_an_account(ada, provider):
    await sign_in(ada, provider)
    ada.headers = [("sec-fetch-site", "cross-site")]
    assert refused(await visit(ada, "/auth/link/house", "POST")) == (403, "csrf_refused")


async def test_an_identity_of_another_account_is_not_linked(ada, provider, shop):
    await sign_in(ada, provider)
    bob = Browser(shop)
    provider.person = {"sub": "bob", "preferred_username": "bob"}
    await sign_in(bob, provider)
    provider.person = {"sub": "ada-1"}
    answer = await visit(bob, "/auth/link/house", "POST")
    answer = await visit(bob, provider.grant(headers_of(answer)["location"]))
    assert refused(answer) == (409, "identity_taken")
    assert (await bob.get("/me"))["username"] == "bob"


async def test_a_link_belongs_to_who_began_it(ada, provider):
    await sign_in(ada, provider)
    location = headers_of(await visit(ada, "/auth/link/house", "POST"))["location"]
    await visit(ada, "/auth/logout", "POST")
    provider.person = {"sub": "new"}
    assert refused(await visit(ada, provider.grant(location))) == (400, "login_of_another")
    assert await ada.get("/me") is None
