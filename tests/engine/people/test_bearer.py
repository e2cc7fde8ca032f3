"""Tokens and API keys the whole way: made by a program, sent in headers, looked at by the engine."""

from __future__ import annotations

from typing import Any

import jwt
import orjson
import pytest

from aiwe_engine.people import signature
from aiwe_engine.types import Response
from tests.engine.people.browser import ADA, PROGRAM, Browser
from tests.engine.runtime.bench import Bench, Open

API = (
    PROGRAM
    + """
app.post("/token", (req) => Auth.issueToken(req.body));
app.post("/verify", (req) => Auth.verifyToken(req.body.token));
app.post("/revoke", (req) => Auth.revokeToken(req.body.token));
app.post("/keys", (req) => Auth.createApiKey(req.body.name, req.body.options));
app.get("/keys", () => Auth.apiKeys());
app.delete("/keys/:id", (req) => Auth.revokeApiKey(req.params.id));
app.get("/own", (req) => new Response("no", { status: 401, headers: req.query.say ? { "www-authenticate": "Basic" } : {} }));
app.get("/seen", (req) => ({ authorization: req.headers.authorization ?? null, key: req.headers["x-api-key"] ?? null, user: req.user?.username ?? null }));
app.post("/write", async (req) => { await DataRepository.create("notes", { by: req.user?.username ?? null }); return "written"; });
app.get("/notes", () => DataRepository.count("notes"));
app.get("/session", (req) => { req.session.set("seen", true); return req.user?.username ?? "nobody"; });
"""
)


class Client:
    """A program that sends a token or a key, and no cookies."""

    def __init__(self, bench: Bench, *headers: tuple[str, str]) -> None:
        self.bench, self.headers = bench, list(headers)

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        headers = [*self.headers, *more.pop("headers", [])]
        if body is not None:
            headers.append(("content-type", "application/json"))
            more["body"] = orjson.dumps(body)
        return await self.bench.get(path, method=method, headers=headers, **more)

    async def __call__(self, path: str, body: Any = None, method: str = "") -> Any:
        """The body of an answer, or the code of its error."""
        answer = await self.ask(method or ("GET" if body is None else "POST"), path, body)
        value = orjson.loads(answer.body) if answer.body[:1] in {b"{", b"[", b"t", b"f"} else None
        if isinstance(value, dict) and "error" in value:
            return value["error"]["code"]
        return answer.body.decode() if value is None else value


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


@pytest.fixture
async def ada(bench: Bench) -> Browser:
    """A browser in which Ada, an editor, is signed in."""
    await bench.serve(API)
    browser = Browser(bench)
    registered = await browser.post("/register", ADA)
    await browser.post("/roles", {"id": registered["id"], "roles": ["editor"]})
    await browser.post("/login", ADA)
    return browser


async def token_of(browser: Browser, **options: Any) -> str:
    return str((await browser.post("/token", options))["token"])


async def test_who_sends_a_token_is_its_owner(ada: Browser) -> None:
    issued = await ada.post("/token", {"expiresIn": "15m", "claims": {"plan": "pro"}})
    assert issued.keys() == {"token", "expiresAt"}
    client = Client(ada.bench, bearer(issued["token"]))
    me = await client("/me")
    assert me["same"] is True
    assert (me["user"]["username"], me["user"]["via"]) == ("Ada", "jwt")
    assert me["user"]["claims"]["plan"] == "pro"
    assert await client("/private") == "Ada"
    assert await client("/either") == "either"
    assert await client("/admin") == "role_needed"
    assert await client("/session") == "Ada"
    assert (await ada.post("/verify", {"token": issued["token"]}))["username"] == "Ada"


