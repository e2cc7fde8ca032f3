"""Who is counted, how often one may, and what one is told: on a clock of the test's own."""

from collections.abc import Sequence

import pytest

from aiwe_engine.rates.limits import RateLimited, Rates
from aiwe_engine.types import Request, User

pytestmark = pytest.mark.asyncio


class Gate:
    """Counters on a clock that stands until it is moved."""

    def __init__(self, subjects: int = 1000) -> None:
        self.now = 1_700_000_000.0
        self.rates = Rates(subjects, lambda: self.now)

    async def ask(
        self,
        rules: str | Sequence[str] = (),
        *,
        general: str = "",
        client: str = "192.0.2.1",
        place: tuple[str, str, str] = ("shop", "dev", "GET /x"),
        user: User | None = None,
        **headers: str,
    ) -> dict[str, str]:
        """The headers of an answer, `status` among them."""
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        request = Request("GET", "/x", headers=pairs, client=client)
        own = [rules] if isinstance(rules, str) else rules
        try:
            found = await self.rates.admit(place, own, general, request, user)
        except RateLimited as error:
            return {
                "status": str(error.status),
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                **dict(error.headers),
            }
        return {"status": "200", **dict(found)}

    async def run(self, times: int, *args, **more) -> str:
        """The statuses of so many requests, as in "200 200 429"."""
        return " ".join([(await self.ask(*args, **more))["status"] for _ in range(times)])


@pytest.fixture
def gate() -> Gate:
    return Gate()


async def test_calls_up_to_the_limit_pass_and_the_next_is_told_when_to_come_back(gate):
    first = await gate.ask("2/min")
    assert first == {
        "status": "200",
        "ratelimit-policy": '"2/minute";q=2;w=60',
        "ratelimit": '"2/minute";r=1;t=60',
        "ratelimit-limit": "2",
        "ratelimit-remaining": "1",
        "ratelimit-reset": "60",
    }
    gate.now += 20.5
    second = await gate.ask("2/min")
    assert second["ratelimit"] == '"2/minute";r=0;t=40'
    refused = await gate.ask("2/min")
    assert (refused["status"], refused["code"]) == ("429", "rate_limited")
    assert refused["message"] == "Too many requests: the limit is 2 in one minute."
    assert "Wait 40 seconds" in refused["hint"]
    assert refused["retry-after"] == refused["ratelimit-reset"] == "40"
    assert refused["ratelimit-remaining"] == "0"
    assert refused["ratelimit-policy"] == first["ratelimit-policy"]


async def test_who_waits_as_long_as_told_is_let_in_and_not_a_second_earlier(gate):
    assert await gate.run(3, "3/10s") == "200 200 200"
    gate.now += 2.3
    wait = int((await gate.ask("3/10s"))["retry-after"])
    gate.now += wait - 1
    assert (await gate.ask("3/10s"))["status"] == "429"
    gate.now += 1
    assert await gate.run(4, "3/10s") == "200 200 200 429"


async def test_a_burst_around_the_turn_of_a_minute_is_not_doubled(gate):
    gate.now = 1_700_000_000 // 60 * 60 + 59.5
    assert await gate.run(6, "5/min") == "200 200 200 200 200 429"
    gate.now += 1
    assert await gate.run(2, "5/min") == "429 429"
    gate.now += 59
    assert (await gate.ask("5/min"))["status"] == "200"


async def test_no_window_ever_holds_more_than_the_limit(gate):
    let_in = []
    for step in range(4000):
        gate.now += 0.017 + (step % 7) * 0.011
        if (await gate.ask("100/20s"))["status"] == "200":
            let_in.append(gate.now)
    fullest = max(sum(1 for at in let_in if begin <= at < begin + 20) for begin in let_in)
    assert fullest == 100
    assert len(let_in) > 100 * (gate.now - let_in[0]) / 20 * 0.9  # nor many fewer than allowed


async def test_refused_calls_do_not_count(gate):
    await gate.run(2, "2/min")
    gate.now += 59
    assert await gate.run(50, "2/min") == " ".join(["429"] * 50)
    gate.now += 1
    assert await gate.run(2, "2/min") == "200 200"


