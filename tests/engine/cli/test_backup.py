"""`aiwe backup`, `aiwe restore` and `aiwe data reset`: all of it, or nothing."""

import hashlib
import http.client
import json
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from aiwe_engine import swap
from aiwe_engine.state import DataFolder
from tests.engine.cli.process import ENVIRONMENT, here, serving

PROGRAM = """
await DataRepository.define("users", { unique: ["email"], schema: {
  type: "object", required: ["email"], properties: { email: { type: "string" } } } });
app.post("/users", (req) => DataRepository.create("users", req.body));
app.get("/users", () => DataRepository.list("users"));
app.post("/login", (req) => { req.session.set("user", req.body.user); return "ok"; });
app.get("/me", (req) => req.session.get("user") ?? "nobody");
app.post("/files", async (req) => (await req.files[0].save()).id);
app.get("/files/:id", (req) => Response.file(req.params.id));
app.post("/logo", async (req) => { await Assets.write("logo.txt", req.body.text); return "ok"; });
app.post("/accounts", async () => {
  for (let n = 0; n < 20; n++) await DataRepository.create("accounts", { id: `${n}`, amount: 100 });
});
app.post("/move", (req) => DataRepository.transaction(async (tx) => {
  const { from, to } = req.body;
  await tx.modify("accounts", from, { $inc: { amount: -1 } });
  await tx.modify("accounts", to, { $inc: { amount: 1 } });
}));
"""
HOST = "shop.localhost"
JSON = {"content-type": "application/json"}
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    b"kept bytes\r\n--b--\r\n"
)
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


def post(server, path, value, headers=JSON):
    body = json.dumps(value) if headers is JSON else value
    status, answered, text = server.ask(path, "POST", host=HOST, body=body, headers=headers)
    assert status < 300, text
    return answered, text


