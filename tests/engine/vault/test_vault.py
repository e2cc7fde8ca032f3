"""The vault on real stores: who finds which secret, what is stored of it, and what a lost key means."""

import asyncio
import base64
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.secret import Secret, check_hosts
from aiwe_engine.settings import Settings
from aiwe_engine.vault.audit import Use
from aiwe_engine.vault.cipher import KeyedCipher, key_of
from aiwe_engine.vault.keyring import Keyring
from aiwe_engine.vault.rotation import rotate
from aiwe_engine.vault.vault import SCOPE, Change, Vault

VALUE = b"sk-live-4eC39HqLyjWDarjtT1zdp7dc"
KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def make(opened, tmp_path):
    """Vaults on one database, with one folder for keys or another."""

    def make_vault(folder=None, environ=None, store=None, **settings):
        keys = Keyring(folder or tmp_path, environ or {})
        told = replace(Settings(), **settings)
        return Vault(store or opened(), KeyedCipher(keys), lambda: told)

    return make_vault


async def raw(vault):
    return [orjson.loads(one) for one in await vault._store.within(SCOPE).query("secrets", {}, {})]


async def test_the_most_specific_secret_is_found_and_others_are_not(make, refused):
    vault = make()
    places = [(None, None), (None, "dev"), ("shop", None), ("shop", "dev")]
    for app, env in places:
        value = f"the value of {app} in {env}".encode()
        await vault.put("key", Change(value, hosts=["a.example"]), app=app, env=env, by="ann")
    await vault.put("other", Change(VALUE), app="blog", by="ann")
    found = {
        (app, env): vault.value(vault.find(app, env, "key")).decode()
        for app in ("shop", "blog")
        for env in ("dev", "production")
    }
    assert found == {
        ("shop", "dev"): "the value of shop in dev",
        ("shop", "production"): "the value of shop in None",
        ("blog", "dev"): "the value of None in dev",
        ("blog", "production"): "the value of None in None",
    }
    assert [one.id for one in vault.visible("shop", "dev")] == ["key"]
    assert [one.id for one in vault.visible("blog", "dev")] == ["key", "other"]
    assert vault.find("shop", "dev", "other") is None
    assert len(vault.everything()) == 5


async def test_a_secret_survives_and_its_value_is_nowhere_on_disk(make, opened, tmp_path):
    first = opened()
    vault = make(store=first)
    await vault.put("key", Change(VALUE, hosts=["A.example:8443"], description="For A"), by="ann")
    assert VALUE.decode() not in repr(vault.everything()) + repr(Change(VALUE))
    await first.close()
    again = make()
    await again.ready()
    [found] = again.everything()
    assert (found.hosts, found.description, found.created_by) == (
        ("a.example:8443",),
        "For A",
        "ann",
    )
    assert again.value(found) == VALUE
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert VALUE not in path.read_bytes()
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"a1b2c3d4e5f", "secret_too_short"),
        (b"x" * (64 * 1024 + 1), "secret_too_long"),
        (b"\xff\xfe" * 10, "invalid_secret"),
        (b" " * 20, "invalid_secret"),
    ],
)
async def test_values_that_cannot_be_kept_are_refused_and_not_repeated(make, refused, value, code):
    vault = make()
    error = await refused(vault.put("key", Change(value), by="ann"), code)
    assert repr(value)[2:-1] not in f"{error.message} {error.hint} {error.details}"
    assert vault.everything() == []


@pytest.mark.parametrize(
    "value", [b"-----BEGIN KEY-----\nMIIE\n-----END KEY-----\n", "schlüssel-größe".encode()]
)
async def test_values_are_kept_byte_by_byte(make, value):
    vault = make()
    assert vault.value(await vault.put("key", Change(value), by="ann")) == value


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "x" * 129, "..", "a\n"])
async def test_names_are_checked(make, refused, name):
    await refused(make().put(name, Change(VALUE), by="ann"), "invalid_secret_id")


