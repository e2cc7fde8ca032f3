"""What browsers say of where a request comes from, and what is made of it."""

import pytest

from aiwe_engine.csrf import cross_site
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request

HOST = "shop.localhost:8890"
OWN = f"http://{HOST}"

# Sec-Fetch-Site and Origin as they come (None: not at all), and whether the request crosses.
BROWSERS = [
    ("the app's own page", "same-origin", OWN, False),
    ("the app's own form, in Safari before 16.4", None, OWN, False),
    ("a bookmark", "none", None, False),
    ("the app's own page without a referrer", "same-origin", "null", False),
    ("curl", None, None, False),
    ("a page of another site", "cross-site", "https://evil.example", True),
    ("the same in an older browser", None, "https://evil.example", True),
    ("a page of another app of this engine", "cross-site", "http://blog.localhost:8890", True),
    ("the same in an older browser", None, "http://blog.localhost:8890", True),
    ("a page of a sibling domain", "same-site", "http://www.shop.localhost:8890", True),
    ("another port of the same host", "same-site", "http://shop.localhost:9999", True),
    ("the same in an older browser", None, "http://shop.localhost:9999", True),
    ("the same host without a port", None, "http://shop.localhost", True),
    ("a link that posts, from elsewhere, without an origin", "cross-site", None, True),
    ("a sandboxed frame", "cross-site", "null", True),
    ("the same in an older browser", None, "null", True),
    ("an empty origin", None, "", True),
    ("an empty site", "", OWN, True),
    ("a site that no standard knows", "same-planet", OWN, True),
    ("a name that only begins like ours", None, f"{OWN}.evil.example", True),
    ("a name that only ends like ours", None, f"http://evil{HOST}", True),
    ("our name as a user's name", None, f"http://{HOST}@evil.example", True),
    ("our name as a path", None, f"http://evil.example/{HOST}", True),
    ("a file", None, "file://", True),
]


def asked(site: str | None = None, origin: str | None = None, host: str | None = HOST) -> Request:
    given = {"host": host, "sec-fetch-site": site, "origin": origin}
    headers = [(name, value) for name, value in given.items() if value is not None]
    return Request("POST", "/x", headers=headers)


@pytest.mark.parametrize(("case", "site", "origin", "crosses"), BROWSERS)
def test_where_a_request_comes_from(case, site, origin, crosses):
    assert cross_site(asked(site, origin), Settings()) is crosses, case


@pytest.mark.parametrize(
    ("origin", "host", "crosses"),
    [
        ("https://shop.example", "shop.example", False),
        ("https://shop.example", "shop.example:443", False),
        ("http://shop.example", "shop.example:80", False),
        ("https://SHOP.example", "shop.EXAMPLE", False),
        ("http://shop.example", "shop.example:443", True),
        ("https://shop.example:8443", "shop.example", True),
        ("http://[::1]:8890", "[::1]:8890", False),
        ("http://shop.example", None, True),
        ("null", "null", True),
    ],
)
def test_ports_that_a_scheme_has_anyway_need_not_be_written(origin, host, crosses):
    assert cross_site(asked(None, origin, host), Settings()) is crosses


@pytest.mark.parametrize("twice", ["origin", "sec-fetch-site"])
def test_a_header_that_comes_twice_says_nothing(twice):
    request = asked("same-origin" if twice == "sec-fetch-site" else None, OWN)
    request.headers.append((twice, dict(request.headers)[twice]))
    assert cross_site(request, Settings())


TRUSTING = Settings(
    cors_origins=("https://app.example", "https://*.partner.example", "null"), cors_credentials=True
)


@pytest.mark.parametrize(
    ("origin", "settings", "crosses"),
    [
        ("https://app.example", TRUSTING, False),
        ("https://eu.partner.example", TRUSTING, False),
        ("https://partner.example", TRUSTING, True),
        ("http://app.example", TRUSTING, True),
        ("https://evil.example", TRUSTING, True),
        ("null", TRUSTING, True),  # any page can be one, in a sandboxed frame
        ("https://app.example", Settings(cors_origins=("https://app.example",)), True),
        ("https://evil.example", Settings(cors_origins=("*",)), True),
        ("https://evil.example", Settings(cors_origins=("*",), cors_credentials=True), True),
    ],
)
@pytest.mark.parametrize("site", ["cross-site", None])
def test_origins_that_may_send_cookies_may_act_too(site, origin, settings, crosses):
    assert cross_site(asked(site, origin), settings) is crosses