async def test_who_sends_a_key_is_its_owner_by_either_header(ada: Browser) -> None:
    made = await ada.post("/keys", {"name": "backup", "options": {"scope": ["reader"]}})
    assert made["key"].startswith(f"aiwe_{made['id']}_")
    for header in (("x-api-key", made["key"]), bearer(made["key"])):
        client = Client(ada.bench, header)
        me = (await client("/me"))["user"]
        assert (me["username"], me["via"], me["roles"]) == ("Ada", "api_key", [])
        assert me["claims"] == {"key": made["id"], "scope": "reader"}
        assert await client("/private") == "Ada"
        assert await client("/either") == "role_needed"
    (listed,) = await ada.get("/keys")
    assert (listed["id"], listed["name"], listed["scope"]) == (made["id"], "backup", ["reader"])
    assert listed["expiresAt"] is None
    assert listed["lastUsedAt"].endswith("Z")
    assert "key" not in listed
    assert "hash" not in listed


@pytest.mark.parametrize(
    ("header", "path"),
    [
        (None, "/private?access_token={0}&token={0}&api_key={0}&key={0}"),
        (("cookie", "authorization=Bearer {0}; aiwe_session={0}"), "/private"),
        (("authorization", "Basic {0}"), "/private"),
        (("authorization", "{0}"), "/private"),
        (("authorization", "Token {0}"), "/private"),
        (("authorization", "Bearer x {0}"), "/private"),
        (("x-auth-token", "{0}"), "/private"),
        (("proxy-authorization", "Bearer {0}"), "/private"),
    ],
)
async def test_a_token_or_a_key_in_another_place_is_none(
    ada: Browser, header: tuple[str, str] | None, path: str
) -> None:
    key = (await ada.post("/keys", {"name": "k"}))["key"]
    for given in (await token_of(ada), key):
        headers = [] if header is None else [(header[0], header[1].format(given))]
        where, _, query = path.format(given).partition("?")
        assert await ada.bench.code(where, headers=headers, query=query) == (
            401,
            "not_authenticated",
        )


async def test_a_bad_token_is_answered_with_what_is_wrong_with_it(ada: Browser) -> None:
    token = await token_of(ada)
    other = await token_of(ada, audience="https://mail.example")
    key = (await ada.post("/keys", {"name": "k"}))["key"]
    cases = [
        (bearer(token[:-4] + "AAAA"), "The token's signature is not right."),
        (bearer(other), "The token is meant for another service."),
        (bearer(key[:-1] + "-"), None),
        (("x-api-key", key[:-1] + ("a" if key[-1] != "a" else "b")), "There is no such API key."),
        (bearer("sk_live_of_the_program"), None),
        (bearer(""), None),
    ]
    for header, why in cases:
        client = Client(ada.bench, header)
        answer = await client.ask("GET", "/private")
        assert answer.status == 401
        said = [value for name, value in answer.headers if name == "www-authenticate"]
        assert said == [
            f'Bearer error="invalid_token", error_description="{why}"' if why else "Bearer"
        ]
        # Without a guard the program decides: to it they are a guest.
        assert (await client("/me"))["user"] is None
        seen = await client("/seen")
        assert seen["authorization" if header[0] == "authorization" else "key"] == header[1]
        own = await client.ask("GET", "/own")
        said = [value for name, value in own.headers if name == "www-authenticate"]
        assert bool(said) is (why is not None)
        own = await client.ask("GET", "/own", query="say=1")
        said = [value for name, value in own.headers if name == "www-authenticate"]
        assert said == ["Basic"]
    none = await Client(ada.bench).ask("GET", "/private")
    assert ("www-authenticate", "Bearer") in none.headers


async def test_two_of_a_kind_are_none(ada: Browser) -> None:
    one, two = await token_of(ada), await token_of(ada)
    answer = await Client(ada.bench, bearer(one), bearer(two)).ask("GET", "/private")
    assert answer.status == 401
    assert "several tokens" in dict(answer.headers)["www-authenticate"]


