"""`aiwe serve` as a process: its one line, its answers, and its end."""

import json
import signal
import socket
import stat
import threading
import time

import pytest

from tests.engine.cli.process import READY, aiwe, notebook, serving, start

SHOP = """
app.get("/", () => "shop");
app.post("/echo", (req) => ({ body: req.body, q: req.query.a ?? null }));
app.get("/slow", async () => { await new Promise((r) => setTimeout(r, 700)); return "slow"; });
app.get("/log", () => { console.warn("a line of the log"); return "logged"; });
app.get("/boom", () => { throw new Error("s3cret place"); });
"""
BLOG = 'app.get("/", () => Response.html("<h1>blog</h1>"));'


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.js"
    path.write_text(SHOP)
    return path


def test_a_script_is_served_until_it_is_told_to_end(shop, tmp_path):
    with serving(shop, cwd=tmp_path) as server:
        assert server.count == 1
        assert server.ask("/")[2] == b"shop"
        status, headers, body = server.ask(
            "/echo?a=1", "POST", body='{"b": 2}', headers={"Content-Type": "application/json"}
        )
        assert (status, json.loads(body)) == (200, {"body": {"b": 2}, "q": "1"})
        assert headers["x-request-id"]
        assert server.ask("/health")[0] == 200
        assert server.end() == (0, "", "")
        with pytest.raises(ConnectionError):
            server.ask("/")
    assert not (tmp_path / ".aiwe" / "engine.json").exists()


def test_of_several_apps_it_tells_the_address_of_each(shop, tmp_path):
    (tmp_path / "blog.js").write_text(BLOG)
    with start("serve", "--port", 0, shop, "blog.js", cwd=tmp_path) as process:
        try:
            line = process.stdout.readline()
        finally:
            process.kill()
    port = READY.fullmatch(line)[2]
    own = f"http://blog.localhost:{port}/, http://shop.localhost:{port}/"
    assert line == f"aiwe ready on http://127.0.0.1:{port}/ (2 apps): {own}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_end(shop, tmp_path, number):
    answers = []
    with serving(shop, cwd=tmp_path) as server:
        thread = threading.Thread(target=lambda: answers.append(server.ask("/slow")))
        thread.start()
        deadline = time.monotonic() + 10
        while b'"requests":0' in management(server, tmp_path, "/status")[2]:
            assert time.monotonic() < deadline
        status, out, err = server.end(number)
        thread.join()
    assert (status, out, err) == (0, "", "")
    assert [(status, body) for status, _, body in answers] == [(200, b"slow")]


def test_what_outlives_the_grace_time_is_cut_off_and_told(tmp_path):
    (tmp_path / "stuck.js").write_text('app.get("/", () => new Promise(() => {}));')
    answers = []
    with serving("stuck.js", "--grace", 0.2, "--deadline", 60, cwd=tmp_path) as server:
        thread = threading.Thread(target=lambda: answers.append(server.ask("/")))
        thread.start()
        deadline = time.monotonic() + 10
        while b'"requests":0' in management(server, tmp_path, "/status")[2]:
            assert time.monotonic() < deadline
        began = time.monotonic()
        assert server.end()[:2] == (0, "")
        assert time.monotonic() - began < 10
        thread.join()
    ((status, _, body),) = answers
    assert (status, json.loads(body)["error"]["code"]) == (503, "stopping")


def test_it_can_be_told_to_end_before_it_is_ready(tmp_path):
    (tmp_path / "slow.js").write_text("await new Promise((r) => setTimeout(r, 60000));")
    lock = tmp_path / ".aiwe" / "engine.lock"
    with start("serve", "slow.js", "--port", 0, cwd=tmp_path) as process:
        deadline = time.monotonic() + 10
        while not lock.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def management(server, folder, path, method="GET", body=None):
    info = json.loads((folder / ".aiwe" / "engine.json").read_text())
    port = int(info["management_url"].split(":")[2].split("/")[0])
    headers = {"Authorization": f"Bearer {info['token']}", "Content-Type": "application/json"}
    return server.ask(f"/aiwe/api{path}", method, port=port, headers=headers, body=body)


