"""Sessions of people: new ids, ends that bind at once, whose data they see, and who may be asked about."""

from __future__ import annotations

import orjson
import pytest

from tests.engine.people.browser import ADA, PROGRAM, Browser
from tests.engine.runtime.bench import Bench

BOB = {"username": "Bob", "password": "staple and a lamp"}
MORE = (
    PROGRAM
    + """
DataRepository.define("notes", { owner: true });
app.post("/cart", (req) => { req.session.set("cart", req.body.cart); });
app.get("/cart", (req) => ({ cart: req.session.get("cart") ?? null }));
app.post("/note", async (req) => DataRepository.create("notes", { text: req.body.text }));
app.get("/notes", async () => (await DataRepository.list("notes")).map((note) => note.text));
app.post("/switch", async (req) => {
  await Auth.login(req.body.username, req.body.password);
  await DataRepository.create("notes", { text: "written after login" });
  return { me: req.user.username, notes: (await DataRepository.list("notes")).map((note) => note.text), cart: req.session.get("cart") ?? null };
});
app.post("/leave", async (req) => {
  req.session.set("late", 1);
  await Auth.logout();
  return { me: req.user, cart: req.session.get("cart") ?? null, notes: await DataRepository.list("notes").catch((error) => error.code) };
});
app.post("/users", (req) => Auth.users(req.body.filter, req.body.options));
app.get("/stream", () => Response.stream((async function* () { yield "a"; try { await Auth.login("Ada", "correct horse battery"); } catch (error) { yield error.code; } })()));
"""
)


@pytest.fixture
async def bench_of_two(bench: Bench) -> Bench:
    await bench.serve(MORE)
    for body in (ADA, BOB):
        await Browser(bench).post("/register", body)
    return bench


async def test_signing_in_gives_a_new_id_and_keeps_what_the_visitor_had(
    bench_of_two: Bench,
) -> None:
    browser = Browser(bench_of_two)
    await browser.post("/cart", {"cart": ["book"]})
    before = browser.cookies["aiwe_session"]
    await browser.post("/login", ADA)
    assert browser.cookies["aiwe_session"] != before
    assert await browser.get("/cart") == {"cart": ["book"]}
    planted = Browser(bench_of_two)  # who knew the id of before
    planted.cookies["aiwe_session"] = before
    assert await planted.get("/me") == {"user": None, "same": True}
    assert await planted.get("/cart") == {"cart": None}


async def test_who_signs_in_after_somebody_else_gets_nothing_of_theirs(bench_of_two: Bench) -> None:
    browser = Browser(bench_of_two)
    await browser.post("/login", ADA)
    await browser.post("/cart", {"cart": ["book"]})
    told = await browser.post("/switch", BOB)
    assert told == {"me": "Bob", "notes": ["written after login"], "cart": None}
    assert await browser.get("/cart") == {"cart": None}


async def test_what_belongs_to_somebody_is_seen_by_them_alone(bench_of_two: Bench) -> None:
    ada, bob, guest = (Browser(bench_of_two) for _ in range(3))
    await ada.post("/login", ADA)
    await bob.post("/login", BOB)
    await ada.post("/note", {"text": "of Ada"})
    await bob.post("/note", {"text": "of Bob"})
    assert await ada.get("/notes") == ["of Ada"]
    assert await bob.get("/notes") == ["of Bob"]
    assert await guest.get("/notes") == "sign_in_required"
    assert (await ada.post("/leave")) == {
        "me": None,
        "cart": None,
        "notes": "sign_in_required",
    }
    assert "late" not in (await ada.ask("GET", "/cart")).body.decode()


async def test_a_change_of_password_ends_every_other_session(bench_of_two: Bench) -> None:
    here, there = Browser(bench_of_two), Browser(bench_of_two)
    for browser in (here, there):
        await browser.post("/login", ADA)
        await browser.post("/cart", {"cart": ["book"]})
    before = here.cookies["aiwe_session"]
    change = {"current": ADA["password"], "next": "a fine new password"}
    assert await there.post("/password", {**change, "next": "password1"}) == "password_too_weak"
    assert await there.post("/password", {**change, "current": "wrong"}) == "invalid_credentials"
    assert await here.post("/password", change) is None
    assert here.cookies["aiwe_session"] != before
    assert (await here.get("/me"))["user"]["username"] == "Ada"
    assert await here.get("/cart") == {"cart": ["book"]}
    assert (await there.get("/me"))["user"] is None
    assert await there.get("/cart") == {"cart": None}  # all of it was of the person
    assert "aiwe_session" not in there.cookies
    assert await there.post("/login", ADA) == "invalid_credentials"
    assert "user" in await there.post("/login", {**ADA, "password": change["next"]})
    guest = Browser(bench_of_two)
    assert await guest.post("/password", change) == "not_authenticated"