async def test_a_header_of_ours_decides_and_another_is_the_programs_own(ada: Browser) -> None:
    eve = Browser(ada.bench)
    await eve.post("/register", {**ADA, "username": "Eve"})
    await eve.post("/login", {**ADA, "username": "Eve"})
    token = await token_of(ada)
    for headers, who in [
        ([bearer(token)], "Ada"),
        ([bearer(token[:-4] + "AAAA")], None),  # and not the cookie's Eve
        ([bearer("of-the-program")], "Eve"),
        ([("x-api-key", "of-the-program")], "Eve"),
        ([("x-api-key", "of-the-program"), bearer(token)], "Ada"),
    ]:
        eve.headers = headers
        assert (await eve.get("/seen"))["user"] == who


async def test_logging_out_with_a_token_ends_it_and_no_other(ada: Browser) -> None:
    one, two = await token_of(ada), await token_of(ada)
    client = Client(ada.bench, bearer(one))
    answer = await client.ask("POST", "/logout", {})
    assert answer.status == 204
    assert not any(name == "set-cookie" for name, _ in answer.headers)
    assert await client("/private") == "not_authenticated"
    assert await Client(ada.bench, bearer(two))("/private") == "Ada"
    assert (await ada.ask("GET", "/private")).body == b"Ada"  # her browser stays signed in
    assert await ada.post("/revoke", {"token": two}) is True
    assert await ada.post("/revoke", {"token": two}) is False
    assert await ada.post("/verify", {"token": two}) is None
    assert await Client(ada.bench, bearer(two))("/private") == "not_authenticated"


async def test_a_key_ends_when_its_owner_says_so_and_does_not_log_out(ada: Browser) -> None:
    made = await ada.post("/keys", {"name": "k"})
    client = Client(ada.bench, ("x-api-key", made["key"]))
    answer = await client.ask("POST", "/logout", {})
    assert answer.status == 400
    error = orjson.loads(answer.body)["error"]
    assert error["code"] == "cannot_log_out"
    assert error["message"] == "Who comes with an API key is not signed in, and cannot log out."
    assert "Auth.revokeApiKey" in error["hint"]
    assert await client("/private") == "Ada"
    eve = Browser(ada.bench)
    await eve.post("/register", {**ADA, "username": "Eve"})
    await eve.post("/login", {**ADA, "username": "Eve"})
    assert await eve.get("/keys") == []
    path = f"/keys/{made['id']}"
    assert orjson.loads((await eve.ask("DELETE", path)).body) is False
    assert await client("/private") == "Ada"
    assert orjson.loads((await ada.ask("DELETE", path)).body) is True
    assert await client("/private") == "not_authenticated"
    assert orjson.loads((await ada.ask("DELETE", path)).body) is False
    assert await ada.get("/keys") == []


async def test_another_password_ends_every_token_and_key(ada: Browser) -> None:
    token, made = await token_of(ada), await ada.post("/keys", {"name": "k"})
    await ada.post("/password", {"current": ADA["password"], "next": "another long battery"})
    for header in (bearer(token), bearer(made["key"])):
        assert await Client(ada.bench, header)("/private") == "not_authenticated"
    assert await ada.get("/keys") == []
    assert await Client(ada.bench, bearer(await token_of(ada)))("/private") == "Ada"


