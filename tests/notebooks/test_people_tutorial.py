"""The tutorial on sign-up serves what it says: accounts, protected pages, one's own notes, administrators."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.notebooks.tutorial import Answer, Tutorial, running

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    with running("09_sign_up.ipynb", tmp_path_factory.mktemp("notebook")) as one:
        yield one


class Browser:
    """Sends forms, keeps the cookie of its session, and follows nothing."""

    def __init__(self, tutorial: Tutorial) -> None:
        self.tutorial, self.cookie = tutorial, ""

    def get(self, path: str) -> Answer:
        return self._keep(self.tutorial.get(path, {**HTML, "Cookie": self.cookie}))

    def post(self, path: str, **fields: str) -> Answer:
        kind = "application/x-www-form-urlencoded"
        headers = {**HTML, "Cookie": self.cookie, "Content-Type": kind}
        body = urlencode(fields).encode()
        return self._keep(self.tutorial.send("POST", path, body, headers))

    def _keep(self, answer: Answer) -> Answer:
        given = answer.headers.get("set-cookie", "")
        if given.startswith("aiwe_session="):
            self.cookie = given.partition(";")[0]
        return answer


def test_people_sign_up_and_see_their_own_notes_alone(tutorial: Tutorial) -> None:
    ada, bob = Browser(tutorial), Browser(tutorial)
    for browser, name in ((ada, "ada"), (bob, "bob")):
        assert "Sign up" in browser.get("/sign-up").text
        answer = browser.post(
            "/sign-up", username=name, password=PASSWORD, email="x@example.org", roles="admin"
        )
        assert (answer.status, answer.headers["location"]) == (303, "/notes")
        assert f"Notes of {name}" in browser.get("/notes").text
    assert ada.post("/notes", text="<b>of Ada</b>").status == 303
    assert "&lt;b&gt;of Ada&lt;/b&gt;" in ada.get("/notes").text
    assert "of Ada" not in bob.get("/notes").text
    assert bob.get("/admin").status == 403  # the form asked for the role, and got nothing


def test_what_is_wrong_stands_above_the_form(tutorial: Tutorial) -> None:
    browser = Browser(tutorial)
    weak = browser.post("/sign-up", username="eve", password="password1", email="")
    assert weak.status == 422
    assert "tried first" in weak.text
    assert "password1" not in weak.text
    browser.post("/sign-up", username="carol", password=PASSWORD, email="")
    taken = Browser(tutorial).post("/sign-up", username="Carol", password=PASSWORD, email="")
    assert (taken.status, "taken" in taken.text) == (409, True)
    wrong = Browser(tutorial).post("/login", username="carol", password="wrong")
    assert (wrong.status, "not right" in wrong.text) == (401, True)


def test_a_person_is_sent_to_the_form_and_a_program_is_told(tutorial: Tutorial) -> None:
    guest = Browser(tutorial).get("/notes")
    assert (guest.status, guest.headers["location"]) == (303, "/login")
    program = tutorial.get("/notes", {"Accept": "application/json"})
    assert (program.status, program.json["error"]["code"]) == (401, "not_authenticated")


def test_who_signs_out_is_out(tutorial: Tutorial) -> None:
    browser = Browser(tutorial)
    browser.post("/sign-up", username="dave", password=PASSWORD, email="")
    cookie = browser.cookie
    assert "Hello, dave" in browser.get("/").text
    assert browser.post("/logout").headers["location"] == "/"
    browser.cookie = cookie
    assert "Hello" not in browser.get("/").text
    assert browser.post("/login", username="DAVE", password=PASSWORD).status == 303
    assert "Hello, dave" in browser.get("/").text


def test_the_cell_that_makes_administrators_is_no_part_of_the_app(tutorial: Tutorial) -> None:
    shown = str(tutorial.outputs("scratch"))
    assert "Nobody has signed up yet" in shown
    assert "scratch" in shown
    assert tutorial.routes >= {"GET /sign-up", "POST /login", "GET /notes", "GET /admin"}
