"""`aiwe tokens`: tokens of who manages an engine, with an engine that runs and without one."""

import contextlib
import json
import re

import pytest

from aiwe_engine.managers.tokens import FILE, Tokens
from tests.engine.cli.process import aiwe, here, serving

SENSELESS = [
    (
        ["--role", "king"],
        1,
        'There is no role "king". (no_such_role)\nhint: The roles are viewer,',
    ),
    (["--role", "launcher"], 1, "(no_such_role)"),
    (["--role", ""], 1, "(no_such_role)"),
    (["--role", "viewer", "--app", "A b"], 1, '"app" must be the name of an app'),
    (["--role", "viewer", "--app", ""], 1, '"app" must be the name of an app'),
    (
        ["--role", "viewer", "--name", "a\x1b[2J"],
        1,
        '"name" must be at most 100 characters of one line',
    ),
    (
        ["--role", "viewer", "--name", "a" * 101],
        1,
        '"name" must be at most 100 characters of one line',
    ),
    (["--role", "viewer", "--expires", "soon"], 2, "expected a time: seconds, or text such as"),
    (
        ["--role", "viewer", "--expires", "0"],
        2,
        "out of range: at least 1 s, at most 3650 days",
    ),
    (["--role", "viewer", "--expires", "-1d"], 2, "expected one argument"),
    (["--role", "viewer", "--expires", "3651d"], 2, "out of range"),
    (["--role", "viewer", "--expires", ""], 2, "expected a time"),
    ([], 2, "required: --role"),
    (["--rol", "viewer"], 2, "required: --role"),
]
TOKEN = re.compile(r"aiwe-([0-9a-f]{12})-[\w-]{43}\n", re.ASCII)


class Project:
    """Two apps and a token that has expired; `server` is None where no engine runs."""

    def __init__(self, root, server, expired):
        self.root, self.server, self.expired = root, server, expired

    def tokens(self, *arguments):
        return here("tokens", *arguments, cwd=self.root)

    def create(self, *arguments):
        """A new token, and its id."""
        status, out, err = self.tokens("create", *arguments)
        assert status == 0, err
        found = TOKEN.fullmatch(out)
        assert found, out
        return out.strip(), found[1]

    def listed(self):
        return json.loads(self.tokens("list", "--json")[1])

    @contextlib.contextmanager
    def asking(self):
        """Asks the management API of the engine that runs, or of another one: status and code."""
        with contextlib.ExitStack() as stack:
            server = self.server or stack.enter_context(
                serving("shop.js", "other.js", cwd=self.root)
            )
            info = json.loads((self.root / ".aiwe" / "engine.json").read_text())
            port = int(info["management_url"].split(":")[2].partition("/")[0])

            def ask(token, path, method="GET", body=None):
                headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
                data = None if body is None else json.dumps(body)
                status, _, answer = server.ask(
                    f"/aiwe/api{path}", method, body=data, headers=headers, port=port
                )
                return status, json.loads(answer).get("error", {}).get("code") if answer else None

            yield ask
            if self.server is None:
                server.end()


@pytest.fixture(params=["stopped", "running"])
def project(request, tmp_path):
    for app in ("shop", "other"):
        (tmp_path / f"{app}.js").write_text('app.get("/", () => 1);')
    (tmp_path / ".aiwe").mkdir(mode=0o700)
    old = Tokens(tmp_path / ".aiwe", lambda: 0.0)
    _, expired = old.create("admin", name="old", expires=60)
    if request.param == "stopped":
        yield Project(tmp_path, None, expired)
        return
    with serving("shop.js", "other.js", cwd=tmp_path) as server:
        yield Project(tmp_path, server, expired)


def test_a_token_stands_alone_on_standard_output_and_is_told_once(project):
    status, out, err = project.tokens(
        "create", "--role", "developer", "--app", "shop", "--name", "Ada"
    )
    assert status == 0
    key = TOKEN.fullmatch(out)[1]
    assert err == f"{key} (Ada): developer of shop, until it is revoked; it is shown this once\n"
    for shown in (project.tokens("list"), project.tokens("list", "--json")):
        assert key in shown[1]
        assert out.strip() not in shown[1]
        assert "sha256" not in shown[1]
    assert out.strip() not in (project.root / ".aiwe" / FILE).read_text()


def test_a_shell_takes_the_token_of_the_command(project):
    status, out, _ = aiwe("tokens", "create", "--role", "viewer", cwd=project.root)
    assert status == 0
    with project.asking() as ask:
        assert ask(out.removesuffix("\n"), "/apps") == (200, None)


def test_what_is_done_with_tokens_is_in_the_audit_whether_an_engine_runs_or_not(project):
    token, key = project.create("--role", "viewer", "--app", "shop")
    assert project.tokens("revoke", key)[0] == 0
    assert project.tokens("revoke", key)[0] == 1
    project.tokens("list")
    lines = (project.root / ".aiwe" / "management.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [(one["call"], one["app"], one["outcome"], one["roles"]) for one in told] == [
        ("POST /tokens", "shop", "done", ["admin"]),
        ("DELETE /tokens/:id", None, "done", ["admin"]),
        ("DELETE /tokens/:id", None, "no_such_token", ["admin"]),
    ]
    assert [one["path"] for one in told] == ["/aiwe/api/tokens", *[f"/aiwe/api/tokens/{key}"] * 2]
    assert all(one["who"] and one["request"] for one in told)
    assert token.removeprefix(f"aiwe-{key}-") not in "".join(lines)