async def test_what_somebody_came_with_makes_nothing_that_outlives_it(ada: Browser) -> None:
    """A token that was stolen for a quarter of an hour is no key for ever, and renews itself no further."""
    short = Client(ada.bench, bearer(await token_of(ada, expiresIn=900)))
    key = Client(ada.bench, ("x-api-key", (await ada.post("/keys", {"name": "k"}))["key"]))
    for client, what in ((short, "a token"), (key, "an API key")):
        answer = await client.ask("POST", "/keys", {"name": "k2"})
        assert answer.status == 403
        error = orjson.loads(answer.body)["error"]
        assert error["code"] == "login_needed"
        assert error["message"] == f"Who came with {what} makes no API key, which would outlive it."
        assert "Auth.login(username, password)" in error["hint"]
    made = await short("/token", {})
    claims = jwt.decode(made["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= 900
    assert (await short("/token", {"expiresIn": "5m"})).keys() == {"token", "expiresAt"}
    answer = await short.ask("POST", "/token", {"expiresIn": "1h"})
    error = orjson.loads(answer.body)["error"]
    assert error["code"] == "lifetime_too_long"
    assert "allowed to who came with a token or a key" in error["message"]
    assert "sign in with the password" in error["hint"]
    made = await key("/token", {})
    claims = jwt.decode(made["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600
    assert await key("/token", {"expiresIn": "2h"}) == "lifetime_too_long"
    assert [one["name"] for one in await ada.get("/keys")] == ["k"]


async def test_a_password_makes_a_key_whatever_else_comes_with_it(ada: Browser) -> None:
    await ada.bench.serve(
        API
        + """
app.post("/key-by-password", async (req) => {
  await Auth.login(req.body.username, req.body.password);
  const made = await Auth.createApiKey("k");
  await Auth.logout();
  return made;
});
"""
    )
    client = Client(ada.bench, bearer(await token_of(ada)))
    assert (await client("/key-by-password", ADA)).keys() == {"id", "key"}


async def test_a_guest_makes_no_tokens_and_keys(bench: Bench) -> None:
    await bench.serve(API)
    guest = Browser(bench)
    for path, body in [("/token", {}), ("/keys", {"name": "k"})]:
        assert await guest.post(path, body) == "not_authenticated"
    assert await guest.get("/keys") == "not_authenticated"
    assert await guest.post("/verify", {"token": "x.y.z"}) is None
    assert await guest.post("/verify", {"token": 7}) == "invalid_argument"


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("Auth.issueToken({ expiresIn: NaN })", "invalid_argument"),
        ("Auth.issueToken({ expiresIn: Infinity })", "invalid_argument"),
        ("Auth.issueToken({ expires: '1h' })", "invalid_argument"),
        ("Auth.issueToken('1h')", "invalid_argument"),
        ("Auth.createApiKey('k', { expiresIn: NaN })", "invalid_argument"),
        ("Auth.createApiKey('k', { expiresIn: 'never' })", "invalid_argument"),
        ("Auth.createApiKey('k', { audience: 'x' })", "invalid_argument"),
        ("Auth.createApiKey('')", "invalid_argument"),
        ("Auth.createApiKey()", "invalid_argument"),
        ("Auth.createApiKey('x'.repeat(101))", "invalid_argument"),
        ("Auth.issueToken({ claims: { sub: 'root' } })", "reserved_claim"),
        ("Auth.issueToken({ expiresIn: '31d' })", "lifetime_too_long"),
    ],
)
async def test_what_cannot_be_meant_is_told(ada: Browser, program: str, code: str) -> None:
    await ada.bench.serve(API + f"app.post('/wrong', () => {program});")
    assert await ada.post("/wrong") == code


async def test_no_proxy_keeps_what_was_for_somebody(ada: Browser) -> None:
    await ada.bench.serve(
        API
        + """
app.get("/kept", () => new Response("x", { headers: { "cache-control": "public, max-age=9" } }));
app.get("/plain", () => "x");
"""
    )

    def kept(answer: Response) -> list[str]:
        return [value for name, value in answer.headers if name == "cache-control"]

    key = (await ada.post("/keys", {"name": "k"}))["key"]
    for client in (ada, Client(ada.bench, ("x-api-key", key))):
        assert kept(await client.ask("GET", "/plain")) == ["private"]
        assert kept(await client.ask("GET", "/kept")) == ["public, max-age=9"]
    assert kept(await Client(ada.bench).ask("GET", "/plain")) == []


async def test_middleware_of_a_programs_own_may_check_tokens(ada: Browser) -> None:
    await ada.bench.serve(
        API
        + """
app.use("/api", async (req, next) => {
  const user = await Auth.verifyToken(req.headers.authorization);
  if (user === null) return Response.error(401, "Send a token");
  if (!user.roles.includes("editor")) return Response.error(403, "This is for editors");
  return next();
});
app.get("/api/data", (req) => req.user.username);
"""
    )
    token = await token_of(ada)
    assert (await Client(ada.bench, bearer(token)).ask("GET", "/api/data")).body == b"Ada"
    for headers, status in [
        ((), 401),
        ((bearer(token[:-4] + "AAAA"),), 401),
        ((("authorization", "Bearer"),), 401),
        ((bearer(await token_of(ada, scope=[])),), 403),
    ]:
        answer = await Client(ada.bench, *headers).ask("GET", "/api/data")
        assert answer.status == status


# ── the key set ──


async def test_another_library_checks_a_token_by_the_key_set_alone(ada: Browser) -> None:
    token = await token_of(ada, claims={"plan": "pro"}, audience="https://mail.example")
    answer = await ada.bench.get("/.well-known/jwks.json")
    assert answer.status == 200
    headers = dict(answer.headers)
    assert headers["content-type"] == "application/jwk-set+json"
    assert headers["cache-control"] == "public, max-age=300"
    assert headers["access-control-allow-origin"] == "*"
    assert b'"d"' not in answer.body
    key = jwt.PyJWKSet.from_json(answer.body.decode())[jwt.get_unverified_header(token)["kid"]]
    asked = {"audience": "https://mail.example", "issuer": "http://app--dev.localhost"}
    claims = jwt.decode(token, key, algorithms=["ES256"], **asked)
    assert claims["plan"] == "pro"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token[:-4] + "AAAA", key, algorithms=["ES256"], **asked)


async def test_the_key_set_is_the_apps_own_and_the_engines_to_tell(ada: Browser) -> None:
    path = "/.well-known/jwks.json"
    await ada.bench.serve("app.get('/.well-known/:any', () => 'mine')", "blog")
    mine = await ada.bench.json(path)
    assert len(mine["keys"]) == 1
    assert await ada.bench.json(path) == mine
    assert (await ada.bench.json(path, "blog")) != mine
    assert (await ada.bench.get("/.well-known/x", "blog")).body == b"mine"
    assert await ada.bench.code(path, method="POST") == (405, "method_not_allowed")
    assert (await ada.bench.get(path, method="OPTIONS")).status == 204
    assert orjson.loads((await ada.bench.get(path, method="HEAD")).body or b"{}") in ({}, mine)
    with pytest.raises(Exception, match="is answered by the engine itself"):
        await ada.bench.serve(f"app.get('{path}', () => 'mine')", "shop")


# ── pages of other origins ──

CROSSING = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]


