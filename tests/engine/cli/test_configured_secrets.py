"""Secrets that aiwe.toml names: served, listed, reloaded; no key of a vault is needed, and no value is told."""

import http.server
import json
import threading
from contextlib import contextmanager

import pytest

from tests.engine.cli.process import ENVIRONMENT, aiwe, here
from tests.engine.cli.test_configuration import reload, watched

VALUE = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
OTHER = "SG.an0ther-value.0123456789"
PROGRAM = """
app.get("/send/:port/:id", async (req) => {
  const headers = { authorization: `Bearer ${Secrets.get(req.params.id)}` };
  return (await fetch(`http://127.0.0.1:${req.params.port}/`, { headers })).text();
});
app.get("/list", () => Secrets.list());
"""


@contextmanager
def listener():
    """A server, its port and the authorizations that it got."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            got.append(self.headers["authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(got[-1].encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "MAIL_KEY", VALUE)
    (tmp_path / "shop.js").write_text(PROGRAM)
    return tmp_path


def configure(folder, port, more="", hosts=True):
    named = f'hosts = ["127.0.0.1:{port}"]' if hosts else ""
    (folder / "aiwe.toml").write_text(
        f'[fetch]\nallow_private = ["127.0.0.1:{port}"]\n[secrets.mail_key]\nenv = "MAIL_KEY"\n{named}\n{more}'
    )


def secrets(*arguments, cwd, given=b""):
    status, out, err = here("secrets", *arguments, "--json", cwd=cwd, given=given)
    assert VALUE not in out + err
    return status, json.loads(out)


def test_a_program_sends_what_the_configuration_names_and_a_reload_changes_it(folder):
    more = '[apps.shop.secrets.file_key]\nfile = "key.txt"\nhosts = ["127.0.0.1:{0}"]\n'
    (folder / "key.txt").write_text(f"{OTHER}1\n")
    (folder / "key.txt").chmod(0o644)
    with listener() as (port, got):
        configure(folder, port, more.format(port))
        with watched("shop.js", cwd=folder) as (server, until):
            said = until("secrets.file_key.file: key.txt can be read by others than its owner")
            assert "warn" in said
            for name, value in (("mail_key", VALUE), ("file_key", f"{OTHER}1")):
                assert server.ask(f"/send/{port}/{name}")[2] == b"Bearer [redacted]"
                assert got[-1] == f"Bearer {value}"

            (folder / "key.txt").write_text(f"{OTHER}2\n")
            (folder / "key.txt").chmod(0o600)
            reload(server)
            assert "changed: secrets.file_key." in until("read again")
            assert server.ask(f"/send/{port}/file_key")[2] == b"Bearer [redacted]"
            assert got[-1] == f"Bearer {OTHER}2"

            (folder / "key.txt").write_text("a1b2c3")
            reload(server)
            said = until("secrets.file_key.file")
            assert "What holds stays as it was." in said
            assert "a1b2c3" not in said
            server.ask(f"/send/{port}/file_key")
            assert got[-1] == f"Bearer {OTHER}2"

            configure(folder, port)
            reload(server)
            assert "changed: secrets.file_key." in until("read again")
            assert json.loads(server.ask("/list")[2]) == ["mail_key"]
            assert server.ask(f"/send/{port}/file_key")[0] == 500
            status, _, err = server.end()
            assert status == 0
            assert 'There is no secret "file_key" for this app' in err
        assert not (folder / ".aiwe" / "vault.key").exists()


def test_hosts_are_said_where_the_secret_is_named(folder):
    with listener() as (port, got):
        configure(folder, port, hosts=False)
        with watched("shop.js", cwd=folder) as (server, _):
            assert server.ask(f"/send/{port}/mail_key")[0] == 500
            _, _, err = server.end()
        assert f'"mail_key" may not be sent to 127.0.0.1:{port}' in err
        assert (
            f'It names no host. If 127.0.0.1:{port} is to get it, write hosts = ["127.0.0.1:{port}"] there: '
            "aiwe.toml, secrets.mail_key: env MAIL_KEY." in err
        )
        assert got == []


@pytest.mark.parametrize("running", [False, True])
def test_the_command_line_shows_them_and_does_not_change_them(folder, running):
    configure(folder, 8025)

    def look(usable):
        if not running:
            (folder / ".aiwe").mkdir()
        [one] = secrets("list", cwd=folder)[1]["secrets"]
        expected = {
            "id": "mail_key", "hosts": ["127.0.0.1:8025"], "source": "configuration", "usable": usable,
            "configured": "aiwe.toml, secrets.mail_key: env MAIL_KEY", "createdBy": "configuration",
        }  # fmt: skip
        assert {name: one[name] for name in expected} == expected
        for command in (("set", "mail_key", "--hosts", "a.example"), ("delete", "mail_key")):
            status, said = secrets(*command, cwd=folder, given=OTHER.encode())
            assert (status, said["error"]["code"]) == (1, "secret_configured")
            assert said["error"]["message"] == 'The secret "mail_key" stands in the configuration.'
            assert said["error"]["hint"] == (
                "Change it there (aiwe.toml, secrets.mail_key: env MAIL_KEY); then kill -HUP the engine, or start it again."
            )
        # Of an environment that the configuration says nothing of it is another one.
        status, _ = secrets(
            "set",
            "mail_key",
            "--hosts",
            "none",
            "--env",
            "staging",
            cwd=folder,
            given=OTHER.encode(),
        )
        assert status == 0  # fmt: skip
        return one

    if running:
        with watched("shop.js", cwd=folder):
            look(usable=True)
    else:
        # The variable is where engines are started, not here.
        one = look(usable=False)
        assert one["problem"]["code"] == "secret_value_missing"
        out = here("secrets", "list", cwd=folder)[1]
        assert "has no value here" in out
        assert here("backup", cwd=folder)[0] == 0


def test_check_and_config_tell_mistakes_without_serving(folder):
    configure(folder, 8025, f"value = '{VALUE}'")
    for command in (("check", "shop.js"), ("config",), ("serve", "shop.js")):
        status, out, err = aiwe(*command, cwd=folder)
        assert (status, out) == (1, "")
        assert "aiwe.toml, secrets.mail_key.value: The value of a secret does not stand in" in err
        assert VALUE not in err
