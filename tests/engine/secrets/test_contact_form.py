"""UC-504 as it is written: a contact form that sends mail through a service, with its key in the vault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from aiwe_engine.types import Response
from tests.engine.outbound.servers import Reply, answer, then_close, then_reset, then_silence
from tests.engine.secrets.conftest import VALUE, OpenShop, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = (Path(__file__).parent / "contact_form.js").read_text(encoding="utf-8")
ROUTES = """
app.get("/contact", showContactForm);
app.post("/api/submit-contact", submitContactForm);
app.get("/sent", () => DataRepository.list("contact_submissions"));
"""
MAIL = "/v3/mail/send"
KEY = "sendgrid_api_key"
FORM = b"name=Ada&email=ada%40example.org&message=Hello+there"


async def submit(shop: Shop) -> Response:
    await shop.serve(SCRIPT + ROUTES)
    form = [("content-type", "application/x-www-form-urlencoded")]
    return await shop.get("/api/submit-contact", method="POST", headers=form, body=FORM)


def said(shop: Shop, response: Response) -> str:
    """Everything that people and the log get of it."""
    return " ".join([*shop.lines, response.body.decode(), str(response.headers)])


async def test_the_service_gets_the_key_and_nobody_else(open_shop: OpenShop) -> None:
    shop: Shop = await open_shop({MAIL: answer("", "202 Accepted")})
    await shop.keep(KEY, hosts=("api.sendgrid.com",))
    response = await submit(shop)
    assert (response.status, orjson.loads(response.body)["success"]) == (200, True)
    [seen] = shop.mail.seen
    assert (seen.method, seen.target) == ("POST", MAIL)
    assert seen.header("authorization") == f"Bearer {VALUE}"
    assert seen.header("host") == "api.sendgrid.com"
    assert orjson.loads(seen.body)["from"] == {"email": "ada@example.org", "name": "Ada"}
    [stored] = await shop.json("/sent")
    assert (stored["email"], stored["status"]) == ("ada@example.org", "sent")
    assert await shop.uses() == [(KEY, "api.sendgrid.com:443", "header", "sent")]
    assert VALUE not in said(shop, response)
    assert (await shop.get("/contact")).status == 200


FAILURES: dict[str, tuple[Reply | bytes, str]] = {
    "429": (answer("slow down", "429 Too Many", "Retry-After: 30"), "SendGrid API error: 429"),
    "401": (answer(f"bad key {VALUE}", "401 Unauthorized"), "SendGrid API error: 401"),
    "reset": (then_reset(), "closed the connection"),
    "timeout": (then_silence(), "did not answer within"),
    "garbage": (then_close(b"\x00\x01 nonsense\r\n\r\n"), "is not an answer of HTTP/1.1"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_service_that_fails_is_told_to_nobody_but_the_log(
    failure: str, open_shop: OpenShop
) -> None:
    reply, logged = FAILURES[failure]
    shop: Shop = await open_shop({MAIL: reply}, fetch_timeout=0.5)
    await shop.keep(KEY, hosts=("api.sendgrid.com",))
    response = await submit(shop)
    assert response.status == 500
    assert "try again later" in orjson.loads(response.body)["error"]
    assert await shop.json("/sent") == []
    assert len(shop.mail.seen) == 1
    assert any(logged in line for line in shop.lines), shop.lines
    assert VALUE not in said(shop, response)


REFUSED: dict[str, tuple[dict[str, Any] | None, str]] = {
    "there is none": (None, f'There is no secret "{KEY}" for this app.'),
    "it names no host": ({}, f'The secret "{KEY}" may not be sent to api.sendgrid.com.'),
    "it is for another": ({"hosts": ("api.example.com",)}, "may not be sent to api.sendgrid.com"),
    "another app has it": ({"hosts": ("api.sendgrid.com",), "app": "shop"}, "There is no secret"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_without_the_right_to_the_key_nothing_is_sent(case: str, shop: Shop) -> None:
    stored, logged = REFUSED[case]
    if stored is not None:
        await shop.keep(KEY, **stored)
    response = await submit(shop)
    assert response.status == 500
    assert any(logged in line for line in shop.lines), shop.lines
    assert shop.mail.seen == []
    assert VALUE not in said(shop, response)