async def test_of_several_rules_each_binds_and_a_call_counts_for_all_or_none(gate):
    rules = ["2/s", "3/min"]
    assert await gate.run(3, rules) == "200 200 429"
    gate.now += 1
    answer = await gate.ask(rules)
    assert answer["ratelimit-policy"] == '"2/second";q=2;w=1, "3/minute";q=3;w=60'
    assert (answer["status"], answer["ratelimit"]) == ("200", '"3/minute";r=0;t=59')
    refused = await gate.ask(rules)
    assert (refused["status"], refused["retry-after"]) == ("429", "59")
    gate.now += 59
    assert await gate.run(2, rules) == "200 200"


@pytest.mark.parametrize(
    "place",
    [("other", "dev", "GET /x"), ("shop", "staging", "GET /x"), ("shop", "dev", "GET /y")],
)
async def test_an_app_an_environment_and_a_route_have_counters_of_their_own(gate, place):
    assert await gate.run(2, "1/min") == "200 429"
    assert (await gate.ask("1/min", place=place))["status"] == "200"


async def test_a_limit_of_the_app_counts_all_its_routes_beside_their_own(gate):
    other = ("shop", "dev", "GET /y")
    assert await gate.run(2, "5/min", general="3/min") == "200 200"
    answer = await gate.ask(general="3/min", place=other)
    assert answer["ratelimit-policy"] == '"3/minute, all routes";q=3;w=60'
    assert (await gate.ask("5/min", general="3/min"))["status"] == "429"
    assert (await gate.ask(general="3/min", place=other))["status"] == "429"
    assert (await gate.ask(general="3/min", place=("b", "dev", "GET /y")))["status"] == "200"


ADDRESSES = [
    ("192.0.2.1", "192.0.2.2", False),
    ("2001:db8::1", "2001:db8::ffff:1", True),
    ("2001:db8:0:0:1:2:3:4", "2001:db8::", True),
    ("2001:db8::1", "2001:db8:0:1::1", False),
    ("::ffff:192.0.2.1", "192.0.2.1", True),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ("fe80::1%eth0", "fe80::2%eth1", True),
    ("", "", True),
    ("unix:", "unix:", True),
]


@pytest.mark.parametrize(("one", "other", "same"), ADDRESSES)
@pytest.mark.parametrize("rule", ["1/min", "1/min per address", "1/min per user", "1/min per key"])
async def test_addresses_count_apart_those_of_one_ipv6_network_together(
    gate, rule, one, other, same
):
    assert (await gate.ask(rule, client=one))["status"] == "200"
    assert (await gate.ask(rule, client=other))["status"] == ("429" if same else "200")


async def test_keys_count_apart_where_the_rule_says_so(gate):
    rule = "1/min per key"
    assert await gate.run(2, rule, x_api_key="a") == "200 429"
    assert await gate.run(2, rule, x_api_key="b") == "200 429"
    assert await gate.run(2, rule, authorization="Bearer c") == "200 429"
    assert await gate.run(1, rule, authorization="bearer  c") == "429"
    assert await gate.run(1, rule, x_api_key="c") == "429"
    assert await gate.run(2, rule) == "200 429"  # without a key, the address
    assert await gate.run(1, rule, authorization="Basic Zm9v") == "429"
    assert await gate.run(1, rule, x_api_key="") == "429"


async def test_a_key_binds_from_wherever_it_comes(gate):
    for rule in ("1/min", "1/min per key"):
        assert (await gate.ask(rule, client="192.0.2.8", x_api_key="a"))["status"] == "200"
        assert (await gate.ask(rule, client="192.0.2.9", x_api_key="a"))["status"] == "429"


@pytest.mark.parametrize("rule", ["3/min", "3/min per address", "3/min per user"])
async def test_made_up_keys_do_not_get_around_a_limit_of_the_address(gate, rule):
    statuses = [(await gate.ask(rule, x_api_key=f"k{n}"))["status"] for n in range(9)]
    assert statuses == ["200"] * 3 + ["429"] * 6
    assert (await gate.ask(rule))["status"] == "429"


async def test_made_up_keys_get_an_address_no_further_than_ten_keys(gate):
    statuses = [(await gate.ask("3/min per key", x_api_key=f"k{n}"))["status"] for n in range(50)]
    assert statuses == ["200"] * 30 + ["429"] * 20
    refused = await gate.ask("3/min per key", x_api_key="k99")
    assert (refused["retry-after"], refused["ratelimit-remaining"]) == ("60", "0")
    assert (await gate.ask("3/min per key", client="192.0.2.9", x_api_key="k99"))["status"] == "200"


