"""`aiwe secrets`: with an engine that runs and without one; a value is never repeated."""

import json

import pytest

from tests.engine.cli.process import here, serving

VALUE = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
PROGRAM = 'app.get("/", () => "hi");'


def secrets(*arguments, cwd, given=b""):
    status, out, err = here("secrets", *arguments, cwd=cwd, given=given)
    assert VALUE not in out + err
    return status, out, err


@pytest.fixture(scope="module", params=["stopped", "running"])
def folder(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    (root / "shop.js").write_text(PROGRAM)
    if request.param == "running":
        with serving("shop.js", cwd=root):
            yield root
    else:
        yield root


def code(answer):
    status, out, _ = answer
    assert status == 1
    error = json.loads(out)["error"]
    assert error["hint"]
    return error["code"]


def test_a_secret_is_set_shown_listed_rotated_audited_and_deleted(folder):
    given = VALUE.encode() + b"\n"
    said = ("--hosts", "api.example.com,localhost:8025", "--in", "body", "--description", "Mail")
    status, out, err = secrets(
        "set", "mail_key", *said, "--env", "production", cwd=folder, given=given
    )
    assert (status, out) == (0, "")
    assert "32 bytes stored, for api.example.com, localhost:8025" in err  # the line break is off
    status, out, _ = secrets("list", "--json", cwd=folder)
    [one] = json.loads(out)["secrets"]
    expected = {"id": "mail_key", "hosts": ["api.example.com", "localhost:8025"], "in": ["body"]}
    expected |= {"app": None, "env": "production", "description": "Mail", "usable": True}
    assert {name: one[name] for name in expected} == expected
    assert code(secrets("show", "mail_key", "--json", cwd=folder)) == "secret_not_found"
    status, out, _ = secrets("show", "mail_key", "--env", "production", cwd=folder)
    assert (status, "api.example.com" in out) == (0, True)
    status, out, _ = secrets("rotate-key", "--json", cwd=folder)
    done = json.loads(out)
    assert (status, done["sealed"] >= 1, done["unreadable"], len(done["kept"])) == (0, True, 0, 1)
    status, out, _ = secrets("rotate-key", "--forget", "--json", cwd=folder)
    assert len(json.loads(out)["forgotten"]) == 2
    [one] = json.loads(secrets("list", "--json", cwd=folder)[1])["secrets"]
    assert "problem" not in one
    status, out, _ = secrets("audit", cwd=folder)
    assert [line.split()[1] for line in out.splitlines()] == ["created", "rotated", "rotated"]
    assert secrets("delete", "mail_key", "--env", "production", cwd=folder)[0] == 0
    assert (
        code(secrets("delete", "mail_key", "--env", "production", "--json", cwd=folder))
        == "secret_not_found"
    )


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        (["k"], VALUE, "hosts_needed"),
        (["k", "--hosts", "https://a.example"], VALUE, "invalid_hosts"),
        (["k", "--hosts", "a.example"], "a1b2c3d4e5f\n", "secret_too_short"),
        (["k", "--hosts", "a.example"], "", "secret_too_short"),
        (["a/b", "--hosts", "a.example"], VALUE, "invalid_secret_id"),
        (["k", "--hosts", "a.example", "--in", "path"], VALUE, "invalid_places"),
    ],
)
def test_what_cannot_be_a_secret_is_refused(folder, arguments, given, expected):
    answer = secrets("set", *arguments, "--json", cwd=folder, given=given.encode())
    assert code(answer) == expected
    assert not given.strip() or given.strip() not in answer[1]
    assert json.loads(secrets("list", "--json", cwd=folder)[1]) == {"secrets": []}


def test_without_hosts_it_says_that_it_is_usable_nowhere(folder):
    status, _, err = secrets("set", "k", "--hosts", "none", cwd=folder, given=VALUE.encode())
    assert (status, "usable nowhere" in err) == (0, True)
    secrets("delete", "k", cwd=folder)


def test_a_backup_brings_secrets_back_and_not_their_key(tmp_path):
    secrets("set", "k", "--hosts", "a.example", cwd=tmp_path, given=VALUE.encode())
    assert here("backup", "-o", "all.zip", cwd=tmp_path)[0] == 0
    assert VALUE.encode() not in (tmp_path / "all.zip").read_bytes()
    assert here("restore", "all.zip", "--data", "new", cwd=tmp_path)[0] == 0
    [one] = json.loads(secrets("list", "--json", "--data", "new", cwd=tmp_path)[1])["secrets"]
    assert one["problem"]["code"] == "vault_key_wrong"
    (tmp_path / ".aiwe" / "vault.key").rename(tmp_path / "new" / "vault.key")
    [one] = json.loads(secrets("list", "--json", "--data", "new", cwd=tmp_path)[1])["secrets"]
    assert "problem" not in one
