"""What configures `aiwe serve`: aiwe.toml, the environment, options; and a reload."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.serve import Plan
from aiwe_engine.serve import serving as serving_here
from aiwe_engine.settings import Settings
from tests.engine.cli.process import ENVIRONMENT, READY, Server, aiwe, serving

SHOP = """
app.post("/length", (req) => req.text?.length ?? String(req.body).length);
app.get("/config", () => app.config);
app.get("/spend", () => { let sum = 0; for (let i = 0; i < 2e8; i++) sum += i & 3; return sum; });
app.get("/wait/:ms", (req) => new Promise((go) => setTimeout(go, +req.params.ms, "waited")));
app.get("/address", (req) => [req.ip, req.url]);
app.get("/change", () => { "use strict"; app.config.currency = "mine"; });
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shop.js").write_text(SHOP)
    return tmp_path


def configure(folder, text):
    (folder / "aiwe.toml").write_text(text)


@pytest.mark.binds("host")
async def test_apps_are_served_on_the_host_of_the_settings(tmp_path):
    configuration = Configuration(Settings(host="127.0.0.2", port=0, spare_workers=0))
    plan = Plan((), configuration, "dev", tmp_path, tmp_path / ".aiwe")
    async with serving_here(plan, log=lambda *_: None) as served:
        assert served.apps_url.startswith("http://127.0.0.2:")
        port = int(served.apps_url.split(":")[2].strip("/"))
        _, writer = await asyncio.open_connection("127.0.0.2", port)
        writer.close()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


# ── at the start ──


def test_the_file_of_the_folder_binds_and_its_environment_and_its_apps(folder):
    configure(
        folder,
        """
        [http]
        body_limit = 10
        [env.staging.http]
        body_limit = 20
        [apps.blog.http]
        body_limit = 40
        [apps.blog.limits]
        deadline = "100ms"
        [apps.shop.config]
        currency = "EUR"
        [env.staging.apps.shop.config]
        currency = "SEK"
        """,
    )
    (folder / "blog.js").write_text(SHOP)
    for env, limit, currency in [("production", 10, "EUR"), ("staging", 20, "SEK")]:
        with serving("shop.js", "blog.js", "--env", env, cwd=folder) as server:

            def length(size, app, server=server):
                return server.ask("/length", "POST", body="x" * size, host=f"{app}.localhost")[0]

            assert [length(limit, "shop"), length(limit + 1, "shop")] == [200, 413]
            assert [length(40, "blog"), length(41, "blog")] == [200, 413]
            assert server.ask("/wait/500", host="shop.localhost")[0] == 200
            assert server.ask("/wait/500", host="blog.localhost")[0] == 504
            config = server.ask("/config", host="shop.localhost")[2]
            assert json.loads(config) == {"currency": currency}
            assert json.loads(server.ask("/config", host="blog.localhost")[2]) == {}


def test_a_program_cannot_change_its_configuration_for_the_next_request(folder):
    configure(folder, '[apps.shop.config]\ncurrency = "EUR"')
    with serving("shop.js", cwd=folder) as server:
        assert server.ask("/change")[0] == 500
        assert json.loads(server.ask("/config")[2]) == {"currency": "EUR"}


def test_variables_win_over_the_file_and_options_over_both(folder, monkeypatch):
    configure(folder, "[http]\nbody_limit = 10\n[limits]\ndeadline = '100ms'")
    monkeypatch.setitem(ENVIRONMENT, "AIWE_HTTP__BODY_LIMIT", "20")
    monkeypatch.setitem(ENVIRONMENT, "AIWE_HTTP__TRUSTED_PROXIES", '["127.0.0.0/8"]')
    monkeypatch.setitem(ENVIRONMENT, "AIWE_URL", "http://not.read")
    with serving("shop.js", cwd=folder) as server:
        assert server.ask("/length", "POST", body="x" * 20)[0] == 200
        assert server.ask("/length", "POST", body="x" * 21)[0] == 413
        assert server.ask("/wait/5000")[0] == 504
        forwarded = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}
        address = json.loads(server.ask("/address", headers=forwarded)[2])
        assert address == ["1.2.3.4", f"https://127.0.0.1:{server.port}/address"]
    with serving("shop.js", "--body-limit", "30B", cwd=folder) as server:
        assert server.ask("/length", "POST", body="x" * 30)[0] == 200


def test_another_file_may_be_named(folder):
    configure(folder, "nonsense")
    (folder / "other.toml").write_text("[http]\nbody_limit = 10")
    with serving("shop.js", "--config", "other.toml", cwd=folder) as server:
        assert server.ask("/length", "POST", body="x" * 11)[0] == 413


