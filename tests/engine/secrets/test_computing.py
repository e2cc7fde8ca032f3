"""What the host computes with a secret: signatures as three services publish them, and comparisons."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest

from aiwe_engine.vault.signing import sign
from tests.engine.secrets.conftest import VALUE, OpenShop, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRIPE = r"""
app.post("/hook", async (req) => {
  const parts = Object.fromEntries(req.headers["stripe-signature"].split(",").map((p) => p.split("=")));
  const expected = await Secrets.hmac("stripe_webhook", { hash: "SHA-256" }, `${parts.t}.${await req.text()}`);
  return expected === parts.v1 ? "paid" : Response.error(400, "no");
});"""


async def test_a_webhook_of_stripe(shop: Shop) -> None:
    """https://docs.stripe.com/webhooks#verify-manually; such a secret is sent nowhere and has no hosts."""
    secret, payload, at = (
        "whsec_test_secret",
        b'{"id": "evt_test_webhook","object": "event"}',
        1614556800,
    )
    await shop.keep("stripe_webhook", secret)
    await shop.serve(STRIPE)
    good = hmac.new(secret.encode(), b"%d.%s" % (at, payload), hashlib.sha256).hexdigest()
    for signature, status in ((good, 200), (good[:-1] + "x", 400)):
        headers = [
            ("stripe-signature", f"t={at},v1={signature}"),
            ("content-type", "application/json"),
        ]
        response = await shop.get("/hook", method="POST", headers=headers, body=payload)
        assert response.status == status, response.body
    assert await shop.uses() == [("stripe_webhook", None, "hmac", "computed")] * 2


# The secret of Amazon's examples and tests.
AWS = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SIGNED = [
    # https://docs.aws.amazon.com/general/latest/gr/sigv4-create-string-to-sign.html: iam ListUsers
    (
        "us-east-1/iam",
        (
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
        ),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ),
    # aws-sig-v4-test-suite: get-vanilla
    (
        "us-east-1/service",
        (
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"
        ),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
]


@pytest.mark.parametrize("stored", [AWS, f"AWS4{AWS}"], ids=["as given", "prefixed"])
@pytest.mark.parametrize(("place", "text", "signature"), SIGNED, ids=["ListUsers", "get-vanilla"])
async def test_signature_4_of_aws(
    place: str, text: str, signature: str, stored: str, shop: Shop
) -> None:
    await shop.keep("aws", stored)
    chain = ["20150830", *place.split("/"), "aws4_request"]
    body = f'return [await Secrets.hmac("aws", {{ hash: "SHA-256", chain: {chain} }}, {text!r})]'
    assert await shop.value(body) == [signature]


async def test_a_request_of_twilio(shop: Shop) -> None:
    """https://www.twilio.com/docs/usage/security: the example of its signature."""
    await shop.keep("twilio", "12345678901234567890123456789012")
    text = (
        "https://example.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309"
        "Digits1234From+14158675309To+18005551212"
    )
    key = b"12345678901234567890123456789012"
    want = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha1).digest()).decode()
    options = '{ hash: "SHA-1", encoding: "base64" }'
    for data in (f'"{text}"', f'new TextEncoder().encode("{text}")'):
        assert await shop.value(f'return [await Secrets.hmac("twilio", {options}, {data})]') == [
            want
        ]