@pytest.mark.parametrize("headers", [CROSSING, CROSSING[:1], CROSSING[1:]])
async def test_a_page_of_another_origin_writes_nothing_for_somebody_signed_in(
    ada: Browser, headers: list[tuple[str, str]]
) -> None:
    ada.headers = headers
    answer = await ada.ask("POST", "/write")
    assert answer.status == 403
    error = orjson.loads(answer.body)["error"]
    assert error["code"] == "csrf_refused"
    assert error["message"] == "A page of another site sent this, and may not act for people here."
    assert "cors.credentials" in error["hint"]
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await ada.ask(method, "/write")).status in {403, 405}
    assert await ada.get("/notes") == 0  # reading is not writing: a link may lead here
    ada.headers = [("sec-fetch-site", "same-origin"), ("origin", "http://x")]
    assert (await ada.ask("POST", "/write")).body == b"written"
    ada.headers = []
    assert (await ada.ask("POST", "/write")).body == b"written"
    assert await ada.get("/notes") == 2


async def test_a_page_of_another_origin_signs_nobody_in(bench: Bench) -> None:
    await bench.serve(API)
    browser = Browser(bench)
    await browser.post("/register", ADA)
    for headers in (CROSSING, CROSSING[:1], CROSSING[1:]):
        browser.headers = headers
        assert await browser.post("/login", ADA) == "csrf_refused"
    assert browser.cookies == {}
    browser.headers = [("sec-fetch-site", "same-origin")]
    assert (await browser.post("/login", ADA))["user"]["username"] == "Ada"