def manifest_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("manifest.json"))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with data of every kind: its folder, a backup made while it ran, and what was in it."""
    root = tmp_path_factory.mktemp("shop")
    (root / "shop.js").write_text(PROGRAM)
    with serving("shop.js", cwd=root) as server:
        post(server, "/users", {"id": "ann", "email": "ann@example.com"})
        answered, _ = post(server, "/login", {"user": "ann"})
        cookie = answered["set-cookie"].partition(";")[0]
        file_id = post(server, "/files", FORM, MULTIPART)[1].decode()
        post(server, "/logo", {"text": "a logo"})
        status, out, err = here("backup", "-o", "kept.zip", cwd=root)
        assert (status, out) == (0, ""), err
        assert "→ kept.zip" in err
        assert server.end()[0] == 0
    return root, cookie, file_id


def test_a_backup_has_everything_and_tells_what_it_has(project):
    root, _, file_id = project
    path = root / "kept.zip"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = manifest_of(path)
    assert (told["format"], told["files"], told["assets"]) == (1, 1, 1)
    held = {(one["app"], one["name"]): one for one in told["collections"]}
    assert held["shop", "users"]["definition"]["unique"] == [["email"]]
    assert held["~shop", "sessions"]["documents"] == 1
    assert [one["collection"] for one in told["migrations"]] == ["users"]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert names[-1] == "manifest.json"
        for name, one in told["members"].items():
            content = archive.read(name)
            assert one == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        [user] = archive.read("documents/shop/production/users.ndjson").splitlines()
        assert json.loads(user)["email"] == "ann@example.com"
        assert archive.read(f"files/shop@production/{file_id}/content") == b"kept bytes"
    assert [name for name in names if "engine" in name or "lock" in name or "cache" in name] == []


def test_a_restored_engine_is_as_it_was(project, tmp_path):
    root, cookie, file_id = project
    (tmp_path / "shop.js").write_text(PROGRAM)
    status, _, err = here("restore", root / "kept.zip", cwd=tmp_path)
    assert status == 0, err
    names = sorted(path.name for path in (tmp_path / ".aiwe").iterdir())
    assert names == ["assets", "data.duckdb", "engine.lock", "files"]
    with serving("shop.js", cwd=tmp_path) as server:
        assert [one["id"] for one in json.loads(server.ask("/users")[2])] == ["ann"]
        assert server.ask("/me", host=HOST, headers={"cookie": cookie})[2] == b"ann"
        assert server.ask(f"/files/{file_id}")[2] == b"kept bytes"
        assert server.ask("/assets/logo.txt")[2] == b"a logo"
        again = json.dumps({"email": "ann@example.com"})
        assert server.ask("/users", "POST", body=again, headers=JSON)[0] == 409
        status, _, err = here("restore", root / "kept.zip", "--force", cwd=tmp_path)
        assert (status, "data_in_use" in err, "End that engine first" in err) == (1, True, True)
        assert here("backup", "-o", "again.zip", cwd=tmp_path)[0] == 0
    before, after = manifest_of(root / "kept.zip"), manifest_of(tmp_path / "again.zip")
    for name in ("collections", "migrations", "members"):
        assert after[name] == before[name]


def test_data_that_is_there_is_replaced_only_by_force(project, tmp_path):
    root = project[0]
    given = b'{"id":"other"}'
    here("data", "import", "-", "--collection", "mine", "--app", "shop", cwd=tmp_path, given=given)
    (tmp_path / ".aiwe" / "cache").mkdir()
    (tmp_path / ".aiwe" / "data.duckdb.wal").write_bytes(b"of the old database")
    status, _, err = here("restore", root / "kept.zip", cwd=tmp_path)
    assert (status, "data_exists" in err, "--force" in err) == (1, True, True)
    assert here("restore", root / "kept.zip", "--force", cwd=tmp_path)[0] == 0
    names = sorted(path.name for path in (tmp_path / ".aiwe").iterdir())
    assert names == ["assets", "cache", "data.duckdb", "engine.lock", "files"]
    out = here("data", "list", cwd=tmp_path)[1]
    assert "users" in out
    assert "mine" not in out


def test_a_backup_passes_from_a_file_to_postgres_and_back(project, tmp_path, database):
    there, back = tmp_path / "there", tmp_path / "back"
    for folder in (there, back):
        folder.mkdir()
    (there / "aiwe.toml").write_text(f'[data]\nurl = "{database}"\n')
    status, _, err = here("restore", project[0] / "kept.zip", cwd=there)
    assert status == 0, err
    assert not (there / ".aiwe" / "data.duckdb").exists()
    assert "users" in here("data", "list", cwd=there)[1]
    assert "ann@example.com" in here("data", "export", "users", cwd=there)[1]
    assert here("backup", "-o", "again.zip", cwd=there)[0] == 0
    status, _, err = here("restore", "again.zip", "--force", cwd=there)
    assert (status, "data_exists" in err, "empty database" in err) == (1, True, True)
    assert here("restore", there / "again.zip", cwd=back)[0] == 0
    assert here("backup", "-o", "back.zip", cwd=back)[0] == 0
    before, after = manifest_of(project[0] / "kept.zip"), manifest_of(back / "back.zip")
    for name in ("collections", "migrations"):
        assert after[name] == before[name]


def test_a_backup_under_writers_is_of_one_instant(tmp_path):
    (tmp_path / "shop.js").write_text(PROGRAM)
    with serving("shop.js", cwd=tmp_path) as server:
        post(server, "/accounts", {})
        done, moved = threading.Event(), []

        def mover(number):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            while not done.is_set():
                ends = {"from": f"{number}", "to": f"{(number + 7) % 20}"}
                connection.request("POST", "/move", json.dumps(ends), JSON)
                moved.append(connection.getresponse().read())
            connection.close()

        movers = [threading.Thread(target=mover, args=(number,)) for number in range(3)]
        for one in movers:
            one.start()
        for number in range(4):
            assert here("backup", "-o", f"{number}.zip", cwd=tmp_path)[0] == 0
        done.set()
        for one in movers:
            one.join()
        assert len(moved) > 3
    sums = []
    for number in range(4):
        with zipfile.ZipFile(tmp_path / f"{number}.zip") as archive:
            lines = archive.read("documents/shop/production/accounts.ndjson").splitlines()
        sums.append(sum(json.loads(line)["amount"] for line in lines))
    assert sums == [2000] * 4


def rewritten(source, target, change):
    """The same archive with other members: `change` gets them by name."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def with_manifest(change):
    def changed(members):
        told = json.loads(members["manifest.json"])
        change(told, members)
        members["manifest.json"] = json.dumps(told).encode()

    return changed


