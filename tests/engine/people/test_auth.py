"""People register, come in, leave and get roles: `Auth` the whole way to the store and back."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from aiwe_engine.errors import AiweError
from tests.engine.people.browser import ADA, PROGRAM, Browser
from tests.engine.runtime.bench import Bench, Open

UC_004 = """
// AI generates secure registration
function register(req) {
  const { username, password } = req.body;
  // Engine ensures password is hashed automatically
  Auth.register(username, password);
  return Response.json({ success: true });
}
"""


@pytest.fixture
async def browser(bench: Bench) -> Browser:
    await bench.serve(PROGRAM)
    return Browser(bench)


async def test_who_registers_can_sign_in_and_is_known_until_they_leave(browser: Browser) -> None:
    registered = await browser.post(
        "/register", {**ADA, "email": "ada@example.org", "city": "London"}
    )
    ada = {
        "id": registered["id"],
        "username": "Ada",
        "email": "ada@example.org",
        "roles": [],
        "via": "session",
        "claims": {"city": "London"},
        "tenant": None,
    }
    assert registered == ada
    assert browser.cookies == {}  # registering signs nobody in
    assert await browser.get("/private") == "not_authenticated"
    signed_in = await browser.post("/login", ADA)
    assert signed_in["user"] == ada
    assert signed_in["expiresAt"].endswith("Z")
    assert list(browser.cookies) == ["aiwe_device", "aiwe_session"]
    assert await browser.get("/me") == {"user": ada, "same": True}
    answer = await browser.ask("GET", "/private")
    assert (answer.status, answer.body) == (200, b"Ada")
    cookies = dict(browser.cookies)
    await browser.post("/logout")
    assert list(browser.cookies) == ["aiwe_device"]
    browser.cookies = cookies  # a thief's copy
    assert await browser.get("/me") == {"user": None, "same": True}


async def test_the_program_of_uc_004_runs_as_it_is(bench: Bench) -> None:
    await bench.serve(UC_004 + 'app.post("/register", register);')
    browser = Browser(bench)
    assert await browser.post("/register", ADA) == {"success": True}
    # It does not await what it asks for, and still its answer is the failure.
    assert await browser.post("/register", ADA) == "username_taken"


async def test_roles_decide_who_passes(browser: Browser) -> None:
    ada = await browser.post("/register", ADA)
    for path in ("/private", "/admin", "/either"):
        answer = await browser.ask("GET", path)
        assert answer.status == 401
        assert ("www-authenticate", "Bearer") in answer.headers
    await browser.post("/login", ADA)
    assert await browser.get("/admin") == "role_needed"
    assert await browser.get("/either") == "role_needed"
    await browser.post("/roles", {"id": ada["id"], "roles": ["editor"]})
    assert await browser.get("/admin") == "role_needed"
    assert (await browser.ask("GET", "/either")).body == b"either"
    await browser.post("/roles", {"id": ada["id"], "roles": ["admin"]})
    assert (await browser.ask("GET", "/admin")).body == b"admin"
    await browser.post("/roles", {"id": ada["id"], "roles": []})
    assert (await browser.ask("GET", "/admin")).status == 403


async def test_what_a_program_writes_into_its_user_gives_nobody_a_role(bench: Bench) -> None:
    await bench.serve(
        PROGRAM
        + """
    app.use("/forged", async (req, next) => {
      Object.assign(req.user, { roles: ["admin"] });
      Auth.user().roles.push("admin");
      req.user = { roles: ["admin"] };
      return next();
    });
    app.get("/forged", Auth.require("admin"), () => "in");
    """
    )
    browser = Browser(bench)
    await browser.post("/register", ADA)
    await browser.post("/login", ADA)
    assert await browser.get("/forged") == "role_needed"


PROFILES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rights": (
        {"role": "admin", "isAdmin": True, "permissions": ["*"], "city": "x"},
        {"city": "x"},
    ),
    "names as they are written": ({"IS_ADMIN": 1, "Role-s": ["a"], "tenant_id": "t"}, {}),
    "what the account is": ({"id": "1", "epoch": 9, "disabled": False, "claims": {"a": 1}}, {}),
    "the password by other names": (
        {"again": ADA["password"], "nested": {"deep": [ADA["password"]]}, "Password2": "other"},
        {},
    ),
    "the password as a name": ({ADA["password"]: 1}, {}),
    "plain claims": (
        {"name": "Ada L.", "age": 36, "tags": ["a"]},
        {"name": "Ada L.", "age": 36, "tags": ["a"]},
    ),
    "keys of the store": (
        {"$set": {"roles": ["admin"]}, "a.b": 1},
        {"$set": {"roles": ["admin"]}, "a.b": 1},
    ),
}


@pytest.mark.parametrize("case", PROFILES)
async def test_a_profile_gives_no_right_and_holds_no_password(browser: Browser, case: str) -> None:
    profile, claims = PROFILES[case]
    roles = {"roles": ["admin"], "tenant": "acme"}
    user = await browser.post("/register", {**ADA, **profile, **roles})
    assert user["claims"] == claims
    assert (user["roles"], user["tenant"]) == ([], None)
    await browser.post("/login", ADA)
    assert await browser.get("/admin") == "role_needed"
    assert (await browser.get("/me"))["user"] == user


@pytest.mark.binds("auth_password_queue")
async def test_more_people_than_may_wait_are_told_to_come_back(open_bench: Open) -> None:
    bench: Bench = await open_bench(auth_password_queue=4)
    await bench.serve(PROGRAM)
    await Browser(bench).post("/register", ADA)
    places = [f"192.0.2.{number}" for number in range(6)]
    answers = await asyncio.gather(
        *(Browser(bench, address=place).ask("POST", "/login", ADA) for place in places)
    )
    assert sorted(answer.status for answer in answers) == [200] * 4 + [503] * 2
    busy = next(answer for answer in answers if answer.status == 503)
    assert ("retry-after", "2") in busy.headers
    assert b'"code":"busy"' in busy.body


async def test_one_address_takes_half_of_the_places_at_most(open_bench: Open) -> None:
    bench: Bench = await open_bench(auth_password_queue=4)
    await bench.serve(PROGRAM)
    await Browser(bench).post("/register", ADA)
    crowd = [f"2001:db8::{number}" for number in range(1, 5)]  # one network
    answers = await asyncio.gather(
        *(
            Browser(bench, address=place).ask("POST", "/register", {**ADA, "username": place})
            for place in crowd
        ),
        Browser(bench, address="192.0.2.9").ask("POST", "/login", ADA),
    )
    assert sorted(answer.status for answer in answers[:-1]) == [200, 200, 503, 503]
    assert answers[-1].status == 200
    assert bench.engine._people.passwords._theirs == {}


@pytest.mark.binds("auth_registrations")
async def test_one_address_makes_so_many_accounts(open_bench: Open) -> None:
    bench: Bench = await open_bench(auth_registrations="2/hour")
    await bench.serve(PROGRAM)
    browser, other = Browser(bench), Browser(bench, address="192.0.2.99")
    weak = await browser.post("/register", {"username": "a", "password": "short"})
    assert weak == "password_too_weak"  # what makes no account does not count
    for name in ("ada", "bob"):
        assert "id" in await browser.post("/register", {**ADA, "username": name})
    assert await browser.post("/register", {**ADA, "username": "bob"}) == "username_taken"
    answer = await browser.ask("POST", "/register", {**ADA, "username": "cem"})
    assert answer.status == 429
    assert b'"code":"rate_limited"' in answer.body
    assert int(dict(answer.headers)["retry-after"]) > 1000
    assert "id" in await other.post("/register", {**ADA, "username": "dora"})
    assert "user" in await browser.post("/login", {**ADA, "username": "ada"})


async def test_two_engines_of_one_database_know_the_same_people(
    database: str, open_bench: Open
) -> None:
    """Each registers the same name at the same time; who is signed in at one is known to the other."""
    benches: list[Bench] = [await open_bench(data_url=database) for _ in range(2)]
    for bench in benches:
        await bench.serve(PROGRAM)
    answers = await asyncio.gather(
        *(Browser(bench).ask("POST", "/register", ADA) for bench in benches for _ in range(3))
    )
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    here, there = (Browser(bench) for bench in benches)
    await asyncio.gather(here.post("/login", ADA), Browser(benches[1]).post("/login", ADA))
    there.cookies = dict(here.cookies)
    assert (await there.get("/me"))["user"]["username"] == "Ada"
    change = {"current": ADA["password"], "next": "a fine new password"}
    assert await there.post("/password", change) is None
    assert (await there.get("/me"))["user"]["username"] == "Ada"
    assert (await here.get("/me"))["user"] is None  # the session of before is over, here too


PREFIXED = """
app.use("/admin", Auth.require("admin"));
app.get("/admin/people", () => "people");
app.get("/administer", () => "open");
app.use("/own", async (req, next) => {
  const [name, password] = atob(req.headers.authorization?.slice(6) ?? "").split(":");
  if (name) await Auth.login(name, password);
  return next();
});
app.get("/own/page", Auth.require(), () => Auth.user().username);
app.get("/mistakes/:n", (req) => {
  const mistakes = [() => Auth.require(["admin"]), () => Auth.require(""), () => Auth.require(null)];
  try { mistakes[req.params.n](); } catch (error) { return `${error.code}: ${error.hint}`; }
});
"""


async def test_a_guard_stands_before_a_part_of_the_app_however_its_path_is_written(
    bench: Bench,
) -> None:
    await bench.serve(PROGRAM + PREFIXED)
    browser = Browser(bench)
    await browser.post("/register", ADA)
    await browser.post("/login", ADA)
    for path in ("/admin/people", "/%61dmin/people", "/admin/nothing", "/admin"):
        assert await browser.get(path) == "role_needed", path
        assert await Browser(bench).get(path) == "not_authenticated", path
    assert (await browser.ask("GET", "/administer")).body == b"open"


async def test_who_signs_in_within_a_request_passes_the_guards_behind_it(bench: Bench) -> None:
    await bench.serve(PROGRAM + PREFIXED)
    await Browser(bench).post("/register", ADA)
    browser = Browser(bench)
    assert await browser.get("/own/page") == "not_authenticated"
    text = b64encode(f"Ada:{ADA['password']}".encode()).decode()
    browser.headers = [("authorization", f"Basic {text}")]
    assert (await browser.ask("GET", "/own/page")).body == b"Ada"


async def test_a_guard_that_asks_for_no_role_says_how_to_write_it(bench: Bench) -> None:
    await bench.serve(PROGRAM + PREFIXED)
    for at in range(3):
        body = (await Browser(bench).ask("GET", f"/mistakes/{at}")).body
        assert body.startswith(b'invalid_argument: Write require("editor", "admin")'), body


#: What does not load, the code, and a word of the message or the hint.
BROKEN = {
    'app.get("/x", Auth.require("admin"));': ("invalid_handler", "Auth.require alone"),
    'app.get("/x", () => 1).require(["admin"]);': ("invalid_argument", "a list"),
    'await Auth.login("ada", "correct horse battery");': ("no_request", "%%http"),
}


@pytest.mark.parametrize("text", BROKEN)
async def test_what_cannot_be_meant_is_told_when_it_loads(bench: Bench, text: str) -> None:
    code, words = BROKEN[text]
    with pytest.raises(AiweError) as caught:
        await bench.serve(text)
    assert caught.value.code == code
    assert words in f"{caught.value.message} {caught.value.hint}"


async def test_a_guard_is_not_added_once_the_route_is_live(bench: Bench) -> None:
    await bench.serve('const route = app.get("/x", () => { route.require("admin"); });')
    assert await Browser(bench).get("/x") == "registration_closed"