async def test_the_signature_that_twilio_publishes() -> None:
    """Its key is shorter than a secret can be, so it is signed with directly."""
    text = (
        "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309"
        "Digits1234From+14158675309To+18005551212"
    )
    options = {"hash": "SHA-1", "encoding": "base64"}
    assert sign(b"12345", options, text.encode()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "base64"),
        ("31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0", "hex"),
    ],
)
async def test_a_webhook_of_the_standard(value: str, written: str, shop: Shop) -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the vector of its libraries."""
    await shop.keep("svix", value)
    options = f'{{ hash: "SHA-256", key: "{written}", encoding: "base64" }}'
    data = """'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'"""
    signed = await shop.value(f'return [await Secrets.hmac("svix", {options}, {data})]')
    assert signed == ["g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]


UNFIT = {
    "undefined": ("The options of Secrets.hmac are missing.", ""),
    "{}": ("The options of Secrets.hmac name no hash.", ""),
    "{ hash: undefined }": ("The options of Secrets.hmac name no hash.", ""),
    "{ algorithm: 'SHA-256' }": ('Secrets.hmac knows no option "algorithm".', ""),
    "{ hash: 'SHA-256', encodng: 'hex' }": ('Secrets.hmac knows no option "encodng".', "encoding"),
    "{ hash: 'sha256' }": ('Secrets.hmac knows no hash "sha256".', "SHA-256"),
    "{ hash: 'MD5' }": ('Secrets.hmac knows no hash "MD5".', ""),
    "{ hash: 'SHA-1', encoding: 'Base64' }": ('Secrets.hmac knows no encoding "Base64".', "base64"),
    "{ hash: 'SHA-1', encoding: null }": ("Secrets.hmac knows no encoding null.", ""),
    "{ hash: 'SHA-1', key: 'HEX' }": ('Secrets.hmac knows no key as "HEX".', "hex"),
    "{ hash: 'SHA-1', key: 'hex' }": ("The value of this secret is not written in hex.", ""),
    "{ hash: 'SHA-1', key: 'base64' }": ("The value of this secret is not written in base64.", ""),
}


@pytest.mark.parametrize("options", UNFIT)
async def test_what_is_wrong_with_the_options(options: str, shop: Shop) -> None:
    await shop.keep("key")
    message, meant = UNFIT[options]
    thrown = await shop.thrown(f'Secrets.hmac("key", {options}, "x")')
    assert (thrown["code"], thrown["message"]) == ("invalid_argument", message)
    assert ("Did you mean" in thrown["hint"]) is bool(meant)
    assert thrown["hint"].startswith(f'Did you mean "{meant}"? ' if meant else "Write ")
    assert 'Write { hash: "SHA-256" }' in thrown["hint"]


CANDIDATES: list[tuple[str, bool]] = [
    (f'"{VALUE}"', True),
    (f'"{VALUE}x"', False),
    (f'"{VALUE[:-1]}"', False),
    ('""', False),
    ("undefined", False),
    ('"x".repeat(100000)', False),
    ('Secrets.get("key")', False),
]


@pytest.mark.parametrize(("candidate", "same"), CANDIDATES)
async def test_a_token_is_compared_by_the_host(candidate: str, same: bool, shop: Shop) -> None:
    await shop.keep("key")
    assert await shop.value(f'return [await Secrets.matches("key", {candidate})]') == [same]
    assert await shop.uses() == [("key", None, "matches", "computed")]


@pytest.mark.binds("secrets_matches")
async def test_so_often_may_one_address_compare(open_shop: OpenShop) -> None:
    shop: Shop = await open_shop(secrets_matches="2/min")
    await shop.keep("key")
    await shop.serve('app.get("/x", async (req) => [await Secrets.matches("key", req.query.t)])')

    async def ask(client: str) -> Any:
        response = await shop.get("/x", query=f"t={VALUE}", client=client)
        waits = [value for name, value in response.headers if name == "retry-after"]
        return response.status, len(waits)

    assert [await ask("192.0.2.1") for _ in range(3)] == [(200, 0), (200, 0), (429, 1)]
    assert await ask("192.0.2.2") == (200, 0)
    assert [use[3] for use in await shop.uses()] == ["computed", "computed", "refused", "computed"]


@pytest.mark.parametrize("method", ["Secrets.matches", "Auth.verifyToken"])
async def test_a_check_that_is_not_awaited_lets_nobody_in(shop: Shop, method: str) -> None:
    """Its promise is always true; that of a check which somebody awaits later is not told of."""
    await shop.keep("key", VALUE)
    args = '"key", "wrong"' if method == "Secrets.matches" else '"wrong"'
    await shop.serve(f"""
app.get("/x", () => {method}({args}) ? "in" : Response.error(401));
app.get("/negated", () => {{ if (!{method}({args})) return Response.error(401); return "in"; }});
app.get("/later", async () => {{ const found = {method}({args}); const known = {method}({args}); await null; return [await found, (await Promise.all([known]))[0]]; }});
""")
    for path in ("/x", "/negated"):
        response = await shop.get(path)
        told = orjson.loads(response.body)["error"]
        assert (response.status, told["code"]) == (500, "not_awaited"), path
        assert told["message"] == (
            f"{method} was not awaited: a promise is always true, whatever comes of it."
        )
        assert told["hint"] == f"Write await {method}(…)."
        assert told["where"]["line"]
    assert orjson.loads((await shop.get("/later")).body) in ([False, False], [None, None])