@pytest.mark.parametrize(
    ("hosts", "kept"),
    [
        (["API.Example.com", "api.example.com."], ("api.example.com",)),
        (
            ["localhost:8025", "127.0.0.1:99", "[::1]:80"],
            ("localhost:8025", "127.0.0.1:99", "[::1]:80"),
        ),
        (["*.example.com"], ("*.example.com",)),
    ],
)
def test_hosts_are_kept_as_they_are_compared(hosts, kept):
    assert check_hosts(hosts) == kept


@pytest.mark.parametrize(
    "host",
    ["https://a.example", "a.example/path", "u@a.example", "*", "*.com", "a.*.com", "*a.com", "a b", "",
     "a.example:0", "a.example:65536", "a.example:", "ä.example", "[::1", "[0:0::1]", "a..example", "-a.example",
     "a.example\n"],
)  # fmt: skip
def test_what_is_no_host_is_refused(host):
    with pytest.raises(AiweError) as caught:
        check_hosts([host if host != "a.example\n" else "a\n.example"])
    assert caught.value.code == "invalid_hosts"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("allowed", "host", "port", "usual", "answer"),
    [
        ("a.example", "a.example", 443, True, True),
        ("a.example", "A.EXAMPLE.", 443, True, True),
        ("a.example", "a.example", 8443, False, False),
        ("a.example:8443", "a.example", 8443, False, True),
        ("a.example:8443", "a.example", 443, True, False),
        ("a.example", "b.a.example", 443, True, False),
        ("a.example", "aXexample", 443, True, False),
        ("a.example", "evil-a.example", 443, True, False),
        ("a.example", "a.example.evil.com", 443, True, False),
        ("*.a.example", "b.a.example", 443, True, True),
        ("*.a.example", "a.example", 443, True, False),
        ("*.a.example", "c.b.a.example", 443, True, False),
        ("*.a.example", ".a.example", 443, True, False),
        ("[::1]:80", "::1", 80, True, True),
    ],
)
def test_a_value_goes_to_its_hosts_only(allowed, host, port, usual, answer):
    assert Secret("key", hosts=(allowed,)).allows(host, port, usual) is answer
    assert Secret("key").allows(host, port, usual) is False


@pytest.mark.parametrize(
    "change",
    [{"hosts": ["evil.example"]}, {"places": ["url"]}, {"app": "shop"}, {"env": "dev"}, {"secret": "other"},
     {"revision": 7}],
)  # fmt: skip
async def test_a_record_that_was_changed_in_the_database_is_not_opened(make, change):
    vault = make()
    await vault.put("key", Change(VALUE, hosts=["a.example"]), by="ann")
    [record] = await raw(vault)
    await vault._store.within(SCOPE).update("secrets", record["id"], change, None)
    await vault.refresh()
    [found] = vault.everything()
    with pytest.raises(AiweError) as caught:
        vault.value(found)
    assert caught.value.code == "vault_damaged"


async def test_a_sealed_value_in_the_place_of_another_is_not_opened(make):
    vault = make()
    await vault.put("one", Change(VALUE, hosts=["a.example"]), by="ann")
    await vault.put("two", Change(VALUE[::-1], hosts=["a.example"]), by="ann")
    one, two = await raw(vault)
    moved = {"sealed": two["sealed"], "context": two["context"]}
    await vault._store.within(SCOPE).update("secrets", one["id"], moved, None)
    await vault.refresh()
    codes = {vault.problem(secret) and vault.problem(secret).code for secret in vault.everything()}
    assert codes == {"vault_damaged", None}