async def test_over_https_both_cookies_are_bound_to_their_host(bench_of_two: Bench) -> None:
    browser = Browser(bench_of_two, scheme="https")
    answer = await browser.ask("POST", "/login", ADA)
    cookies = [value for name, value in answer.headers if name == "set-cookie"]
    assert [one.partition("=")[0] for one in cookies] == [
        "__Host-aiwe_device",
        "__Host-aiwe_session",
    ]
    for one in cookies:
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= {*one.split("; ")}
    assert ("cache-control", "private") in answer.headers or any(
        name == "cache-control" and "no-store" in value for name, value in answer.headers
    )


async def test_where_no_cookies_are_kept_login_says_so_in_the_log(bench_of_two: Bench) -> None:
    browser = Browser(bench_of_two)
    answer = await browser.ask("POST", "/login", ADA, keeps_cookies=False)
    assert answer.status == 200
    assert browser.cookies == {}
    lines = [line.text for _, line in bench_of_two.engine.logs("app")]
    assert sum("Auth.login was called where browsers keep no cookies" in one for one in lines) == 1


async def test_a_cookie_cannot_follow_an_answer_that_has_begun(bench_of_two: Bench) -> None:
    answer = await Browser(bench_of_two).ask("GET", "/stream")
    assert answer.stream is not None
    pieces = [piece async for piece in _pieces(answer.stream)]
    assert b"".join(pieces) == b"aanswer_begun"


async def _pieces(stream):  # type: ignore[no-untyped-def]
    while piece := await stream.read():
        yield piece


async def test_an_author_is_warned_who_lets_anybody_give_roles(bench_of_two: Bench) -> None:
    browser = Browser(bench_of_two)
    [ada, _] = await browser.post("/users")
    await browser.post("/login", ADA)
    for _ in range(2):
        assert (await browser.post("/roles", {"id": ada["id"], "roles": ["admin", "admin"]}))[
            "roles"
        ] == ["admin"]
    lines = [line.text for _, line in bench_of_two.engine.logs("app")]
    [warning] = [one for one in lines if "Auth.setRoles" in one]
    assert "Ada, who has not the role admin (POST /roles)" in warning
    assert await browser.post("/roles", {"id": "nobody", "roles": []}) == "no_such_user"
    assert await browser.post("/roles", {"id": ada["id"], "roles": "admin"}) == "invalid_argument"
    assert await browser.post("/roles", {"id": ada["id"], "roles": [""]}) == "invalid_role"


QUESTIONS = {
    '{"filter": {"username": "Ada"}}': ["Ada"],
    '{"filter": {"$or": [{"username": "Ada"}, {"email": {"$like": "%"}}]}}': ["Ada"],
    '{"filter": {"sort": "-username", "limit": 1}}': ["Bob"],
    '{"filter": {}, "options": {"sort": {"username": 1}}}': ["Ada", "Bob"],
    '{"filter": {"roles": {"$contains": "admin"}}}': [],
    '{"filter": {"createdAt": {"$gt": "2020-01-01"}, "sort": "recent"}}': ["Bob", "Ada"],
}
REFUSED = [
    '{"filter": {"password": {"$like": "$argon2%"}}}',
    '{"filter": {"$or": [{"username": "x"}, {"$not": {"password": {"$exists": true}}}]}}',
    '{"filter": {"$and": [{"$and": [{"epoch": 0}]}]}}',
    '{"filter": {"password.x": 1}}',
    '{"filter": {"name": "ada"}}',
    '{"filter": {"identities": {"$contains": "x"}}}',
    '{"filter": {"sort": "password"}}',
    '{"filter": {"sort": "-username,-password"}}',
    '{"filter": {"sort": {"password": 1}}}',
    '{"filter": {}, "options": {"sort": "password desc"}}',
    '{"filter": {"fields": ["password"]}}',
    '{"filter": {}, "options": {"fields": ["password"]}}',
    '{"filter": {"": 1}}',
]


async def test_people_are_found_by_what_is_told_of_them_and_by_nothing_else(
    bench_of_two: Bench,
) -> None:
    browser = Browser(bench_of_two)
    for text, names in QUESTIONS.items():
        found = await browser.post("/users", orjson.loads(text))
        assert [user["username"] for user in found] == names, text
    for text in REFUSED:
        assert await browser.post("/users", orjson.loads(text)) == "invalid_filter", text
    everything = (await browser.ask("POST", "/users", {})).body
    assert b"argon2" not in everything
    assert b"epoch" not in everything
    assert await browser.post(
        "/users", {"filter": {"username": "Ada", "fields": ["username"]}}
    ) == [{"id": orjson.loads(everything)[0]["id"], "username": "Ada"}]


async def test_a_page_of_people_has_a_cursor(bench: Bench) -> None:
    await bench.serve(
        PROGRAM
        + """
    app.get("/names", async () => {
      const names = [];
      for (let cursor; cursor !== null;) {
        const page = await Auth.users({ limit: 2, sort: "username", cursor });
        names.push(page.map((user) => user.username).join("+"));
        cursor = page.cursor;
      }
      return names;
    });
    """
    )
    for name in ("a", "b", "c"):
        await Browser(bench).post("/register", {**ADA, "username": name})
    assert await Browser(bench).get("/names") == ["a+b", "c"]
