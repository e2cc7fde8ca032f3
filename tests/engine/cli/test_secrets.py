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


def test_what_is_said_of_a_secret_changes_without_its_value(folder):
    given = VALUE.encode()
    secrets("set", "k", "--hosts", "a.example", "--app", "shop", cwd=folder, given=given)
    said = ("--hosts", "a.example,b.example", "--in", "url")
    status, out, err = secrets("change", "k", "--app", "shop", *said, cwd=folder)
    assert (status, out) == (0, "")
    assert err == "k (shop, each environment): for a.example, b.example, in header, url\n"
    more = ("--description", "For maps", "--in", "none", "--json")
    one = json.loads(secrets("change", "k", "--app", "shop", *more, cwd=folder)[1])
    assert (one["hosts"], one["in"]) == (["a.example", "b.example"], [])
    assert (one["description"], one["usable"], one["version"]) == ("For maps", True, 3)
    status, _, err = secrets("change", "k", "--app", "shop", "--hosts", "none", cwd=folder)
    assert "sent nowhere until `aiwe secrets change k --hosts HOST` names a host" in err
    assert code(secrets("change", "k", *said, "--json", cwd=folder)) == "secret_not_found"
    assert (
        code(secrets("change", "k", "--app", "shop", "--json", cwd=folder)) == "nothing_to_change"
    )
    secrets("delete", "k", "--app", "shop", cwd=folder)


def test_an_empty_name_of_an_app_does_not_mean_each(folder):
    for command in (("set", "k", "--hosts", "none"), ("list",), ("delete", "k"), ("change", "k")):
        status, out, err = secrets(*command, "--app", "", cwd=folder, given=VALUE.encode())
        assert (status, out) == (2, "")
        assert "--app: this is no name of an app. Leave --app out where each app is meant" in err
    assert json.loads(secrets("list", "--json", cwd=folder)[1]) == {"secrets": []}


MISPLACED = {
    "set k VALUE": "it comes from standard input, as in < FILE, or is asked for",
    "set k --value VALUE": "The value of a secret is never an argument",
    "set k --value=VALUE": "The value of a secret is never an argument",
    "set k -vVALUE": "The value of a secret is never an argument",
    "set k --host VALUE": "did you mean --hosts?",
    "--value VALUE set k": "invalid choice (choose from",
    "set k --env VALUE": "invalid choice (choose from",
    "audit --limit VALUE": "invalid int value",
    "list --json=VALUE": "ignored explicit argument",
    "delete k VALUE": "The value of a secret is never an argument",
}


@pytest.mark.parametrize("line", MISPLACED)
def test_a_value_among_the_arguments_is_not_repeated(line, tmp_path):
    status, out, err = secrets(*line.replace("VALUE", VALUE).split(), cwd=tmp_path)
    assert (status, out) == (2, "")
    assert MISPLACED[line] in err


def test_without_hosts_it_says_what_the_secret_is_good_for(folder):
    status, _, err = secrets("set", "k", "--hosts", "none", cwd=folder, given=VALUE.encode())
    assert (status, "Secrets.hmac and Secrets.matches work without" in err) == (0, True)
    assert "none: for hmac and matches" in secrets("list", cwd=folder)[1]
    secrets("delete", "k", cwd=folder)


def test_a_backup_brings_secrets_back_and_not_their_key(folder, tmp_path):
    secrets("set", "k", "--hosts", "a.example", cwd=folder, given=VALUE.encode())
    status, _, err = here("backup", "-o", tmp_path / "all.zip", cwd=folder)
    [key] = [line.split()[0] for line in key_file(folder / ".aiwe")]
    assert status == 0
    assert (
        f"note: Secrets are in it, sealed; the key is not ({key}). Keep a copy of it apart from the backup: of "
        ".aiwe/vault.key, or of AIWE_VAULT_KEY where the engine has it from there." in err
    )
    assert VALUE.encode() not in (tmp_path / "all.zip").read_bytes()

    status, _, err = here("restore", "all.zip", "--data", "new", cwd=tmp_path)
    said = f"note: Secrets in it are sealed under the key {key}, which is not here. To use them, "
    assert (status, said in err) == (0, True), err
    assert "copy vault.key of the engine that made the backup to new/vault.key and run chmod" in err
    assert "each use of a secret is vault_key_wrong" in err
    [one] = json.loads(secrets("list", "--json", "--data", "new", cwd=tmp_path)[1])["secrets"]
    assert one["problem"]["code"] == "vault_key_wrong"
    assert one["problem"]["details"] == {"keys": [key]}

    (tmp_path / "new" / "vault.key").write_bytes((folder / ".aiwe" / "vault.key").read_bytes())
    (tmp_path / "new" / "vault.key").chmod(0o644)
    status, _, err = here("restore", "all.zip", "--data", "new", "--force", cwd=tmp_path)
    assert (status, "chmod 600 new/vault.key" in err) == (0, True)
    (tmp_path / "new" / "vault.key").chmod(0o600)
    [one] = json.loads(secrets("list", "--json", "--data", "new", cwd=tmp_path)[1])["secrets"]
    assert "problem" not in one
    status, _, err = here("restore", "all.zip", "--data", "new", "--force", cwd=tmp_path)
    assert (status, "note" in err) == (0, False)
    secrets("delete", "k", cwd=folder)


def key_file(data):
    lines = (data / "vault.key").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_key_of_a_restored_backup_may_be_in_the_environment(tmp_path, monkeypatch):
    secrets("set", "k", "--hosts", "a.example", cwd=tmp_path, given=VALUE.encode())
    here("backup", "-o", "all.zip", cwd=tmp_path)
    secrets("set", "k", "--hosts", "none", "--data", "new", cwd=tmp_path, given=VALUE.encode())
    status, _, err = here("restore", "all.zip", "--data", "new", "--force", cwd=tmp_path)
    [[key, value]] = [line.split() for line in key_file(tmp_path / ".aiwe")]
    assert f"add the line that begins with {key} in vault.key of the engine that made" in err
    monkeypatch.setenv("AIWE_VAULT_KEY", value)
    status, _, err = here("restore", "all.zip", "--data", "new", "--force", cwd=tmp_path)
    assert (status, "note" in err) == (0, False)