def test_a_token_of_one_app_is_refused_by_another(project):
    token, _ = project.create("--role", "developer", "--app", "shop")
    with project.asking() as ask:
        assert ask(token, "/data/shop") == (200, None)
        assert ask(token, "/data/other") == (403, "app_not_yours")
        assert ask(token, "/tokens") == (403, "not_permitted")


def test_a_token_may_do_what_its_role_may(project):
    viewer, _ = project.create("--role", "viewer")
    admin, _ = project.create("--role", "admin", "--expires", "30d")
    with project.asking() as ask:
        assert ask(viewer, "/apps") == (200, None)
        assert ask(viewer, "/data/shop") == (403, "not_permitted")
        assert ask(viewer, "/tokens", "POST", {"role": "admin"}) == (403, "not_permitted")
        assert ask(admin, "/tokens") == (200, None)


@pytest.mark.parametrize("whole", [False, True], ids=["by id", "by the token"])
def test_a_token_that_is_revoked_is_void(project, whole):
    token, key = project.create("--role", "viewer")
    kept, _ = project.create("--role", "viewer")
    assert project.tokens("revoke", token if whole else key) == (0, "", f"{key} is void\n")
    with project.asking() as ask:
        assert ask(token, "/apps") == (401, "unauthorized")
        assert ask(kept, "/apps") == (200, None)
    status, out, err = project.tokens("revoke", key)
    assert (status, out) == (1, "")
    assert err == (
        f'error: There is no token with the id "{key}". (no_such_token)\n'
        "hint: `aiwe tokens list` and GET /aiwe/api/tokens show the ids.\n"
    )


def test_a_token_that_has_expired_is_void_and_listed_as_such(project):
    _, later = project.create("--role", "tester", "--expires", "12h")
    status, out, err = project.tokens("list")
    assert (status, err) == (0, "")
    head, old, new = out.splitlines()
    assert head.split() == ["ID", "NAME", "ROLE", "APP", "CREATED", "BY", "EXPIRES"]
    assert old.split()[1:] == [
        *("old", "admin", "each", "1970-01-01", "owner", "expired", "1970-01-01T00:01:00Z")
    ]
    assert new.startswith(later)
    assert "expired" not in new
    old, new = project.listed()
    assert new["expires_at"] - new["created_at"] == pytest.approx(12 * 3600)
    with project.asking() as ask:
        assert ask(project.expired, "/apps") == (401, "unauthorized")
    assert project.tokens("revoke", old["id"])[0] == 0
    assert [one["id"] for one in project.listed()] == [later]


def test_everything_is_told_in_json_too(project):
    status, out, err = project.tokens("create", "--role", "viewer", "--json")
    made = json.loads(out)
    assert (status, err) == (0, "")
    assert (made["role"], made["app"], made["name"], made["expires_at"]) == (
        *("viewer", None, "viewer", None),
    )
    assert TOKEN.fullmatch(made["token"] + "\n")[1] == made["id"]
    status, out, _ = project.tokens("revoke", made["id"], "--json")
    assert (status, json.loads(out)) == (0, {"revoked": made["id"]})
    status, out, err = project.tokens("revoke", made["id"], "--json")
    assert (status, err) == (1, "")
    assert json.loads(out)["error"]["code"] == "no_such_token"


def test_a_token_that_makes_no_sense_is_not_made(project):
    before = (project.root / ".aiwe" / FILE).read_bytes()
    for arguments, status, words in SENSELESS:
        done, out, err = project.tokens("create", *arguments)
        assert (done, out) == (status, ""), arguments  # nothing that a shell would take for a token
        assert words in err, arguments
    assert (project.root / ".aiwe" / FILE).read_bytes() == before


def test_what_is_no_id_revokes_nothing(project):
    for key in ("", ".", "..", "x", "../people/shop", "0" * 12, "0" * 13, "%2e"):
        status, out, err = project.tokens("revoke", key)
        assert (status, out) == (1, "")
        assert f'There is no token with the id "{key}". (no_such_token)' in err
    assert len(project.listed()) == 1


def test_the_longest_life_is_one_that_the_engine_takes(project):
    assert project.create("--role", "viewer", "--expires", "3650d")


@pytest.mark.parametrize(
    "command", [["create", "--role", "viewer"], ["list"], ["revoke", "0" * 12]]
)
def test_a_folder_that_no_engine_has_used_is_told_and_not_made(tmp_path, command):
    status, out, err = here("tokens", *command, "--data", tmp_path / "no", cwd=tmp_path)
    assert (status, out) == (1, "")
    assert "There is no data in" in err
    assert not (tmp_path / "no").exists()


def test_a_folder_without_tokens_says_so(tmp_path):
    (tmp_path / ".aiwe").mkdir()
    assert here("tokens", "list", cwd=tmp_path) == (0, "", "There are no tokens.\n")
    assert here("tokens", "list", "--json", cwd=tmp_path) == (0, "[]\n", "")


def test_tokens_that_cannot_be_read_are_told_and_left(tmp_path):
    (tmp_path / ".aiwe").mkdir()
    kept = tmp_path / ".aiwe" / FILE
    kept.write_text("no tokens")
    status, out, err = here("tokens", "create", "--role", "viewer", cwd=tmp_path)
    assert (status, out) == (1, "")
    assert "(data_unusable)" in err
    assert "hint: Take the file away" in err
    assert kept.read_text() == "no tokens"
