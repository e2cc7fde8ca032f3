"""The apps below Jupyter's address: the same answers, and nothing of Jupyter's origin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server.jupyter import Jupyter, logged_in, running_jupyter

pytestmark = pytest.mark.timeout(180)  # a Jupyter server starts in some of them

CELL = r"""
app.get("/", () => html`<h1>Hello</h1>`);
app.get("/json", () => ({ a: 1 }));
app.get("/text", () => "text");
app.get("/image", () => new Response(new Uint8Array([137, 80, 78, 71]), { headers: { "content-type": "image/png" } }));
app.get("/unchanged", () => new Response(null, { status: 304, headers: { etag: '"1"' } }));
app.get("/nothing", () => new Response(null, { status: 204 }));
app.get("/throws", () => { throw new Error("boom"); });
app.get("/visit", (req) => { req.session.set("n", 1); return req.session.get("n"); });
app.get("/moved", () => Response.redirect("/json"));
app.get("/elsewhere", () => Response.redirect("https://example.org/a"));
app.get("/greedy", () => new Response("<h1>", { headers: [
  ["content-type", "text/html"],
  ["set-cookie", "mine=1"],
  ["set-cookie", "username-127-0-0-1-8888=stolen; Path=/"],
  ["content-security-policy", "sandbox allow-scripts allow-same-origin; img-src *"],
  ["clear-site-data", '"cookies"'],
  ["strict-transport-security", "max-age=1"],
  ["service-worker-allowed", "/"],
  ["access-control-allow-credentials", "true"],
]}));
app.post("/upload", (req) => req.files[0].size).describe({ bodyLimit: 2 ** 30 });
app.post("/stream", async (req) => {
  let size = 0;
  for await (const piece of req.stream()) size += piece.length;
  return size;
}).describe({ bodyLimit: 2 ** 30, body: "stream" });
app.all("/echo/*rest", (req) => ({ method: req.method, headers: req.headers, query: req.query, rest: req.params.rest, body: req.body }));
"""
PLACES = [
    *("", "json", "text", "image", "unchanged", "nothing", "throws", "visit", "moved", "greedy"),
    *("echo/x", "no-such-route", "%zz", "a%2Fb"),
]


def deploy(jupyter: Jupyter, name: str = "mounted") -> None:
    events = jupyter.run(CELL, path=f"{name}.ipynb", session=name)
    assert events[-1] == {"type": "done", "ok": True}, events


@pytest.fixture(scope="module")
def mounted(jupyter: Jupyter) -> Iterator[httpx.Client]:
    deploy(jupyter)
    with jupyter.client as client:
        yield client


def confined(answer: httpx.Response) -> bool:
    policies = answer.headers.get_list("content-security-policy")
    return any(policy.startswith("sandbox allow-scripts") for policy in policies) and not any(
        "allow-same-origin" in policy for policy in policies
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("place", PLACES)
def test_every_answer_is_sandboxed_and_sets_no_cookie(
    mounted: httpx.Client, method: str, place: str
) -> None:
    answer = mounted.request(method, f"/aiwe/apps/mounted/{place}")
    assert confined(answer), dict(answer.headers)
    assert "set-cookie" not in answer.headers


def test_a_session_lasts_for_one_request_and_the_log_says_so(mounted: httpx.Client) -> None:
    assert mounted.get("/aiwe/apps/mounted/visit").json() == 1
    lines = mounted.get("/aiwe/api/logs", params={"app": "mounted"}).json()["lines"]
    assert any("where browsers keep no cookies" in line["text"] for line in lines)


@pytest.mark.parametrize("place", ["", "json", "echo/x", "no-such-route"])
def test_a_strangers_answer_is_sandboxed_too(jupyter: Jupyter, place: str) -> None:
    with jupyter.stranger as stranger:
        answer = stranger.get(f"/aiwe/apps/mounted/{place}")
    assert answer.status_code == 302  # to log in
    assert confined(answer)


@pytest.mark.parametrize(
    "app", ["nowhere", "mounted--production", "Mounted", "a.b", "~x", "..%2f.."]
)
def test_an_app_that_is_not_there_is_404_and_sandboxed(mounted: httpx.Client, app: str) -> None:
    answer = mounted.get(f"/aiwe/apps/{app}/")
    assert answer.status_code == 404
    assert confined(answer)


@pytest.mark.parametrize(
    ("place", "status", "kind", "body"),
    [
        ("json", 200, "application/json", b'{"a":1}'),
        ("text", 200, "text/plain", b"text"),
        ("image", 200, "image/png", b"\x89PNG"),
        ("unchanged", 304, "", b""),
        ("nothing", 204, "", b""),
    ],
)
def test_answers_are_those_of_the_apps_own_origin(
    jupyter: Jupyter, mounted: httpx.Client, place: str, status: int, kind: str, body: bytes
) -> None:
    below = mounted.get(f"/aiwe/apps/mounted/{place}")
    apps_url = jupyter.connection()["apps_url"]
    own = httpx.get(f"{apps_url}{place}", headers={"Host": "mounted.localhost"}, trust_env=False)
    assert (below.status_code, below.content) == (own.status_code, own.content) == (status, body)
    assert below.headers.get("content-type", "").startswith(kind)
    assert below.headers.get("content-type") == own.headers.get("content-type")
    assert below.headers.get("etag") == own.headers.get("etag")


def test_nothing_that_acts_on_the_whole_origin_leaves(mounted: httpx.Client) -> None:
    answer = mounted.get("/aiwe/apps/mounted/greedy")
    wide = {"set-cookie", "clear-site-data", "strict-transport-security", "service-worker-allowed"}
    assert wide & set(answer.headers) == set()
    assert "access-control-allow-credentials" not in answer.headers
    assert "img-src *" in answer.headers["content-security-policy"]  # what is narrower stays


def test_nothing_by_which_jupyter_knows_a_person_reaches_an_app(
    jupyter: Jupyter, mounted: httpx.Client
) -> None:
    echo = mounted.get(
        f"/aiwe/apps/mounted/echo/x?token={jupyter.token}&a=1",
        headers={
            "Cookie": "_xsrf=1; username-127-0-0-1=2; jupyterhub-user-ann=3; other=4",
            "X-XSRFToken": "5",
            "Referer": f"{jupyter.url}/lab?token={jupyter.token}",
        },
    )
    assert jupyter.token not in echo.text
    seen = echo.json()
    assert {"cookie", "authorization", "x-xsrftoken", "referer"} & set(seen["headers"]) == set()
    assert seen["query"] == {"a": "1"}
    assert seen["headers"]["host"] == "mounted.localhost"


def test_an_apps_own_credentials_reach_it(jupyter: Jupyter) -> None:
    with logged_in(jupyter) as browser:
        echo = browser.get(
            "/aiwe/apps/mounted/echo/x?token=mine", headers={"Authorization": "Bearer mine"}
        ).json()
    assert echo["headers"]["authorization"] == "Bearer mine"
    assert echo["query"] == {"token": "mine"}


def test_paths_arrive_raw(mounted: httpx.Client) -> None:
    assert mounted.get("/aiwe/apps/mounted/echo/a%2Fb/c%20d").json()["rest"] == "a/b/c d"


@pytest.mark.parametrize("route", ["upload", "stream"])
def test_an_upload_passes_through_in_flat_memory(
    jupyter: Jupyter, mounted: httpx.Client, route: str
) -> None:
    host = psutil.Process(jupyter.process.pid)
    mounted.post(f"/aiwe/apps/mounted/{route}", files={"f": b"x" * 1_000_000})
    before, most = host.memory_info().rss, 0
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'

    def pieces() -> Iterator[bytes]:
        nonlocal most
        yield head
        for _ in range(96):
            yield b"x" * 2**20
            most = max(most, host.memory_info().rss)
        yield b"\r\n--b--\r\n"

    answer = mounted.post(
        f"/aiwe/apps/mounted/{route}",
        content=pieces(),
        headers={"content-type": "multipart/form-data; boundary=b"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert int(answer.text) >= 96 * 2**20
    assert most - before < 32 * 2**20


def test_an_upload_over_its_limit_is_told(mounted: httpx.Client) -> None:
    answer = mounted.post("/aiwe/apps/mounted/echo/x", content=b"x" * 20_000_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_an_upload_of_a_stranger_is_refused(jupyter: Jupyter) -> None:
    target = f"{jupyter.url}/aiwe/apps/mounted/upload"
    answer = httpx.post(target, files={"f": b"x" * 1_000_000})
    assert answer.status_code == 403


def test_a_body_arrives(mounted: httpx.Client) -> None:
    assert mounted.post("/aiwe/apps/mounted/echo/x", json={"b": 2}).json()["body"] == {"b": 2}


def test_an_apps_redirects_stay_below_its_place(mounted: httpx.Client) -> None:
    assert mounted.get("/aiwe/apps/mounted/moved").headers["location"] == "/aiwe/apps/mounted/json"
    assert (
        mounted.get("/aiwe/apps/mounted/elsewhere").headers["location"] == "https://example.org/a"
    )


def test_an_apps_own_documentation_knows_where_it_stands(mounted: httpx.Client) -> None:
    document = mounted.get("/aiwe/apps/mounted/openapi.json").json()
    assert document["servers"] == [{"url": "/aiwe/apps/mounted"}]
    page = mounted.get("/aiwe/apps/mounted/docs")
    assert page.status_code == 200
    assert confined(page)
    links = re.findall(r'(?:src|href)="(assets/[^"]+)"', page.text)
    assert len(links) == 2
    for link in links:
        file = mounted.get(f"/aiwe/apps/mounted/{link}")
        assert file.status_code == 200
        assert confined(file)
    moved = mounted.get("/aiwe/apps/mounted/docs/", follow_redirects=False)
    assert moved.headers["location"] == "../docs"


def test_an_app_without_its_slash_is_redirected_to_it(mounted: httpx.Client) -> None:
    answer = mounted.get("/aiwe/apps/mounted?a=1")
    assert (answer.status_code, answer.headers["location"]) == (301, "/aiwe/apps/mounted/?a=1")


def test_a_form_of_another_origin_is_refused(jupyter: Jupyter) -> None:
    with logged_in(jupyter) as browser:
        answer = browser.post(
            "/aiwe/apps/mounted/echo/x", data={"a": "1"}, headers={"Origin": "null"}
        )
    assert answer.status_code in {403, 404}
    assert confined(answer)


def test_a_public_mount_asks_nobody_who_they_are(tmp_path: Path) -> None:
    with running_jupyter(tmp_path, "--Aiwe.mount=public") as jupyter:
        deploy(jupyter)
        with jupyter.stranger as stranger:
            page = {"Origin": "null"}
            post = stranger.post("/aiwe/apps/mounted/echo/x", json={"a": 1}, headers=page)
            ask = page | {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            }
            preflight = stranger.options("/aiwe/apps/mounted/echo/x", headers=ask)
            management = stranger.get("/aiwe/api/status")
    assert post.json()["body"] == {"a": 1}
    assert post.headers["access-control-allow-origin"] == "*"
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert all(
        confined(answer) and "set-cookie" not in answer.headers for answer in (post, preflight)
    )
    assert management.status_code == 403


def test_a_server_below_a_path_has_everything_below_it(tmp_path: Path) -> None:
    with running_jupyter(tmp_path, "--ServerApp.base_url=/user/ann/") as jupyter:
        deploy(jupyter)
        with jupyter.client as client:
            assert client.get("/user/ann/aiwe/api/status").json()["apps"] == 1
            assert client.get("/user/ann/aiwe/apps/mounted/json").json() == {"a": 1}
            moved = client.get("/user/ann/aiwe/apps/mounted/moved")
            assert moved.headers["location"] == "/user/ann/aiwe/apps/mounted/json"
            assert client.get("/aiwe/api/status").status_code == 404


def test_a_mount_that_is_off_is_not_there(tmp_path: Path) -> None:
    with running_jupyter(tmp_path, "--Aiwe.mount=off") as jupyter, jupyter.client as client:
        assert client.get("/aiwe/apps/mounted/json").status_code == 404
        assert (
            "sandbox"
            not in client.get("/aiwe/apps/mounted/json").headers["content-security-policy"]
        )