async def test_where_nobody_is_signed_in_by_cookie_a_page_may_send_what_it_likes(
    ada: Browser,
) -> None:
    for client in (
        Client(ada.bench, *CROSSING),
        Client(ada.bench, *CROSSING, bearer(await token_of(ada))),
        Client(ada.bench, *CROSSING, ("cookie", "aiwe_session=" + "x" * 43)),
    ):
        assert await client("/write", {}) == "written"


async def test_origins_that_may_send_cookies_may_write(open_bench: Open) -> None:
    bench = await open_bench(cors_origins=("https://app.example",), cors_credentials=True)
    await bench.serve(API)
    browser = Browser(bench)
    await browser.post("/register", ADA)
    await browser.post("/login", ADA)
    browser.headers = [("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]
    assert (await browser.ask("POST", "/write")).body == b"written"
    browser.headers = CROSSING
    assert await browser.post("/write") == "csrf_refused"


# ── limits ──


async def test_limits_per_user_and_per_key_count_people_and_keys(ada: Browser) -> None:
    await ada.bench.serve(
        API
        + """
app.get("/user", () => "ok").limit("2/min per user");
app.get("/key", () => "ok").limit("2/min per key");
app.get("/any", () => "ok").limit("2/min");
"""
    )
    token = await token_of(ada)
    keys = [(await ada.post("/keys", {"name": f"k{n}"}))["key"] for n in range(2)]

    async def run(path: str, header: tuple[str, str], times: int = 1) -> list[int]:
        client = Client(ada.bench, header)
        answers = [await client.ask("GET", path, client=f"192.0.2.{n}") for n in range(times)]
        return [answer.status for answer in answers]

    # One person, whatever they come with and from wherever; a guest is another one.
    for path in ("/user", "/any"):
        assert await run(path, bearer(token)) == [200]
        assert await run(path, bearer(keys[0]), 2) == [200, 429]
        assert (await ada.ask("GET", path)).status == 429
        assert await run(path, bearer("none"), 1) == [200]
    # Keys each for themselves, from wherever.
    for key in keys:
        assert await run("/key", ("x-api-key", key), 3) == [200, 200, 429]
    assert await run("/key", bearer(token), 3) == [200, 200, 429]


async def test_a_signature_is_checked_once(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await token_of(ada)
    client, checks = Client(ada.bench, bearer(token)), []
    real = signature.check
    monkeypatch.setattr(signature, "check", lambda *args: checks.append(args) or real(*args))
    assert [await client("/private") for _ in range(5)] == ["Ada"] * 5
    assert len(checks) == 1
    bad = Client(ada.bench, bearer(token[:-4] + "AAAA"))
    assert [await bad("/private") for _ in range(2)] == ["not_authenticated"] * 2
    assert [await client("/private") for _ in range(2)] == ["Ada"] * 2


async def test_a_guard_says_what_is_wrong_with_a_token(ada: Browser) -> None:
    """Whom a token does not let in is told that of the token, not to sign in or to get a role they have."""

    async def told(token: str, path: str) -> tuple[str, str, str]:
        answer = await Client(ada.bench, bearer(token)).ask("GET", path)
        error = orjson.loads(answer.body)["error"]
        return error["code"], error["message"], error["hint"]

    narrow = (await ada.post("/token", {"scope": ["read"]}))["token"]
    code, message, hint = await told(narrow, "/either")
    assert code == "role_needed"
    assert "editor" in message
    assert "only the roles that its scope names" in hint
    assert "setRoles" not in hint
    other = (await ada.post("/token", {"audience": "elsewhere"}))["token"]
    code, message, hint = await told(other, "/private")
    assert code == "not_authenticated"
    assert "auth.audiences" in hint
    assert message == (
        "The token that came with the request does not hold. The token is meant for another service."
    )
    await ada.post("/revoke", {"token": narrow})
    assert "was revoked" in (await told(narrow, "/private"))[1]
    assert (await told("nonsense", "/private"))[1] == "This is for people who are signed in."