async def test_hosts_change_without_the_value_and_the_audit_has_both(make):
    vault = make()
    await vault.put("key", Change(VALUE, hosts=["a.example"]), by="ann")
    before = vault.revision
    changed = await vault.put("key", Change(hosts=["b.example"]), by="bob", new=False)
    assert (changed.hosts, changed.version, changed.created_by) == (("b.example",), 2, "ann")
    assert vault.value(changed) == VALUE
    assert vault.revision > before
    last, first = await vault.audit.entries("key")
    assert (first["what"], first["by"], first["changes"]["value"]) == ("created", "ann", True)
    assert (last["what"], last["by"]) == ("changed", "bob")
    assert last["changes"] == {"value": False, "hosts": ["b.example"], "hostsBefore": ["a.example"]}


async def test_what_is_there_or_not_is_told(make, refused):
    vault = make()
    await vault.put("key", Change(VALUE), by="ann", new=True)
    await refused(vault.put("key", Change(VALUE), by="ann", new=True), "already_exists")
    await refused(vault.put("none", Change(VALUE), by="ann", new=False), "secret_not_found")
    await refused(vault.put("none", Change(hosts=["a.example"]), by="ann"), "secret_value_needed")
    await vault.put("key", Change(VALUE), app="shop", by="ann", new=True)
    assert await vault.delete("key", None, None, "ann")
    assert not await vault.delete("key", None, None, "ann")
    assert [one.app for one in vault.everything()] == ["shop"]


async def test_another_engine_of_the_database_takes_changes_over(make, tmp_path):
    environ = {"AIWE_VAULT_KEY": KEY}
    one = make(environ=environ)
    other = Vault(one._store, KeyedCipher(Keyring(tmp_path / "2", environ)), Settings)
    await other.ready()
    await one.put("key", Change(VALUE, hosts=["a.example"]), by="ann")
    await other.refresh()
    revision = other.revision
    assert other.value(other.find("shop", "dev", "key")) == VALUE
    await other.refresh()
    assert other.revision == revision  # nothing is read again where nothing has changed
    await one.put("key", Change(VALUE[::-1]), by="ann")
    await other.put("key", Change(hosts=["b.example"]), by="bob")
    await one.refresh()
    found = one.find("shop", "dev", "key")
    assert (one.value(found), found.hosts, found.version) == (VALUE[::-1], ("b.example",), 3)
    await one.delete("key", None, None, "ann")
    await other.refresh()
    assert other.find("shop", "dev", "key") is None


async def test_with_a_lost_key_nothing_is_opened_no_new_one_is_made_and_the_way_out_works(
    make, tmp_path, refused
):
    vault = make()
    await vault.put("key", Change(VALUE), by="ann")
    [record] = await raw(vault)
    elsewhere = Vault(vault._store, KeyedCipher(Keyring(tmp_path / "2", {})), Settings)
    await elsewhere.ready()
    with pytest.raises(AiweError) as caught:
        elsewhere.value(elsewhere.find("shop", "dev", "key"))
    assert caught.value.code == "vault_key_wrong"
    assert key_of(record["sealed"]) in caught.value.message
    await refused(elsewhere.put("new", Change(VALUE), by="ann"), "vault_key_wrong")
    assert not (tmp_path / "2" / "vault.key").exists()
    assert await elsewhere.delete("key", None, None, "ann")
    assert elsewhere.value(await elsewhere.put("new", Change(VALUE), by="ann")) == VALUE


@pytest.mark.parametrize(
    "text", [KEY, KEY.rstrip("="), bytes(range(32)).hex(), f" {KEY}, {'00' * 32}"]
)
def test_the_environment_gives_keys_as_base64_or_hex(tmp_path, text):
    keys = Keyring(tmp_path, {"AIWE_VAULT_KEY": text})
    assert keys.first().value == bytes(range(32))
    assert not (tmp_path / "vault.key").exists()


