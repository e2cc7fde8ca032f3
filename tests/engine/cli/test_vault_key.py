"""A key that is missing while apps are served, and keys that change while the process is killed."""

import json
import signal
import subprocess
import sys
import time

import pytest

from aiwe_engine.vault.keyring import Keyring
from tests.engine.cli.process import ENVIRONMENT, here
from tests.engine.cli.test_configuration import watched
from tests.engine.cli.test_configured_secrets import listener

VALUE = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
PROGRAM = """
app.get("/send/:port", async (req) => {
  try {
    const headers = { authorization: Secrets.get("k") };
    return (await fetch(`http://127.0.0.1:${req.params.port}/`, { headers })).status;
  } catch (error) {
    return [error.code, error.message, error.hint];
  }
});
app.get("/throw/:port", async (req) =>
  fetch(`http://127.0.0.1:${req.params.port}/`, { headers: { authorization: Secrets.get("k") } }));
"""


def secrets(*arguments, cwd):
    status, out, err = here("secrets", *arguments, "--json", cwd=cwd, given=VALUE.encode())
    assert VALUE not in out + err
    return status, json.loads(out)


def test_without_the_key_programs_are_told_other_apps_go_on_and_the_log_says_it_once(tmp_path):
    (tmp_path / "shop.js").write_text(PROGRAM)
    (tmp_path / "blog.js").write_text('app.get("/", () => "a page");')
    with listener() as (port, got):
        (tmp_path / "aiwe.toml").write_text(f'[fetch]\nallow_private = ["127.0.0.1:{port}"]')
        secrets("set", "k", "--hosts", f"127.0.0.1:{port}", cwd=tmp_path)
        key = tmp_path / ".aiwe" / "vault.key"
        [wrong] = [one.id for one in Keyring(key.parent).known()]
        key.rename(tmp_path / "elsewhere")
        with watched("shop.js", "blog.js", cwd=tmp_path) as (server, _):
            for _ in range(3):
                code, message, hint = json.loads(
                    server.ask(f"/send/{port}", host="shop.localhost")[2]
                )
                assert code == "vault_key_wrong"
                assert message == (
                    'The secret "k" cannot be opened. The vault\'s key is not the one that this was sealed under: '
                    f"{wrong}."
                )
                assert hint.startswith(
                    "Put the key file back (vault.key in the data folder), or give the key as AIWE_"
                )
            status, _, body = server.ask(f"/throw/{port}", host="shop.localhost")
            assert (status, wrong in body.decode()) == (500, False)  # visitors are not told
            assert server.ask("/", host="blog.localhost")[0::2] == (200, b"a page")
            status, said = secrets("set", "other", "--hosts", "none", cwd=tmp_path)
            assert (status, said["error"]["code"]) == (1, "vault_key_wrong")
            assert not key.exists()  # and none is made beside what it could not open

            (tmp_path / "elsewhere").rename(key)
            end = time.monotonic() + 20
            while server.ask(f"/send/{port}", host="shop.localhost")[2] != b"200":
                assert time.monotonic() < end
            assert set(got) == {VALUE}
            assert secrets("set", "other", "--hosts", "none", cwd=tmp_path)[0] == 0
            err = server.end()[2]
    assert err.count("secrets cannot be opened") == 1, err
    assert f"sealed under: {wrong}. Put the key file back" in err


CRASH = """
import os, signal, sys
from aiwe_engine.vault import cipher, keyring, rotation
from aiwe_engine.cli.main import main
left = int(sys.argv[1])
def dying(home, name, after=False):
    before = getattr(home, name)
    def step(*given, **named):
        if not after:
            count()
        result = before(*given, **named)
        if after:
            count()
        return result
    setattr(home, name, step)
def count():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
for name in ("_draft", "_write", "keep"):
    dying(keyring.Keyring, name)
    dying(keyring.Keyring, name, after=True)
dying(keyring.os, "fsync")
dying(keyring, "_sync")
dying(cipher.KeyedCipher, "seal")
def counted(before):
    async def step(*given):
        result = await before(*given)
        count()
        return result
    return step
rotation._seal = counted(rotation._seal)
rotation._pass = counted(rotation._pass)
sys.exit(main(["secrets", "rotate-key", "--forget"]))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_rotation_that_is_killed_loses_nothing_and_goes_on(tmp_path):
    """One process more at each step, from the first to one that comes to its end."""
    for number in range(4):
        secrets("set", f"k{number}", "--hosts", f"{number}.example", cwd=tmp_path)
    step, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        assert step < 100
        command = [sys.executable, "-c", CRASH, str(step)]
        ended = subprocess.run(
            command, cwd=tmp_path, env=ENVIRONMENT, check=False, timeout=60
        ).returncode
        found = secrets("list", cwd=tmp_path)[1]["secrets"]
        assert [one["id"] for one in found if "problem" not in one] == ["k0", "k1", "k2", "k3"]
        step += 1
    assert (ended, step > 20) == (0, True)
    assert len(Keyring(tmp_path / ".aiwe").known()) == 1  # whatever keys the dead have left
    status, done = secrets("rotate-key", "--forget", cwd=tmp_path)
    assert (status, done["sealed"], done["unreadable"], done["kept"]) == (0, 4, 0, [])