def test_engine_json_leads_to_the_management_routes(shop, tmp_path):
    with serving(shop, cwd=tmp_path) as server:
        path = tmp_path / ".aiwe" / "engine.json"
        info = json.loads(path.read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert info["pid"] == server.process.pid
        assert info["apps_url"] == f"http://127.0.0.1:{server.port}/"
        (app,) = json.loads(management(server, tmp_path, "/apps")[2])["apps"]
        assert (app["app"], app["env"]) == ("shop", "production")
        assert app["url"] == f"http://shop.localhost:{server.port}/"
        # Not on the apps' address, whatever is sent.
        bearer = {"Authorization": f"Bearer {info['token']}"}
        assert server.ask("/aiwe/api/status", headers=bearer)[0] == 404


def test_several_apps_have_an_origin_each(shop, tmp_path):
    (tmp_path / "blog.ipynb").write_text(notebook(BLOG))
    with serving(shop, tmp_path / "blog.ipynb", "--env", "dev", cwd=tmp_path) as server:
        assert server.count == 2
        assert server.ask("/", host="blog.localhost")[2] == b"<h1>blog</h1>"
        assert server.ask("/", host="shop.localhost")[2] == b"shop"
        assert server.ask("/~blog/")[2] == b"<h1>blog</h1>"
        assert "sandbox" in server.ask("/~blog/")[1]["content-security-policy"]
        assert [app["app"] for app in json.loads(server.ask("/")[2])["apps"]] == ["blog", "shop"]
        assert server.ask("/", host="evil.example")[0] == 421


def test_a_folder_is_the_app_of_its_scripts_and_each_of_its_notebooks(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.js").write_text('const who = "site";')
    (folder / "b.ts").write_text('app.get("/", (): string => who);')
    (folder / "blog.ipynb").write_text(notebook(BLOG))
    (folder / "news.ipynb").write_text(notebook(BLOG, name="paper"))
    (folder / "python.ipynb").write_text(notebook("import os").replace('"aiwe"', '"python3"'))
    status, out, err = aiwe("check", folder, cwd=tmp_path)
    assert (status, err) == (0, "")
    assert out == "site: ok, 1 route\nblog: ok, 1 route\npaper: ok, 1 route\n"


def test_an_error_of_a_handler_is_public_in_production_only_as_far_as_it_may(shop, tmp_path):
    with serving(shop, cwd=tmp_path) as server:
        status, _, body = server.ask("/boom")
        _, _, err = server.end()
    error = json.loads(body)["error"]
    assert status == 500
    assert error["request_id"]
    assert "where" not in error
    assert "s3cret" not in body.decode()
    assert "s3cret place" in err
    assert "shop.js" in err


def test_the_log_of_a_program_goes_to_standard_error(shop, tmp_path):
    with serving(shop, cwd=tmp_path) as server:
        server.ask("/log")
        status, out, err = server.end()
    assert (status, out) == (0, "")
    assert "shop warn" in err
    assert "a line of the log" in err


def test_an_engine_without_apps_waits_for_cells(tmp_path):
    with serving("--env", "dev", cwd=tmp_path) as server:
        assert server.count == 0
        body = json.dumps({"session": "s", "app": "new", "source": 'app.get("/", () => "new")'})
        status, _, lines = management(server, tmp_path, "/cells/run", "POST", body)
        assert status == 200
        assert json.loads(lines.splitlines()[-1]) == {"type": "done", "ok": True}
        assert server.ask("/")[2] == b"new"


def test_settings_of_the_command_line_bind(shop, tmp_path):
    with serving(shop, "--body-limit", 10, "--deadline", 0.2, cwd=tmp_path) as server:
        assert server.ask("/echo", "POST", body="x" * 11)[0] == 413
        assert server.ask("/slow")[0] in {503, 504}


REFUSED = [
    ({"bad.js": "app.get('/', () => {"}, ["bad.js"], ["bad.js", "line 1"]),
    (
        {"bad.js": 'const x = 1;\napp.get("nope", () => 1);'},
        ["bad.js"],
        ["invalid_route", "line 2"],
    ),
    ({"bad.js": 'app.get("/mcp", () => 1);'}, ["bad.js"], ["reserved_path", "/mcp"]),
    ({"bad.js": 'app.get("/a", () => 1);\napp.get("/a", () => 2);'}, ["bad.js"], ["/a", "line 2"]),
    ({"bad.js": "missing.call();"}, ["bad.js"], ["missing", "line 1"]),
    ({"bad.ipynb": notebook("let a = 1;", "let b =;")}, ["bad.ipynb"], ["cell2", "line 1"]),
    ({"a/x.js": "", "b/x.js": ""}, ["a/x.js", "b/x.js"], ["duplicate_app", "a/x.js", "b/x.js"]),
    ({}, ["none.js"], ["app_not_found", "none.js"]),
]


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(("files", "arguments", "parts"), REFUSED)
def test_what_does_not_load_is_told_with_its_place(command, files, arguments, parts, tmp_path):
    write(tmp_path, files)
    status, out, err = aiwe(command, *arguments, cwd=tmp_path)
    assert (status, out) == (1, "")
    assert [part for part in parts if part not in err] == [], err
    assert "Traceback" not in err
    assert "hint: " in err


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("command", ["serve", "check", "routes"])
def test_an_error_in_json_has_the_one_shape(command, tmp_path):
    write(tmp_path, {"bad.js": "const a = 1;\nconst b = ;"})
    status, out, err = aiwe(command, "bad.js", "--json", cwd=tmp_path)
    assert (status, err) == (1, "")
    error = json.loads(out)["error"]
    assert error["code"]
    assert error["message"]
    assert error["where"]["file"].endswith("bad.js")
    assert (error["where"]["line"], error["where"]["column"]) == (2, 11)


@pytest.mark.binds("port")
def test_a_port_in_use_is_told(shop, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = aiwe("serve", shop, "--port", port, cwd=tmp_path)
    assert (status, out) == (1, "")
    assert "port_in_use" in err
    assert str(port) in err


def test_a_second_engine_on_the_same_data_is_told_of_the_first(shop, tmp_path):
    with serving(shop, cwd=tmp_path) as server:
        status, _, err = aiwe("serve", shop, "--port", 0, cwd=tmp_path)
        assert status == 1
        assert "data_in_use" in err
        assert str(server.process.pid) in err
        with serving(shop, "--data", tmp_path / "other", cwd=tmp_path) as other:
            assert other.ask("/")[2] == b"shop"
        assert server.ask("/")[2] == b"shop"


def test_check_says_what_is_there(shop, tmp_path):
    status, out, err = aiwe("check", shop, cwd=tmp_path)
    assert (status, out, err) == (0, "shop: ok, 5 routes\n", "")
    assert not (tmp_path / ".aiwe").exists()
    status, out, _ = aiwe("check", shop, "--json", cwd=tmp_path)
    found = json.loads(out)
    assert (status, found["ok"], found["apps"][0]["app"]) == (0, True, "shop")


def test_check_makes_up_the_secrets_that_a_program_wants_at_once_and_names_them(tmp_path):
    program = tmp_path / "mail.js"
    program.write_text('const key = Secrets.get("mail");\napp.get("/", () => key.length);\n')
    status, out, err = aiwe("check", program, cwd=tmp_path)
    assert (status, err) == (0, "")
    assert out == (
        "mail: ok, 1 route\n"
        '  needs the secret "mail" to start: aiwe secrets set mail --hosts HOST\n'
    )
    assert json.loads(aiwe("check", program, "--json", cwd=tmp_path)[1])["apps"][0]["secrets"] == [
        "mail"
    ]
    twin = tmp_path / "post.js"
    twin.write_text(program.read_text())
    told = json.loads(aiwe("check", program, twin, "--json", cwd=tmp_path)[1])["apps"]
    assert [(one["app"], one["secrets"]) for one in told] == [
        ("mail", ["mail"]),
        ("post", ["mail"]),
    ]
    program.write_text('const key = Secrets.get("mail");\nnope();\n')
    status, _, err = aiwe("check", program, cwd=tmp_path)
    assert status == 1
    assert "nope is not defined" in err
    assert not (tmp_path / ".aiwe").exists()


def test_routes_are_listed_with_their_places(shop, tmp_path):
    status, out, _ = aiwe("routes", shop, cwd=tmp_path)
    assert status == 0
    lines = out.splitlines()
    assert len(lines) == 5
    assert lines[1].split() == ["shop", "POST", "/echo", "shop.js,", "line", "3"]
    listed = json.loads(aiwe("routes", shop, "--json", cwd=tmp_path)[1])["apps"][0]["routes"]
    assert [route["path"] for route in listed] == ["/", "/echo", "/slow", "/log", "/boom"]
    assert listed[1]["where"]["line"] == 3


def test_openapi_prints_the_document_of_one_app(shop, tmp_path):
    status, out, err = aiwe("openapi", shop, "--server", "https://shop.example", cwd=tmp_path)
    document = json.loads(out)
    assert (status, err, document["info"]["title"]) == (0, "", "shop")
    assert document["servers"] == [{"url": "https://shop.example"}]
    assert set(document["paths"]) == {"/", "/echo", "/slow", "/log", "/boom"}
    folder = tmp_path / "several"
    folder.mkdir()
    (folder / "a.js").write_text('app.get("/", () => 1);')
    (folder / "b.ipynb").write_text(
        '{"cells": [], "metadata": {"kernelspec": {"name": "aiwe"}}, "nbformat": 4, "nbformat_minor": 5}'
    )
    status, out, err = aiwe("openapi", folder, cwd=tmp_path)
    assert (status, out) == (1, "")
    assert "several_apps" in err


def test_it_is_ready_soon(shop, tmp_path):
    began = time.monotonic()
    with serving(shop, cwd=tmp_path):
        assert time.monotonic() - began < 5  # 1.5 s on a quiet machine: see benchmarks/