@pytest.mark.parametrize("text", ["short", "zz" * 32, KEY[:-8], KEY + "AAAA", "00" * 31])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path, text):
    with pytest.raises(AiweError) as caught:
        Keyring(tmp_path, {"AIWE_VAULT_KEY": text}).first()
    assert caught.value.code == "vault_key_invalid"
    assert text not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_until_the_hint_is_followed(tmp_path, mode):
    made = Keyring(tmp_path, {}).first()
    path = tmp_path / "vault.key"
    path.chmod(mode)
    with pytest.raises(AiweError) as caught:
        Keyring(tmp_path, {}).first()
    assert caught.value.code == "vault_key_exposed"
    command = caught.value.hint.split("`")[1]
    assert command == f"chmod 600 {path}"
    subprocess.run(command.split(), check=True)
    assert Keyring(tmp_path, {}).first() == made


@pytest.mark.parametrize(
    "content", [b"abc\n", b"0123456789ab " + KEY.encode() + b"\n", b"\xff\xff"]
)
def test_a_damaged_key_file_is_told_and_never_replaced(tmp_path, content):
    path = tmp_path / "vault.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AiweError) as caught:
        Keyring(tmp_path, {}).first()
    assert caught.value.code == "vault_key_unreadable"
    assert KEY not in caught.value.message
    assert path.read_bytes() == content


def test_a_link_in_the_place_of_the_key_is_not_followed(tmp_path):
    Keyring(tmp_path / "real", {}).first()
    (tmp_path / "vault.key").symlink_to(tmp_path / "real" / "vault.key")
    with pytest.raises(AiweError, match="cannot be read"):
        Keyring(tmp_path, {}).first()


def test_every_sealing_has_a_nonce_of_its_own(tmp_path):
    cipher = KeyedCipher(Keyring(tmp_path, {}))
    sealed = {cipher.seal(VALUE, "x") for _ in range(100)}
    assert len({one.split(":")[2][:16] for one in sealed}) == 100
    assert {cipher.open(one, "x") for one in sealed} == {VALUE}


@pytest.mark.parametrize(
    "sealed", ["", "x", "aiwe1:a:b:c", "aiwe2:{key}:AAAA", "aiwe1:{key}:AAAA", "aiwe1:{key}:!"]
)
def test_what_was_never_sealed_is_damaged(tmp_path, sealed):
    cipher = KeyedCipher(Keyring(tmp_path, {}))
    text = sealed.replace("{key}", cipher.keys.first().id)
    with pytest.raises(AiweError) as caught:
        cipher.open(text, "x")
    assert caught.value.code == "vault_damaged"


def use(secret="key", **more):
    said = {"app": "shop", "env": "dev", "version": "v1", "request": "r1", "host": "a.example"}
    said |= {"how": "header", "outcome": "sent"}
    return Use(time=time.time(), secret=secret, **{**said, **more})


async def test_uses_are_stored_within_a_second_and_counted(make):
    vault = make()
    task = asyncio.create_task(vault.run(shared=False))
    for outcome in ("sent", "sent", "refused"):
        vault.used(use(outcome=outcome))
    async with asyncio.timeout(5):
        while await vault._store.within(SCOPE).count("audit", {}) < 3:
            await asyncio.sleep(0.05)
    task.cancel()
    assert await vault.audit.count("key") == {"sent": 2, "computed": 0, "refused": 1}
    entry = (await vault.audit.entries("key"))[0]
    assert entry["version"] == "v1"
    assert entry["host"] == "a.example"
    assert set(entry) == {
        "time",
        "what",
        "secret",
        "app",
        "env",
        "version",
        "request",
        "host",
        "how",
        "outcome",
    }


@pytest.mark.binds("secrets_audit_limit")
async def test_the_audit_keeps_the_latest(make):
    vault = make(secrets_audit_limit=3)
    for number in range(6):
        vault.used(use(request=str(number)))
    await vault.audit.flush()
    await vault.audit.retire()
    assert [one["request"] for one in await vault.audit.entries()] == ["5", "4", "3"]


async def test_no_number_of_uses_pushes_a_change_out_of_the_audit(make):
    vault = make(secrets_audit_limit=3)
    await vault.put("key", Change(VALUE, ("evil.example.org",)), by="mallory")
    for number in range(6):
        vault.used(use(request=str(number)))
    await vault.audit.flush()
    await vault.audit.retire()
    assert [one["what"] for one in await vault.audit.entries()] == ["use", "use", "use", "created"]