async def test_a_key_is_nowhere_kept_in_clear(gate):
    await gate.ask("3/min per key", x_api_key="s3cret-key")
    kept = repr([list(windows) for windows in gate.rates._windows._windows.values()])
    assert "192.0.2.1" in kept
    assert "s3cret" not in kept


async def test_no_more_subjects_are_kept_than_may_be(gate):
    small = Gate(subjects=100)
    for n in range(5000):
        await small.ask("2/day", client=f"198.51.{n // 250}.{n % 250}")
    assert len(small.rates) == 100
    assert (await small.ask("2/day", client="198.51.19.249"))["ratelimit-remaining"] == "0"


async def test_many_addresses_of_one_limit_do_not_push_out_the_few_of_another(gate):
    small = Gate(subjects=100)
    assert await small.run(2, "1/min", place=("calm", "dev", "GET /x")) == "200 429"
    for n in range(1000):
        await small.ask("2/day", client=f"198.51.{n // 250}.{n % 250}")
    assert await small.run(1, "1/min", place=("calm", "dev", "GET /x")) == "429"


async def test_counters_that_are_over_go(gate):
    for n in range(500):
        await gate.ask("2/s", client=f"198.51.100.{n % 250}", place=("shop", "dev", f"GET /{n}"))
    assert len(gate.rates) == 500
    gate.now += 1
    await gate.ask("2/hour")
    assert len(gate.rates) == 1


async def test_a_subject_takes_little_memory_however_often_it_calls(gate):
    for _ in range(20_000):
        gate.now += 0.01
        await gate.ask("1000000/min")
    window = next(iter(gate.rates._windows._windows[60].values()))
    assert len(window.times) <= 65
    assert window.total == pytest.approx(6000, abs=120)


def somebody(name: str, via: str = "session", key: str = "") -> User:
    return User(name, name, via=via, claims={"key": key} if key else {})


# Who asks one after the other, of a rule that lets each subject ask twice; what each is told.
KNOWN = [
    (
        "per user",
        [
            ("ada", "session", ""),
            ("ada", "jwt", ""),
            ("ada", "api_key", "k1"),
            ("eve", "session", ""),
        ],
        "200 200 429 200",
    ),
    (
        "per key",
        [
            ("ada", "api_key", "k1"),
            ("ada", "api_key", "k1"),
            ("ada", "api_key", "k1"),
            ("ada", "api_key", "k2"),
            ("ada", "jwt", ""),
            ("ada", "session", ""),
            ("ada", "jwt", ""),
        ],
        "200 200 429 200 200 200 429",
    ),
    (
        "per address",
        [("ada", "session", ""), ("eve", "api_key", "k1"), ("bob", "jwt", "")],
        "200 200 429",
    ),
    (
        "",
        [
            ("ada", "api_key", "k1"),
            ("ada", "api_key", "k2"),
            ("ada", "jwt", ""),
            ("eve", "jwt", ""),
        ],
        "200 200 429 200",
    ),
]


@pytest.mark.parametrize(("per", "asked", "told"), KNOWN)
async def test_who_is_known_counts_as_themselves_or_as_their_key(gate, per, asked, told):
    rule = f"2/min {per}".strip()
    statuses = [
        (await gate.ask(rule, user=somebody(*one), x_api_key="whatever"))["status"] for one in asked
    ]
    assert " ".join(statuses) == told


async def test_who_is_known_is_counted_from_wherever_they_ask(gate):
    for n in range(3):
        answer = await gate.ask("2/min", user=somebody("ada"), client=f"192.0.2.{n}")
        assert answer["status"] == ("200" if n < 2 else "429")
    # A guest at one of these addresses is somebody else, and an id is no key.
    assert await gate.run(2, "2/min per user", client="192.0.2.1") == "200 200"
    assert await gate.run(1, "2/min per key", x_api_key="@ada", client="192.0.2.2") == "200"


async def test_a_profile_cannot_say_which_key_somebody_came_with(gate):
    liar = User("eve", "eve", via="session", claims={"key": "k1"})
    assert await gate.run(2, "2/min per key", user=somebody("ada", "api_key", "k1")) == "200 200"
    assert (await gate.ask("2/min per key", user=liar))["status"] == "200"
