"""`aiwe users`: accounts of an app, with an engine that runs and without one."""

import contextlib
import json

import pytest

from tests.engine.cli.process import here, serving

PROGRAM = """
app.post("/register", (req) => Auth.register(req.body.username, req.body.password, req.body));
app.post("/login", (req) => Auth.login(req.body.username, req.body.password));
app.post("/token", () => Auth.issueToken());
app.post("/key", () => Auth.createApiKey("k"));
app.get("/private", () => "x").require();
app.get("/me", () => Auth.user()?.username ?? "nobody");
app.get("/admin", () => "admin").require("admin");
"""
PASSWORD = "correct horse battery"


class Project:
    """An app with two accounts; `server` is None where none runs."""

    def __init__(self, root, server):
        self.root, self.server = root, server

    def users(self, *arguments, given=b""):
        return here("users", *arguments, "--app", "shop", cwd=self.root, given=given)

    @contextlib.contextmanager
    def serving(self):
        """The app, served: by the engine that runs, or by another one."""
        if self.server is not None:
            yield self.server
        else:
            with serving("shop.js", cwd=self.root) as server:
                yield server
                server.end()


def post(server, path, body, cookie=None):
    headers = {"content-type": "application/json"} | ({"cookie": cookie} if cookie else {})
    return server.ask(path, "POST", body=json.dumps(body), headers=headers)


def sign_in(server, username="ada", password=PASSWORD):
    status, headers, _ = post(server, "/login", {"username": username, "password": password})
    return status, headers.get("Set-Cookie", headers.get("set-cookie", "")).partition(";")[0]


@pytest.fixture(params=["stopped", "running"])
def project(request, tmp_path):
    (tmp_path / "shop.js").write_text(PROGRAM)
    with serving("shop.js", cwd=tmp_path) as server:
        for name in ("ada", "Bob\u00e9"):
            body = {"username": name, "password": PASSWORD, "email": "x@example.org", "city": "x"}
            assert post(server, "/register", body)[0] == 200
        if request.param == "running":
            yield Project(tmp_path, server)
            return
        server.end()
    yield Project(tmp_path, None)


def test_accounts_are_listed_and_shown_without_their_hashes(project):
    status, out, err = project.users("list")
    assert (status, err) == (0, "")
    head, ada, bob = out.splitlines()
    assert head.split() == ["USERNAME", "ROLES", "E-MAIL", "STATE", "ID"]
    assert ada.split()[:4] == ["ada", "-", "x@example.org", "active"]
    assert bob.startswith("Bob\u00e9")
    status, out, _ = project.users("show", "ADA", "--json")
    person = json.loads(out)
    assert person["username"] == "ada"
    assert person["claims"] == {"city": "x"}
    assert person["password"] is True
    assert "argon2" not in out
    status, out, _ = project.users("show", person["id"])
    assert f"id          {person['id']}\n" in out
    status, out, err = project.users("show", "nobody")
    assert (status, out) == (1, "")
    assert 'There is no user "nobody"' in err


def test_roles_are_given_and_taken(project):
    assert project.users("roles", "ada", "admin", "editor") == (
        0,
        "",
        "ada: has the roles admin, editor\n",
    )
    with project.serving() as server:
        _, cookie = sign_in(server)
        assert server.ask("/admin", headers={"cookie": cookie})[0] == 200
    assert project.users("roles", "ada")[0] == 0
    status, _, err = project.users("roles", "ada", " ")
    assert status == 1
    assert "no names of roles" in err
    with project.serving() as server:
        assert server.ask("/admin", headers={"cookie": cookie})[0] == 403


def test_who_has_somebodys_id_for_a_name_gets_nothing_of_theirs(project):
    ada = json.loads(project.users("show", "ada", "--json")[1])["id"]
    with project.serving() as server:
        assert post(server, "/register", {"username": ada, "password": PASSWORD})[0] == 200
    assert project.users("roles", ada, "admin") == (0, "", "ada: has the roles admin\n")


def test_who_is_disabled_is_out_at_once_until_they_are_let_in_again(project):
    with project.serving() as server:
        _, cookie = sign_in(server)
    assert project.users("disable", "ada")[0] == 0
    assert "disabled" in project.users("list")[1]
    with project.serving() as server:
        assert server.ask("/me", headers={"cookie": cookie})[2] == b"nobody"
        assert sign_in(server)[0] == 401
    assert project.users("enable", "ada")[0] == 0
    with project.serving() as server:
        assert server.ask("/me", headers={"cookie": cookie})[2] == b"nobody"  # that one is over
        assert sign_in(server)[0] == 200


