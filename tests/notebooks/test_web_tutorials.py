"""The tutorials on forms, files and errors serve what they say."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.settings import Settings
from tests.engine.http.fake import call
from tests.notebooks.tutorial import NOTEBOOKS, Answer, Tutorial, running

URLENCODED = "application/x-www-form-urlencoded"
BOUNDARY = "b0undary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
JSON = {"Accept": "application/json"}
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256)) * 20


def opened(name: str, factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    with running(name, factory.mktemp("notebook")) as tutorial:
        yield tutorial


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("05_feedback_form.ipynb", tmp_path_factory)


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("06_assets.ipynb", tmp_path_factory)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("07_files.ipynb", tmp_path_factory)


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("08_errors.ipynb", tmp_path_factory)


def multipart(*parts: tuple[str, str | None, str, bytes]) -> bytes:
    """A form: field, file name, content type and content of each part."""
    body = b""
    for name, filename, kind, content in parts:
        head = f'content-disposition: form-data; name="{name}"'
        if filename is not None:
            head += f'; filename="{filename}"\r\ncontent-type: {kind}'
        body += f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


# ── a form ──

GOOD = {
    "name": "Ada <b>",
    "email": "ada@example.org",
    "rating": "4",
    "message": "It weaves patterns & more.",
}


def sent(feedback: Tutorial, fields: dict[str, str], kind: str = URLENCODED) -> Answer:
    if kind == URLENCODED:
        body = urlencode(fields).encode()
    else:
        body = multipart(*((name, None, "", text.encode()) for name, text in fields.items()))
    return feedback.send("POST", "/feedback", body, {"Content-Type": kind})


def problems(answer: Answer) -> dict[str, str]:
    return dict(re.findall(r'id="(\w+)-problem">\w+ ([^<]*)<', answer.text))


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
def test_a_form_is_kept_and_thanked_for(feedback: Tutorial, kind: str) -> None:
    answer = sent(feedback, GOOD, kind)
    assert answer.status == 303
    assert re.fullmatch(r"/feedback/[\w-]+/thanks", answer.headers["location"])
    thanks = feedback.request("GET", answer.headers["location"])
    assert thanks.status == 200
    assert "Thank you, Ada &lt;b&gt;." in thanks.text
    everything = feedback.request("GET", "/feedback/all").text
    assert "Ada &lt;b&gt;</strong> gives 4 of 5: It weaves patterns &amp; more." in everything


def test_an_empty_form_says_what_is_missing_field_by_field(feedback: Tutorial) -> None:
    empty = sent(feedback, dict.fromkeys(GOOD, ""))
    assert empty.status == 422
    assert set(problems(empty)) == {"name", "email", "message"}  # the rating may be left out


def test_every_problem_is_told_at_once_and_what_was_typed_stays(feedback: Tutorial) -> None:
    typed = {
        "name": '"><script>',
        "email": "nowhere",
        "rating": "6",
        "message": "</textarea>short"[:9],
    }
    answer = sent(feedback, typed)
    assert answer.status == 422
    assert set(problems(answer)) == {"email", "rating", "message"}
    assert 'value="&quot;&gt;&lt;script&gt;"' in answer.text
    assert "<script>" not in answer.text
    assert answer.text.count("</textarea>") == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", URLENCODED),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"name=x&admin=yes&email=a@b.c&message=long+enough", URLENCODED),
        (b"name=x&name=y&email=a@b.c&message=long+enough", URLENCODED),
        (b"just text", "text/plain"),
    ],
)
def test_what_the_form_would_never_send_is_refused(
    feedback: Tutorial, body: bytes, kind: str
) -> None:
    before = feedback.request("GET", "/feedback/all").text
    assert feedback.send("POST", "/feedback", body, {"Content-Type": kind}).status == 422
    assert feedback.request("GET", "/feedback/all").text == before


def test_a_form_without_a_rating_and_a_thanks_that_is_not_there(feedback: Tutorial) -> None:
    answer = sent(feedback, {**GOOD, "name": "Grace", "rating": ""})
    assert answer.status == 303
    assert "<strong>Grace</strong>: It" in feedback.request("GET", "/feedback/all").text
    assert feedback.request("GET", "/feedback/none/thanks").status == 404


# ── assets ──

ASSETS = [
    ("/assets/css/site.css", "text/css", b"#clock"),
    ("/assets/js/clock.js", "text/javascript", b"setInterval(tick, 1000)"),
    ("/assets/logo.svg", "image/svg+xml", b"<svg xmlns"),
]


@pytest.mark.parametrize(("path", "kind", "content"), ASSETS)
def test_an_asset_of_the_page_has_its_type_and_is_asked_for_again(
    assets: Tutorial, path: str, kind: str, content: bytes
) -> None:
    assert f'"{path}"' in assets.get("/").text
    answer = assets.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(kind)
    assert content in answer.content
    assert b"%%asset" not in answer.content
    assert answer.headers["cache-control"] == "no-cache"
    again = assets.get(path, {"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.content) == (304, b"")


def test_an_asset_under_the_name_of_its_content_may_be_kept_for_good(assets: Tutorial) -> None:
    about = assets.get("/about").text
    named = re.findall(r'href="(/assets/css/site\.\w+\.css)"', about)[0]
    kept = assets.get(named)
    assert kept.content == assets.get("/assets/css/site.css").content
    assert "immutable" in kept.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/assets/none.css", "/assets/../06_assets.ipynb", "/assets/%2e%2e/06_assets.ipynb"]
)
def test_what_is_no_asset_is_not_there(assets: Tutorial, path: str) -> None:
    assert assets.get(path).status == 404


def test_an_asset_that_the_program_writes_is_there_at_once(assets: Tutorial) -> None:
    for browser in ("Ada's", 'the "best"'):
        answer = assets.request("POST", "/visits", {}, {"User-Agent": browser}).json
        report = assets.get(answer["url"])
        assert report.headers["content-type"].startswith("text/csv")
        rows = list(csv.reader(report.text.splitlines()))
        assert len(rows) == answer["visits"] + 1
        assert rows[-1][1] == browser


# ── files ──


def kept(files: Tutorial, filename: str, kind: str, content: bytes) -> dict[str, str]:
    form = multipart(("file", filename, kind, content), ("note", None, "", b"a note"))
    accept = {"Content-Type": MULTIPART, "Accept": "application/json"}
    answer = files.send("POST", "/files", form, accept)
    assert answer.status == 201, answer.text
    return dict(answer.json[0])


def saved_as(disposition: str) -> str:
    """The name under which a browser saves it: the extended one of RFC 6266 where there is one."""
    extended = re.search(r"filename\*=UTF-8''([^;]+)", disposition)
    return unquote(extended[1]) if extended else re.findall(r'filename="(.*)"', disposition)[0]


@pytest.mark.parametrize(
    "filename", ["photo.png", "Übersicht, 最終.png", "a;b'c.png", "  spaced  out .png"]
)
def test_a_file_comes_back_whole_under_its_name(files: Tutorial, filename: str) -> None:
    file = kept(files, filename, "image/png", PNG)
    assert (file["contentType"], file["size"], file["note"]) == ("image/png", len(PNG), "a note")
    down = files.get(file["url"])
    assert down.content == PNG
    assert down.headers["content-type"] == "image/png"
    disposition = down.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert saved_as(disposition) == file["filename"]
    shown = files.get(f"{file['url']}/view")
    assert shown.content == PNG
    assert not shown.headers.get("content-disposition", "inline").startswith("attachment")


def test_a_download_can_be_resumed_and_asked_for_again(files: Tutorial) -> None:
    file = kept(files, "photo.png", "image/png", PNG)
    piece = files.get(file["url"], {"Range": "bytes=8-11"})
    assert (piece.status, piece.content) == (206, PNG[8:12])
    assert piece.headers["content-range"] == f"bytes 8-11/{len(PNG)}"
    etag = piece.headers["etag"]
    assert files.get(file["url"], {"If-None-Match": etag}).status == 304


def test_a_page_that_a_stranger_uploads_is_not_shown_as_ours(files: Tutorial) -> None:
    for name, kind in [("evil.html", "text/html"), ("evil.svg", "image/svg+xml")]:
        file = kept(files, name, kind, b"<script>alert(1)</script>")
        answer = files.get(f"{file['url']}/view")
        assert answer.headers["content-disposition"].startswith("attachment")


def test_a_person_is_led_back_to_the_shelf(files: Tutorial) -> None:
    form = multipart(
        ("file", "<b>.txt", "text/plain", b"one"), ("file", "two.txt", "text/plain", b"two")
    )
    answer = files.send("POST", "/files", form, {"Content-Type": MULTIPART})
    assert (answer.status, answer.headers["location"]) == (303, "/")
    shelf = files.request("GET", "/").text
    assert "&lt;b&gt;.txt</a>, 3 bytes" in shelf
    assert "two.txt</a>, 3 bytes" in shelf
    empty = multipart(("note", None, "", b""))
    nothing = files.send("POST", "/files", empty, {"Content-Type": MULTIPART})
    assert nothing.status == 303
    assert "Choose a file first." in files.get(nothing.headers["location"]).text
    assert "Choose a file first." not in shelf
    asked = files.send("POST", "/files", empty, {"Content-Type": MULTIPART, **JSON})
    assert (asked.status, asked.json["error"]["code"]) == (422, "invalid_input")


def test_a_file_is_gone_when_it_was_deleted(files: Tutorial) -> None:
    file = kept(files, "gone.txt", "text/plain", b"gone")
    assert files.request("DELETE", file["url"]).status == 204
    assert files.request("DELETE", file["url"]).status == 404
    answer = files.request("GET", file["url"], headers={"Accept": "application/json"})
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (404, "no_such_file")


# ── errors ──


def error(answer: Answer) -> dict[str, Any]:
    found = answer.json["error"]
    assert found["code"]
    assert found["message"]
    return dict(found)


def test_a_mistake_of_the_program_is_told_with_its_line(errors: Tutorial) -> None:
    assert errors.request("GET", "/orders/1/total").json == {"total": 9}
    answer = errors.request("GET", "/orders/2/total", headers=JSON)
    told = error(answer)
    assert (answer.status, told["where"]["line"]) == (500, 5)
    assert "count" in told["message"]
    assert told["request_id"] == answer.headers["x-request-id"]


TOLD = [
    ("GET", "/stock/tea", None, 200, None),
    ("GET", "/stock/milk", None, 404, "not_found"),
    ("POST", "/orders", {"product": "tea", "count": 2}, 201, None),
    ("POST", "/orders", {"product": "tea", "count": 9}, 409, "out_of_stock"),
    ("POST", "/orders", {"product": "milk", "count": 1}, 409, "out_of_stock"),
    ("POST", "/orders", {"count": "many", "colour": "red"}, 400, "invalid_input"),
    ("PUT", "/prices/none", {"price": 1}, 404, "not_found"),
    ("GET", "/order/1/total", None, 404, "no_such_route"),
    ("GET", "/orders", None, 405, "method_not_allowed"),
    ("GET", "/%zz", None, 400, "bad_path"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), TOLD)
def test_a_caller_is_told_what_is_wrong(
    errors: Tutorial, method: str, path: str, body: object, status: int, code: str | None
) -> None:
    answer = errors.request(method, path, body, JSON)
    assert answer.status == status
    if code is not None:
        assert error(answer)["code"] == code


def test_every_problem_of_an_order_is_told_at_once(errors: Tutorial) -> None:
    told = error(errors.request("POST", "/orders", {"count": "many", "colour": "red"}, JSON))
    assert {problem["path"] for problem in told["details"]} == {"/product", "/count", "/colour"}


def test_a_body_that_is_no_json_or_too_long_never_gets_to_the_handler(errors: Tutorial) -> None:
    typed = {"Content-Type": "application/json", **JSON}
    told = error(errors.send("POST", "/orders", b'{ "product":', typed))
    assert (told["code"], told["details"]["line"]) == ("invalid_json", 1)
    assert errors.send("POST", "/orders", b" " * 11_000_000, typed).status == 413


def test_on_error_adds_what_there_is_instead_and_counts_the_rest(errors: Tutorial) -> None:
    answer = errors.request("POST", "/orders", {"product": "coffee", "count": 1}, JSON)
    assert answer.json["error"]["details"] == {"product": "coffee", "left": 0}
    assert answer.json["instead"] == ["tea"]
    before = errors.request("GET", "/errors").json.get("TypeError", 0)
    errors.request("GET", "/orders/2/total")
    assert errors.request("GET", "/errors").json["TypeError"] == before + 1


@pytest.mark.parametrize("path", ["/busy", "/waiting", "/hungry"])
def test_what_goes_on_too_long_is_ended_and_costs_nobody_else(errors: Tutorial, path: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(errors.request, "GET", path, headers=JSON)
        others = [errors.request("GET", "/stock/tea").status for _ in range(20)]
        answer = ended.result()
    assert answer.status >= 500
    assert error(answer)["hint"]
    assert others == [200] * 20
    assert errors.request("GET", "/stock/tea").json == {"left": 3}


async def test_the_public_sees_no_more_than_it_should(tmp_path: Path) -> None:
    settings = Settings(spare_workers=0)
    async with Engine(settings, env="production", root=tmp_path, data=tmp_path / "data") as engine:
        await engine.load(NOTEBOOKS / "08_errors.ipynb")
        face = AppsFace(engine)
        broken = await call(face, "/orders/2/total", host="localhost")
        assert broken.status == 500
        assert set(broken.json["error"]) == {"code", "message", "request_id"}
        assert b"count" not in broken.body
        meant = await call(face, "/stock/milk", host="localhost")
        assert meant.json["error"]["message"] == "We do not sell milk."