def add(name, content):
    def changed(told, members):
        members[name] = content
        told["members"][name] = {
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }

    return with_manifest(changed)


USERS = "documents/shop/production/users.ndjson"
WRONG = {
    "a changed document": (
        lambda m: m.update({USERS: m[USERS].replace(b"ann@", b"eve@")}),
        "not_a_backup",
    ),
    "a longer document": (lambda m: m.update({USERS: m[USERS] + b" "}), "not_a_backup"),
    "a missing member": (lambda m: m.pop(USERS), "not_a_backup"),
    "a member more": (lambda m: m.update(more=b""), "not_a_backup"),
    "no manifest": (lambda m: m.pop("manifest.json"), "not_a_backup"),
    "a manifest that is no JSON": (lambda m: m.update({"manifest.json": b"{"}), "not_a_backup"),
    "a name that leads out": (add("files/../../../evil", b"x"), "not_a_backup"),
    "a name from the root": (add("/tmp/evil", b"x"), "not_a_backup"),
    "a name of something else": (add("engine.json", b"{}"), "not_a_backup"),
    "a collection of no place": (
        add("documents/shop/production/more.ndjson", b"{}"),
        "not_a_backup",
    ),
    "a bomb": (add(f"assets/shop/dev/contents/{'0' * 64}", bytes(1 << 22)), "not_a_backup"),
    "a newer format": (with_manifest(lambda t, _: t.update(format=2, aiwe="9.0")), "backup_newer"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_whole_backup_changes_nothing(project, tmp_path, monkeypatch, name):
    change, code = WRONG[name]
    monkeypatch.setattr("aiwe_engine.transfer.archive._SMALL", 1 << 20)
    rewritten(project[0] / "kept.zip", tmp_path / "wrong.zip", change)
    given = b'{"id":"mine"}'
    here("data", "import", "-", "--collection", "old", "--app", "shop", cwd=tmp_path, given=given)
    status, _, err = here("restore", "wrong.zip", "--force", cwd=tmp_path)
    assert (status, code in err) == (1, True), err
    assert "hint:" in err
    assert "mine" in here("data", "export", "old", cwd=tmp_path)[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".aiwe", "wrong.zip"]
    names = {path.name for path in (tmp_path / ".aiwe").iterdir()}
    assert names == {"data.duckdb", "engine.lock"}


def test_half_an_archive_is_no_backup(project, tmp_path):
    content = (project[0] / "kept.zip").read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "half.zip").write_bytes(content[:length])
        status, _, err = here("restore", "half.zip", cwd=tmp_path)
        assert (status, "not_a_backup" in err) == (1, True)
    status, _, err = here("restore", "none.zip", cwd=tmp_path)
    assert (status, "unreadable_file" in err) == (1, True)


CRASH = """
import os, signal, sys
from pathlib import Path
from aiwe_engine import swap
from aiwe_engine.cli.main import main
step, left = sys.argv[1], int(sys.argv[2])
before = getattr(swap, step)
def dying(*given):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return before(*given)
setattr(swap, step, dying)
main(["restore", *sys.argv[3:], "--force"])
"""


@pytest.mark.parametrize(
    ("step", "after", "new"),
    [("commit", 0, False), ("_sync_all", 0, False), ("settle", 1, True)]
    + [("_move", after, True) for after in range(6)],
)
def test_a_restore_that_is_killed_has_happened_or_has_not(project, tmp_path, step, after, new):
    given = b'{"id":"mine"}'
    here("data", "import", "-", "--collection", "old", "--app", "shop", cwd=tmp_path, given=given)
    (tmp_path / ".aiwe" / "data.duckdb.wal").write_bytes(b"")
    command = [sys.executable, "-c", CRASH, step, str(after), str(project[0] / "kept.zip")]
    ended = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    with DataFolder(tmp_path / ".aiwe"):
        names = {path.name for path in (tmp_path / ".aiwe").iterdir()}
        assert {swap._STAGE, swap._READY} & names == set()
    out = here("data", "list", cwd=tmp_path)[1]
    assert ("users" in out, "old" in out) == (new, not new)
    assert (tmp_path / ".aiwe" / "files" / "kept").exists() == new


def test_a_backup_that_is_killed_leaves_nothing_under_its_name(project, tmp_path):
    program = (
        "import os, signal, sys\n"
        "from aiwe_engine.transfer import files\n"
        "files.Draft.keep = lambda self: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from aiwe_engine.cli.main import main\n"
        f"main(['backup', '--data', {str(project[0] / '.aiwe')!r}, '-o', 'b.zip'])\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert not (tmp_path / "b.zip").exists()
    assert here("backup", "--data", project[0] / ".aiwe", "-o", tmp_path, cwd=tmp_path)[0] == 0
    assert len(list(tmp_path.glob("aiwe-shop*.zip"))) == 1


def test_where_a_backup_cannot_be_written_is_told(project, tmp_path):
    data = project[0] / ".aiwe"
    status, _, err = here("backup", "--data", data, "-o", "/proc/nowhere/b.zip", cwd=tmp_path)
    assert (status, "storage_failed" in err, "hint: Name a file with -o" in err) == (1, True, True)
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb") as full:
            command = [
                sys.executable,
                "-m",
                "aiwe_engine",
                "backup",
                "--data",
                str(data),
                "-o",
                "-",
            ]
            ended = subprocess.run(
                command,
                stdout=full,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                check=False,
                timeout=60,
            )
        assert (ended.returncode, b"storage_full" in ended.stderr) == (1, True), ended.stderr


def test_an_environment_is_reset_when_somebody_says_so(tmp_path):
    (tmp_path / "shop.js").write_text(PROGRAM)
    with serving("shop.js", "--env", "dev", cwd=tmp_path) as server:
        post(server, "/users", {"id": "ann", "email": "ann@example.com"})
        answered, _ = post(server, "/login", {"user": "ann"})
        cookie = answered["set-cookie"].partition(";")[0]
        file_id = post(server, "/files", FORM, MULTIPART)[1].decode()
        post(server, "/logo", {"text": "a logo"})
        more = ("--collection", "users", "--app", "shop", "--env", "production")
        given = b'{"id":"bob","email":"b"}'
        here("data", "import", "-", *more, cwd=tmp_path, given=given)

        for said in (b"", b"n\n", b"\n"):
            status, _, err = here("data", "reset", "--env", "dev", cwd=tmp_path, given=said)
            assert (status, "Nothing was deleted" in err) == (1, True)
            assert (
                "1 document of shop in dev, accounts, sessions and kept files too. Go on? [y/N]"
                in err
            )
        assert len(json.loads(server.ask("/users")[2])) == 1

        status, _, err = here("data", "reset", "--env", "dev", cwd=tmp_path, given=b"y\n")
        assert status == 0, err
        assert "shop: 1 document\nDeleted in dev, with 0 accounts, 1 sessions and 1 files." in err
        assert json.loads(server.ask("/users")[2]) == []
        assert server.ask("/me", host=HOST, headers={"cookie": cookie})[2] == b"nobody"
        assert server.ask(f"/files/{file_id}")[0] == 404
        assert server.ask("/assets/logo.txt")[2] == b"a logo"
        post(server, "/users", {"id": "ann", "email": "ann@example.com"})
        assert (
            server.ask("/users", "POST", body="{}", headers=JSON)[0] == 400
        )  # what was declared stays
        assert post(server, "/files", FORM, MULTIPART)[1].decode() != file_id
        assert (
            here("data", "reset", "--env", "dev", "--app", "other", "--yes", cwd=tmp_path)[0] == 0
        )
        assert len(json.loads(server.ask("/users")[2])) == 1
        assert here("data", "reset", "--env", "dev", "--yes", cwd=tmp_path)[0] == 0
        assert json.loads(server.ask("/users")[2]) == []

    for said in ((), ("--yes",), ("--app", "shop")):
        status, _, err = here("data", "reset", "--env", "production", *said, cwd=tmp_path)
        assert (status, "not_confirmed" in err) == (1, True)
    sure = ("data", "reset", "--env", "production", "--app", "shop", "--yes")
    assert here(*sure, cwd=tmp_path, given=b"y\n")[0] == 1
    assert "bob" in here("data", "export", "users", "--env", "production", cwd=tmp_path)[1]
    assert here(*sure, cwd=tmp_path, given=b"shop\n")[0] == 0
    assert here("data", "export", "users", "--env", "production", cwd=tmp_path)[1] == ""