@pytest.mark.binds("secrets_audit_time")
async def test_the_audit_forgets_what_is_old(make):
    vault = make(secrets_audit_time=3600)
    vault.used(replace(use(request="old"), time=time.time() - 3700))
    vault.used(replace(use(request="new"), time=time.time() - 3500))
    await vault.audit.flush()
    await vault.audit.retire()
    assert [one["request"] for one in await vault.audit.entries()] == ["new"]


async def test_no_program_reaches_where_secrets_are(make):
    vault = make()
    await vault.put("key", Change(VALUE), by="ann")
    for app in ("vault", "~vault", "secrets"):
        assert await vault._store.within(Scope(app, "production")).query("secrets", {}, {}) == []


async def test_a_reset_of_production_leaves_secrets(tmp_path):
    async with Engine(Settings(), root=tmp_path, data=tmp_path / "data") as engine:
        await engine.vault.put("key", Change(VALUE), by="ann")
        await engine._store.within(Scope("shop", "production")).create("tasks", [{}])
        done = await engine.transfers.reset("production", None)
        assert done["documents"] == {"shop": {"tasks": 1}}
        await engine.vault.refresh()
        assert engine.vault.value(engine.vault.find("shop", "dev", "key")) == VALUE


class Failing:
    """Documents whose update fails from some call on, before or after it was done."""

    def __init__(self, documents, calls, after):
        self.documents, self.calls, self.after = documents, calls, after

    def __getattr__(self, name):
        return getattr(self.documents, name)

    async def update(self, *arguments):
        self.calls[0] -= 1
        if self.calls[0] < 0 and not self.after:
            raise OSError("the power is gone")
        await self.documents.update(*arguments)
        if self.calls[0] < 0:
            raise OSError("the power is gone")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fails_at", range(4))
async def test_a_rotation_that_ends_at_any_write_leaves_everything_readable(
    make, tmp_path, monkeypatch, fails_at, after
):
    vault = make()
    for number in range(4):
        await vault.put(f"key-{number}", Change(VALUE + b"%d" % number), by="ann")
    store, within = vault._store, vault._store.within
    calls = [fails_at]
    monkeypatch.setattr(store, "within", lambda scope: Failing(within(scope), calls, after))
    with pytest.raises(OSError, match="power"):
        await rotate(store, KeyedCipher(Keyring(tmp_path, {})), forget=True)
    monkeypatch.undo()

    async def check():
        again = Vault(store, KeyedCipher(Keyring(tmp_path, {})), Settings)
        await again.ready()
        values = [again.value(one) for one in again.everything()]
        assert values == [VALUE + b"%d" % number for number in range(4)]

    await check()
    done = await rotate(store, KeyedCipher(Keyring(tmp_path, {})), forget=True)
    assert done.unreadable == 0
    assert len(Keyring(tmp_path, {}).known()) == 1
    await check()


async def test_a_key_of_the_environment_rotates_by_two_of_them(make, refused):
    new = base64.b64encode(bytes(32)).decode()
    vault = make(environ={"AIWE_VAULT_KEY": KEY})
    await vault.put("key", Change(VALUE), by="ann")
    store = vault._store
    with_one = KeyedCipher(Keyring(Path("/nonexistent"), {"AIWE_VAULT_KEY": KEY}))
    error = await refused(rotate(store, with_one, forget=False), "vault_key_given")
    assert KEY not in error.message + error.hint
    both = KeyedCipher(Keyring(Path("/nonexistent"), {"AIWE_VAULT_KEY": f"{new},{KEY}"}))
    assert (await rotate(store, both, forget=False)).sealed == 1
    alone = make(environ={"AIWE_VAULT_KEY": new}, store=store)
    await alone.ready()
    assert alone.value(alone.find("shop", "dev", "key")) == VALUE