def test_a_password_comes_from_standard_input_and_ends_every_session(project):
    with project.serving() as server:
        _, cookie = sign_in(server)
    status, _, err = project.users("password", "ada", given=b"password1\n")
    assert status == 1
    assert "tried first" in err
    assert project.users("password", "ada", given=b"")[0] == 1
    assert project.users("password", "ada", given=b"a fine new one\n")[0] == 0
    assert project.users("password", "ada", "on the line", given=b"")[0] == 2  # never an argument
    with project.serving() as server:
        assert server.ask("/me", headers={"cookie": cookie})[2] == b"nobody"
        assert sign_in(server)[0] == 401
        assert sign_in(server, password="a fine new one")[0] == 200


def test_somebody_is_signed_out_everywhere_or_deleted(project):
    with project.serving() as server:
        _, ada = sign_in(server)
        _, bob = sign_in(server, "bob\u00e9")
    assert project.users("sign-out", "ada")[0] == 0
    assert project.users("remove", "bob\u00e9")[0] == 0
    with project.serving() as server:
        for cookie in (ada, bob):
            assert server.ask("/me", headers={"cookie": cookie})[2] == b"nobody"
        assert sign_in(server)[0] == 200
        assert sign_in(server, "bob\u00e9")[0] == 401
    assert project.users("remove", "bob\u00e9")[0] == 1


def test_the_keys_of_who_is_deleted_go_with_them(project):
    with project.serving() as server:
        _, cookie = sign_in(server)
        made = json.loads(post(server, "/key", {}, cookie)[2])
        assert server.ask("/me", headers={"x-api-key": made["key"]})[2] == b"ada"
    assert project.users("remove", "ada")[0] == 0
    with project.serving() as server:
        status, headers, _ = server.ask("/private", headers={"x-api-key": made["key"]})
        assert status == 401
        assert "There is no such API key." in str(headers)


def test_accounts_are_of_one_environment_and_app(project):
    assert project.users("list", "--env", "dev")[1:] == ("", "There are no accounts.\n")
    status, out, _ = here("users", "list", "--app", "other", "--json", cwd=project.root)
    assert (status, json.loads(out)) == (0, [])
    assert here("users", "list", cwd=project.root)[0] == 2
    where = project.root / "nowhere"
    status, _, err = here("users", "list", "--app", "shop", "--data", where, cwd=project.root)
    assert status == 1
    assert "There is no data in" in err
    assert not where.exists()


def test_a_reset_deletes_accounts_and_a_backup_holds_them(project):
    with project.serving() as server:
        _, cookie = sign_in(server)
        assert here("backup", "-o", project.root / "b.zip", cwd=project.root)[0] == 0
    restored = project.root / "restored"
    assert here("restore", project.root / "b.zip", "--data", restored, cwd=project.root)[0] == 0
    status, out, _ = project.users("list", "--data", restored, "--json")
    assert [one["username"] for one in json.loads(out)] == ["ada", "Bob\u00e9"]
    status, _, err = here(
        *("data", "reset", "--env", "production", "--app", "shop", "--yes"),
        cwd=project.root,
        given=b"shop\n",
    )
    assert status == 0, err
    assert "with 2 accounts, 1 sessions and 0 files" in err
    with project.serving() as server:
        assert server.ask("/me", headers={"cookie": cookie})[2] == b"nobody"
        assert sign_in(server)[0] == 401


def test_keys_of_tokens_are_followed_by_others_and_can_be_made_void(project):
    def known(server):
        return [key["kid"] for key in json.loads(server.ask("/.well-known/jwks.json")[2])["keys"]]

    def token(server):
        _, cookie = sign_in(server)
        return json.loads(post(server, "/token", {}, cookie)[2])["token"]

    def who(server, given):
        return server.ask("/me", headers={"authorization": f"Bearer {given}"})[2]

    with project.serving() as server:
        old, (first,) = token(server), known(server)
        assert who(server, old) == b"ada"
    status, out, err = project.users("rotate-keys", "--json")
    assert (status, err) == (0, "")
    second = json.loads(out)["kid"]
    with project.serving() as server:
        assert set(known(server)) == {first, second}
        assert who(server, old) == b"ada"
    status, out, err = project.users("rotate-keys", "--revoke")
    assert (status, out) == (0, "")
    assert err.endswith("signs from now on; every token of the older keys is void\n")
    with project.serving() as server:
        (third,) = known(server)
        assert third not in {first, second}
        assert third in err
        assert who(server, old) == b"nobody"
        assert who(server, token(server)) == b"ada"


def test_a_password_among_the_arguments_is_not_repeated(tmp_path):
    for line in (
        ("password", "ada", "s3cret-pass"),
        ("password", "ada", "--password", "s3cret-pass"),
    ):
        status, out, err = here("users", *line, "--app", "shop", cwd=tmp_path)
        assert (status, out) == (2, "")
        assert "A password is never an argument: it comes from standard input" in err
        assert "s3cret-pass" not in err
