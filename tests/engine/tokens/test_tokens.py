"""What a token says, whom it makes of its sender, and everything that is none."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import replace

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from aiwe_engine.errors import AiweError
from aiwe_engine.people.keys import FRESH
from aiwe_engine.protocols import Scope
from tests.engine.tokens.conftest import House, Sealing

ISSUER = "http://shop--dev.localhost"
HOUR, DAY = 3600, 86_400


def b64(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def said(token, part=1):
    text = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


async def test_a_token_says_who_its_owner_is_and_until_when(house, clock):
    ada = await house.person()
    issued = await house.tokens.issue(
        house.scope, house.settings, ada, {"claims": {"plan": "pro"}, "scope": ["a", "b", "a"]}
    )
    claims = said(issued.token)
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": ada.id,
        "iat": int(clock.now),
        "exp": int(clock.now) + HOUR,
        "epoch": 0,
        "scope": "a b",
        "plan": "pro",
    }
    assert issued.expires == claims["exp"]
    header = said(issued.token, 0)
    assert header["alg"] == "ES256"
    assert header["typ"] == "JWT"
    assert header.keys() == {"alg", "typ", "kid"}


async def test_a_token_makes_its_owner_of_its_sender(house):
    ada = await house.person(claims={"city": "Turin"}, tenant="t1", email="ada@example.org")
    user = await house.owner(await house.issue(ada, claims={"plan": "pro"}))
    assert (user.id, user.username, user.via) == (ada.id, "ada", "jwt")
    assert (user.email, user.tenant, user.roles) == ("ada@example.org", "t1", ("editor",))
    assert user.claims["city"] == "Turin"
    assert user.claims["plan"] == "pro"
    assert user.claims["sub"] == ada.id


@pytest.mark.parametrize(
    ("scope", "roles"),
    [
        (None, ("editor", "admin")),
        (["editor"], ("editor",)),
        (["editor", "read:all"], ("editor",)),
        (["owner"], ()),
        ([], ()),
    ],
)
async def test_a_scope_leaves_those_roles_that_stand_in_it(house, scope, roles):
    ada = await house.person(roles=["editor", "admin"], claims={"scope": "admin"})
    user = await house.owner(await house.issue(ada, scope=scope))
    assert user.roles == roles
    assert user.claims.get("scope") == (None if scope is None else " ".join(scope))
    key = await house.api_keys.create(house.scope, ada, "k", {"scope": scope})
    assert (await house.owner(key["key"])).roles == roles


async def test_what_is_made_by_a_token_with_a_scope_carries_no_more(house):
    ada = await house.person(roles=["editor", "admin"])
    narrow = await house.owner(await house.issue(ada, scope=["editor", "mail"]))
    assert said(await house.issue(narrow))["scope"] == "editor mail"
    assert said(await house.issue(narrow, scope=["mail"]))["scope"] == "mail"
    key = await house.api_keys.create(house.scope, ada, "k", {"scope": ["editor", "mail"]})
    by_key = await house.owner(key["key"])
    assert by_key.roles == ("editor",)
    for caller in (narrow, by_key):
        for wide in (["admin"], ["editor", "admin"]):
            with pytest.raises(AiweError, match='has no "admin" in its scope') as caught:
                await house.issue(caller, scope=wide)
            assert (caught.value.code, caught.value.status) == ("scope_too_wide", 403)
        with pytest.raises(AiweError) as caught:
            await house.api_keys.create(house.scope, caller, "k", {})
        assert (caught.value.code, caught.value.status) == ("login_needed", 403)


async def test_what_happens_to_the_account_binds_at_once(house):
    ada = await house.person(roles=["editor"])
    token, key = await house.issue(ada), await house.api_keys.create(house.scope, ada, "k", {})
    both = token, key["key"]
    await house.change(ada, roles=["reader"])
    assert [(await house.owner(one)).roles for one in both] == [("reader",), ("reader",)]
    await house.change(ada, disabled=True)
    assert {await house.owner(one) for one in both} == {
        "The token was revoked.",
        "The API key was revoked.",
    }
    await house.change(ada, disabled=False)
    assert [(await house.owner(one)).id for one in both] == [ada.id, ada.id]
    await house.change(ada, epoch=1)  # another password
    assert "revoked" in await house.owner(token)
    assert "revoked" in await house.owner(key["key"])
    fresh = await house.issue(ada)
    assert (await house.owner(fresh)).id == ada.id
    await house.store.within(house.scope.own).delete("people", ada.id)
    assert "revoked" in await house.owner(fresh)
    with pytest.raises(AiweError) as caught:
        await house.issue(ada)
    assert (caught.value.code, caught.value.status) == ("not_authenticated", 401)


async def test_a_token_ends_in_the_second_that_it_names(house, clock):
    token = await house.issue(await house.person(), expiresIn="15m")
    clock.now += 15 * 60 - 1
    assert (await house.owner(token)).username == "ada"
    clock.now += 1
    assert await house.owner(token) == "The token has expired."


async def test_a_revoked_token_is_void_and_others_of_its_owner_are_not(house, another, clock):
    ada = await house.person()
    one, two = await house.issue(ada), await house.issue(ada)
    user = await house.owner(one)
    assert (await another.owner(one)).id == ada.id
    await house.tokens.revoke(house.scope, user.claims)
    assert await house.owner(one) == await another.owner(one) == "The token was revoked."
    assert (await house.owner(two)).id == ada.id
    clock.now += 2 * HOUR
    third = await house.issue(ada)
    await house.tokens.revoke(house.scope, (await house.owner(third)).claims)
    kept = await house.store.within(house.scope.own).query("revoked_tokens", {}, {})
    assert [orjson.loads(text)["id"] for text in kept] == [said(third)["jti"]]


async def forged(house, ada, name):
    """A token that is not one, by the name of what is wrong with it."""
    token = await house.issue(ada)
    header, claims = said(token, 0), said(token)
    (key,) = await house.keys.published(house.scope, DAY)
    public = ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})
    mine = ECKey.generate_key("P-256")
    _, payload, signature = token.split(".")

    def signed(key=mine, **changed):
        text = {**header, **changed}
        algorithm = text["alg"]
        return jwt.encode(text, claims, key, algorithms=[algorithm], default_type=None)

    def by_hmac(secret):
        start = f"{b64({**header, 'alg': 'HS256'})}.{payload}"
        return f"{start}.{b64(hmac.new(secret, start.encode(), hashlib.sha256).digest())}"

    pem = public.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = mine.as_dict(private=False)
    made = {
        "alg none": lambda: (
            f"{b64({'alg': 'none', 'typ': 'JWT', 'kid': header['kid']})}.{payload}.x"
        ),
        "alg None": lambda: f"{b64({**header, 'alg': 'nOnE'})}.{payload}.{signature}",
        "no alg": lambda: f"{b64({'typ': 'JWT', 'kid': header['kid']})}.{payload}.{signature}",
        "HS256 with the public key": lambda: by_hmac(pem),
        "HS256 with the public JWK": lambda: by_hmac(json.dumps(jwk).encode()),
        "HS256 with nothing": lambda: by_hmac(b""),
        "RS256": lambda: signed(RSAKey.generate_key(2048), alg="RS256"),
        "a key of its own": signed,
        "another kid": lambda: signed(kid=mine.thumbprint()),
        "no kid": lambda: f"{b64({'alg': 'ES256', 'typ': 'JWT'})}.{payload}.{signature}",
        "a kid that is a path": lambda: signed(kid="../../etc/passwd"),
        "a kid that is no text": lambda: f"{b64({**header, 'kid': 7})}.{payload}.{signature}",
        "an embedded jwk": lambda: signed(jwk=jwk),
        "a jku": lambda: signed(jku="https://evil.example/jwks.json"),
        "an x5u": lambda: signed(x5u="https://evil.example/x.pem"),
        "another typ": lambda: signed(typ="at+jwt"),
        "no typ": lambda: f"{b64({'alg': 'ES256', 'kid': header['kid']})}.{payload}.{signature}",
        "crit": lambda: f"{b64({**header, 'crit': ['exp']})}.{payload}.{signature}",
        "a tampered payload": lambda: (
            f"{token.split('.')[0]}.{b64({**claims, 'sub': 'admin'})}.{signature}"
        ),
        "a tampered signature": lambda: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        "an empty signature": lambda: f"{token.split('.')[0]}.{payload}.AA",
        "a signature of nothing": lambda: f"{token.split('.')[0]}.{payload}.{b64(bytes(64))}",
    }
    return made[name]()


FORGED = [
    "alg none",
    "alg None",
    "no alg",
    "HS256 with the public key",
    "HS256 with the public JWK",
    "HS256 with nothing",
    "RS256",
    "a key of its own",
    "another kid",
    "no kid",
    "a kid that is a path",
    "a kid that is no text",
    "an embedded jwk",
    "a jku",
    "an x5u",
    "another typ",
    "no typ",
    "crit",
    "a tampered payload",
    "a tampered signature",
    "an empty signature",
    "a signature of nothing",
]


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_makes_nobody_of_its_sender(house, name):
    ada = await house.person(roles=["admin"])
    token = await forged(house, ada, name)
    why = await house.owner(token)
    assert isinstance(why, str), why
    assert why.startswith("The token")
    assert await house.owner(token) == why  # nor the second time


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 9000,
        f"{b64({'alg': 'ES256'})}.{b64({'iss': 'https://elsewhere.example'})}.AAAA",
        f"{b64([])}.{b64({})}.AAAA",
        f"{b64({})}.{b64('x')}.AAAA",
        f"{b64(b'{')}.{b64({})}.AAAA",
        "sk_live_123456",
        "aiwe.not.akey",
        "é.b.c",
        "aiwe_short_key",
    ],
)
async def test_what_is_no_token_of_ours_is_left_alone(house, text):
    await house.issue(await house.person())
    assert await house.owner(text) is None


async def test_a_token_signed_by_ours_with_other_claims_is_refused(house, clock):
    ada = await house.person()
    good = said(await house.issue(ada))
    now = int(clock.now)
    cases = [
        ({"iss": "http://blog--dev.localhost"}, "The token is of another issuer."),
        ({"aud": "https://mail.example"}, "The token is meant for another service."),
        ({"exp": now}, "The token has expired."),
        ({"nbf": now + 120}, "The token is not valid yet."),
        ({"iat": now + 120}, "The token is not valid yet."),
        ({"epoch": 1}, "The token was revoked."),
        ({"epoch": "0"}, "The token lacks what it must say."),
        ({"sub": "nobody"}, "The token was revoked."),
        ({"exp": None}, "The token lacks what it must say."),
        ({"exp": 1e18}, "The token lacks what it must say."),
        ({"aud": ["x"]}, "The token lacks what it must say."),
        ({"jti": None}, "The token lacks what it must say."),
        ({"nbf": "x"}, "The token lacks what it must say."),
    ]
    for change, why in cases:
        token = await house.keys.sign(house.scope, {**good, **change}, now + HOUR, DAY * 30)
        assert await house.owner(token) == why, change
    token = await house.keys.sign(house.scope, {**good, "nbf": now, "iat": now + 30}, now, DAY * 30)
    assert (await house.owner(token)).id == ada.id


@pytest.mark.parametrize("scope", [Scope("blog", "dev"), Scope("shop", "production")])
async def test_apps_and_environments_do_not_take_each_others_tokens(house, scope):
    ada = await house.person()
    token = await house.issue(ada)
    key = (await house.api_keys.create(house.scope, ada, "k", {}))["key"]
    assert (await house.owner(token)).id == ada.id
    house.scope = scope
    assert await house.owner(token) is None
    assert await house.owner(key) == "There is no such API key."
    house.settings = replace(house.settings, auth_issuer=ISSUER)
    assert "signed by a key that this app does not have" in await house.owner(token)


@pytest.mark.binds("auth_audiences")
async def test_a_token_for_another_service_is_not_taken_unless_that_is_wanted(house):
    ada = await house.person()
    token = await house.issue(ada, audience="https://mail.example")
    assert said(token)["aud"] == "https://mail.example"
    assert await house.owner(token) == "The token is meant for another service."
    house.settings = replace(house.settings, auth_audiences=("https://mail.example",))
    assert (await house.owner(token)).id == ada.id
    assert (await house.owner(await house.issue(ada))).id == ada.id


@pytest.mark.binds("auth_issuer")
async def test_the_issuer_is_the_setting_else_a_name_without_a_port(house):
    ada = await house.person()
    before = await house.issue(ada)
    house.settings = replace(house.settings, auth_issuer="https://shop.example.org")
    token = await house.issue(ada)
    assert said(token)["iss"] == said(token)["aud"] == "https://shop.example.org"
    assert (await house.owner(token)).id == ada.id
    assert await house.owner(before) == "The token is of another issuer."


@pytest.mark.binds("auth_token_lifetime", "auth_token_longest")
async def test_how_long_a_token_is_good_for(house, clock):
    ada = await house.person()

    async def lifetime(**options):
        claims = said(await house.issue(ada, **options))
        return claims["exp"] - claims["iat"]

    assert await lifetime() == HOUR
    given = {"90s": 90, "15m": 900, "1h": HOUR, "30d": 30 * DAY, "2w": 14 * DAY, 60: 60, 1.5: 1}
    for text, seconds in given.items():
        assert await lifetime(expiresIn=text) == seconds
    house.settings = replace(house.settings, auth_token_lifetime=60.0, auth_token_longest=DAY * 1.0)
    assert await lifetime() == 60
    assert await lifetime(expiresIn="1d") == DAY
    with pytest.raises(AiweError) as caught:
        await lifetime(expiresIn="2d")
    assert (caught.value.code, caught.value.status) == ("lifetime_too_long", 400)
    assert caught.value.message == "expiresIn is longer than the 86,400 seconds that are allowed."
    assert "auth.token_longest" in caught.value.hint
    house.settings = replace(house.settings, auth_token_lifetime=2.0 * DAY)
    assert await lifetime() == DAY


WRONG = [
    ({"expiresIn": wrong}, "invalid_argument", "is no time")
    for wrong in ("", "soon", "1y", "-1h", "1.5h", 0, -5, 0.5, True, [], float("nan"), "9" * 12)
] + [
    ({"expiresIn": float("inf")}, "lifetime_too_long", "is longer than"),
    ({"expiresIn": "31d"}, "lifetime_too_long", "is longer than"),
    ({"claims": []}, "invalid_argument", "claims is no object"),
    ({"claims": {"x": "y" * 5000}}, "invalid_argument", "more than 4,096 bytes"),
    ({"audience": ""}, "invalid_argument", "audience is no text"),
    ({"audience": ["a"]}, "invalid_argument", "audience is no text"),
    ({"scope": "admin"}, "invalid_argument", "scope is no list"),
    ({"scope": ["a b"]}, "invalid_argument", "scope is no list"),
    ({"scope": [""]}, "invalid_argument", "scope is no list"),
    ({"scope": [1]}, "invalid_argument", "scope is no list"),
]


@pytest.mark.parametrize(("options", "code", "message"), WRONG, ids=str)
async def test_options_that_cannot_be_meant(house, options, code, message):
    with pytest.raises(AiweError) as caught:
        await house.issue(await house.person(), **options)
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "epoch", "scope"]
)
async def test_claims_that_are_the_engines(house, name):
    with pytest.raises(AiweError) as caught:
        await house.issue(await house.person(), claims={name: 1})
    assert caught.value.code == "reserved_claim"
    assert caught.value.message == f'The claim "{name}" is the engine\'s to give.'
    assert "expiresIn, audience and scope" in caught.value.hint


# ── keys ──


async def test_two_engines_make_one_first_key(house, another):
    ada = await house.person()
    tokens = await asyncio.gather(*(one.issue(ada) for one in (house, another, house, another)))
    assert len({said(token, 0)["kid"] for token in tokens}) == 1
    for token in tokens:
        assert (await house.owner(token)).id == (await another.owner(token)).id == ada.id
    assert len(await house.keys.published(house.scope, DAY)) == 1


async def test_the_private_part_is_never_stored_in_the_clear(house):
    await house.issue(await house.person())
    (text,) = await house.store.within(house.scope.own).query("signing_keys", {}, {})
    stored = orjson.loads(text)
    private = orjson.loads(
        Sealing().open(stored["sealed"], f"signing key shop/dev {stored['kid']}")
    )
    assert private["d"]
    assert private["d"].encode() not in text
    assert "d" not in stored["public"]
    (published,) = await house.keys.published(house.scope, DAY)
    assert published.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@pytest.mark.binds("auth_key_rotation")
async def test_a_key_is_followed_by_another_and_stays_as_long_as_its_tokens(house, clock):
    ada = await house.person()
    house.settings = replace(house.settings, auth_key_rotation=7.0 * DAY)
    rotation = house.settings.auth_key_rotation
    old = await house.issue(ada, expiresIn="20d")
    first = said(old, 0)["kid"]
    clock.now += 7 * DAY - 1
    assert said(await house.issue(ada), 0)["kid"] == first
    clock.now += 1
    # Published before it signs: whoever keeps a copy of the key set has the time to fetch it again.
    assert said(await house.issue(ada), 0)["kid"] == first
    kids = [key["kid"] for key in await house.keys.published(house.scope, rotation)]
    assert len(kids) == 2
    assert kids[1] == first
    clock.now += FRESH
    assert said(await house.issue(ada), 0)["kid"] == kids[0]
    assert (await house.owner(old)).id == ada.id
    clock.now += 13 * DAY - FRESH - 2
    assert (await house.owner(old)).id == ada.id
    assert first in [key["kid"] for key in await house.keys.published(house.scope, rotation)]
    clock.now += 2 * HOUR
    assert await house.owner(old) == "The token has expired."
    published = await house.keys.published(house.scope, rotation)
    assert first not in [key["kid"] for key in published]
    stored = await house.store.within(house.scope.own).query("signing_keys", {}, {})
    assert len(stored) == len(published)


async def test_rotation_by_hand_keeps_tokens_and_revocation_ends_them(house, another, clock):
    ada = await house.person()
    old = await house.issue(ada)
    made = await house.keys.rotate(house.scope)
    assert said(await house.issue(ada), 0)["kid"] != made
    assert (await house.owner(old)).id == ada.id
    clock.now += FRESH
    assert said(await house.issue(ada), 0)["kid"] == made
    last = await house.keys.rotate(house.scope, revoke=True)
    assert "key" in await house.owner(old)
    fresh = await house.issue(ada)
    assert said(fresh, 0)["kid"] == last
    assert (await house.owner(fresh)).id == ada.id
    assert [key["kid"] for key in await house.keys.published(house.scope, DAY)] == [last]
    clock.now += 61  # within a minute another engine knows as well
    assert "key" in await another.owner(old)
    assert (await another.owner(fresh)).id == ada.id


@pytest.mark.parametrize("lifetime", ["1h", "10d"])
async def test_an_engine_that_has_not_heard_of_a_revocation_signs_with_no_dead_key(
    house, another, lifetime
):
    ada = await house.person()
    await another.issue(ada)
    await house.keys.rotate(house.scope, revoke=True)
    token = await another.issue(ada, expiresIn=lifetime)
    assert (await house.owner(token)).id == ada.id
    await house.store.clear(house.scope.own)  # a reset
    eve = await house.person("eve")
    token = await another.issue(eve, expiresIn=lifetime)
    assert (await another.owner(token)).id == eve.id


async def test_what_was_signed_goes_on_where_the_key_of_the_vault_is_lost(house, store, clock):
    ada = await house.person()
    old = await house.issue(ada)
    later = House(store, clock, key="2")
    assert (await later.owner(old)).id == ada.id
    assert len(await later.keys.published(house.scope, DAY)) == 1  # opens nothing
    for _ in range(3):
        fresh = await later.issue(ada)
        assert said(fresh, 0)["kid"] != said(old, 0)["kid"]
        assert (await house.owner(fresh)).id == ada.id
        assert said(await house.issue(ada), 0)["kid"] == said(old, 0)["kid"]
    assert len(await later.keys.published(house.scope, DAY)) == 2