@pytest.mark.parametrize("command", ["serve", "check", "routes", "config"])
def test_every_mistake_is_told_and_nothing_starts(folder, command, monkeypatch):
    configure(folder, "[http]\nbody_limt = 1\n[server]\nport = 'x'")
    monkeypatch.setitem(ENVIRONMENT, "AIWE_LIMITS__DEADLINE", "never")
    arguments = [command] if command == "config" else [command, "shop.js"]
    # Not `aiwe(...)`: it gives serve a port, which is one of the mistakes here.
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line.split(": ")[0] for line in done.stderr.splitlines()]
    assert told == [
        "error",
        "  aiwe.toml, http.body_limt",
        "  aiwe.toml, server.port",
        "  AIWE_LIMITS__DEADLINE, limits.deadline",
        "hint",
    ]
    assert not (folder / ".aiwe").exists()
    done = run(folder, *arguments, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "invalid_configuration"
    assert [one["key"] for one in error["details"]] == [
        "http.body_limt",
        "server.port",
        "limits.deadline",
    ]


def run(folder, *arguments):
    command = [sys.executable, "-m", "aiwe_engine", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_file_that_is_named_must_be_there(folder):
    status, out, err = aiwe("check", "shop.js", "--config", "none.toml", cwd=folder)
    assert (status, out) == (1, "")
    assert "There is no file none.toml." in err


# ── while it runs ──


@contextmanager
def watched(*arguments, cwd):
    """`aiwe serve`, and what it writes to standard error, line by line."""
    with serving(*arguments, cwd=cwd) as server:

        def until(pattern):
            lines = []
            for line in server.process.stderr:
                lines.append(line)
                if re.search(pattern, line):
                    return "".join(lines)
            raise AssertionError("".join(lines))

        yield server, until


def reload(server):
    server.process.send_signal(signal.SIGHUP)


def test_a_reload_changes_limits_and_values_without_losing_a_request(folder):
    configure(folder, '[http]\nbody_limit = 10\n[apps.shop.config]\ncurrency = "EUR"')
    with watched("shop.js", cwd=folder) as (server, until):
        answers = []
        slow = threading.Thread(target=lambda: answers.append(server.ask("/wait/1500")))
        slow.start()
        statuses = []
        stop = threading.Event()

        def hammer():
            while not stop.is_set():
                statuses.append(server.ask("/config")[0])

        hammers = [threading.Thread(target=hammer) for _ in range(3)]
        for one in hammers:
            one.start()
        assert server.ask("/length", "POST", body="x" * 11)[0] == 413
        configure(
            folder,
            """
            [http]
            body_limit = 20
            header_timeout = 9
            [limits]
            heap_limit = "48MB"
            [apps.shop.config]
            currency = "SEK"
            """,
        )
        reload(server)
        said = until("read again")
        assert "http.header_timeout, http.body_limit, limits.heap_limit, apps.shop.config" in said
        assert server.ask("/length", "POST", body="x" * 11)[0] == 200
        assert json.loads(server.ask("/config")[2]) == {"currency": "SEK"}
        slow.join()
        stop.set()
        for one in hammers:
            one.join()
        assert answers[0][0::2] == (200, b"waited")
        assert set(statuses) == {200}
        assert server.end()[0] == 0


def test_policies_of_one_app_change_for_that_app_alone(folder):
    (folder / "blog.js").write_text('app.get("/", () => Response.html("<p>blog</p>"));')
    (folder / "shop.js").write_text('app.get("/", () => Response.html("<p>shop</p>"));')
    page = "https://page.example"
    with watched("shop.js", "blog.js", cwd=folder) as (server, until):

        def policies(app):
            asked = {"Origin": page}
            status, headers, _ = server.ask("/", host=f"{app}.localhost", headers=asked)
            return (
                status,
                headers.get("access-control-allow-origin"),
                "img-src" in headers.get("content-security-policy", ""),
            )

        for app in ("shop", "blog"):
            assert policies(app) == (200, None, True)
        configure(
            folder,
            f"""
            [apps.shop.cors]
            origins = ["{page}"]
            [apps.shop.security]
            csp = "default-src 'none'"
            [apps.shop.rate]
            limit = "2/hour"
            """,
        )
        reload(server)
        assert "apps.shop.rate.limit" in until("read again")
        assert [policies("shop") for _ in range(3)] == [
            (200, page, False),
            (200, page, False),
            (429, page, False),
        ]
        assert [policies("blog") for _ in range(3)] == [(200, None, True)] * 3


def test_a_reload_with_mistakes_tells_them_and_changes_nothing(folder):
    configure(folder, "[http]\nbody_limit = 10")
    with watched("shop.js", cwd=folder) as (server, until):
        configure(folder, "[http]\nbody_limit = 20\nbody_limt = 5\n[limits]\ndeadline = -1")
        reload(server)
        said = until("limits.deadline")
        assert "The configuration has 2 mistakes. What holds stays as it was." in said
        assert "Did you mean body_limit?" in said
        assert server.ask("/length", "POST", body="x" * 11)[0] == 413
        configure(folder, "[http]\nbody_limit = 20")
        reload(server)
        assert "changed: http.body_limit." in until("read again")
        assert server.ask("/length", "POST", body="x" * 11)[0] == 200
        reload(server)
        assert "changed: nothing." in until("read again")


def test_what_only_a_restart_changes_is_named_and_stays(folder):
    with watched("shop.js", cwd=folder) as (server, until):
        configure(folder, "[data]\ndatabase_threads = 3\n[server]\nhost = '127.0.0.2'\ngrace = 1")
        for changed in ("server.grace", "nothing"):
            reload(server)
            said = until("Only a restart")
            assert f"changed: {changed}." in said
            # Its port is an option of the command line, which still wins.
            assert "Only a restart changes server.host, data.database_threads." in said
        assert server.ask("/config")[0] == 200


def test_an_app_that_is_not_there_is_told(folder):
    configure(folder, "[apps.shpo.http]\nbody_limit = 1")
    with watched("shop.js", cwd=folder) as (_, until):
        assert "an app shpo, which is not served" in until("shpo")


def test_a_terminal_that_is_closed_ends_it(folder):
    ours, theirs = os.openpty()
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "aiwe_engine", "serve", "--port", "0", "shop.js"]
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdin=theirs, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            os.close(theirs)
            ready = READY.fullmatch(process.stdout.readline())
            server = Server(process, int(ready[2]), 1)
            reload(server)
            assert "read again" in process.stderr.readline()
            os.close(ours)
            reload(server)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


# ── what holds ──


def test_config_shows_what_holds_and_where_it_was_said(folder, monkeypatch):
    configure(
        folder,
        """
        [http]
        body_limit = "2MB"
        [env.staging.apps.shop.http]
        body_limit = 7
        [apps.shop.config]
        "a b" = { c = [1, "ä", 0.5], d = {} }
        """,
    )
    monkeypatch.setitem(ENVIRONMENT, "AIWE_SERVER__ALLOWED_HOSTS", '["a.org"]')
    told = ["config", "--env", "staging", "--deadline", "250ms"]
    status, out, err = aiwe(*told, cwd=folder)
    assert (status, err) == (0, "")
    lines = [re.sub(" +#", " #", line) for line in out.splitlines()]
    assert 'body_limit = "2MB" # aiwe.toml, http.body_limit' in lines
    assert "body_limit = 7 # aiwe.toml, env.staging.apps.shop.http.body_limit" in lines
    assert 'deadline = "0.25s" # --deadline' in lines
    assert 'allowed_hosts = ["a.org"] # AIWE_SERVER__ALLOWED_HOSTS' in lines
    assert "port = 8890 # default" in lines
    found = json.loads(aiwe(*told, "--json", cwd=folder)[1])
    assert (found["env"], set(found["apps"])) == ("staging", {"shop"})
    assert found["settings"]["limits.deadline"] == {"value": 0.25, "source": "--deadline"}
    assert found["settings"]["server.port"] == {"value": 8890, "source": "default"}
    assert found["apps"]["shop"]["config"] == {"a b": {"c": [1, "ä", 0.5], "d": {}}}
    assert found["apps"]["shop"]["settings"]["http.body_limit"]["value"] == 7
    # What it prints is a configuration that says the same.
    monkeypatch.delitem(ENVIRONMENT, "AIWE_SERVER__ALLOWED_HOSTS")
    configure(folder, out)
    again = json.loads(aiwe("config", "--env", "staging", "--json", cwd=folder)[1])
    assert {name: one["value"] for name, one in again["settings"].items()} == {
        name: one["value"] for name, one in found["settings"].items()
    }
    assert again["apps"]["shop"]["config"] == found["apps"]["shop"]["config"]


def test_config_does_not_show_the_password_of_a_proxy(folder, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "AIWE_FETCH__PROXY", "http://me:s3cret@proxy.example:3128")
    for options in ([], ["--json"]):
        _, said, _ = aiwe("config", *options, cwd=folder)
        assert "http://me:***@proxy.example:3128" in said
        assert "s3cret" not in said


def test_settings_that_somebody_prints_tell_no_password():
    settings = Settings(
        data_url="postgresql://me:s3cret@db/name", fetch_proxy="http://a:s3cret@p:1"
    )
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cret@db.example/name", "postgresql://me:***@db.example/name"),
        ("postgresql://me:s3c@s3cret@db.example/name", "postgresql://me:***@db.example/name"),
        ("postgresql:///name?user=me&password=s3cret&port=5", "user=me&password=***&port=5"),
        ("postgresql://db/name?sslpassword=s3cret", "sslpassword=***"),
    ],
)
def test_nobody_shows_the_password_of_a_database(folder, monkeypatch, url, shown):
    monkeypatch.setitem(ENVIRONMENT, "AIWE_DATA__URL", url)
    for options in ([], ["--json"]):
        _, said, _ = aiwe("config", *options, cwd=folder)
        assert shown in said
        assert "s3cret" not in said
    monkeypatch.setitem(ENVIRONMENT, "AIWE_DATA__URL", url.replace("postgresql", "mysql"))
    code, said, told = aiwe("config", cwd=folder)
    assert code != 0
    assert "s3cret" not in said + told
