"""What a rate limit may say, and what is said of one that says nothing."""

import pytest

from aiwe_engine.errors import ProgramError
from aiwe_engine.rates.rule import check, parse

RULES = {
    "100/min": ["100/minute"],
    "1/s": ["1/second"],
    "1/sec": ["1/second"],
    "5 / second": ["5/second"],
    "1000/h": ["1000/hour"],
    "1000/hours": ["1000/hour"],
    "1/d": ["1/day"],
    "10/5min": ["10/5minute"],
    "10/5 minutes": ["10/5minute"],
    "10/1min": ["10/minute"],
    "100/MIN PER KEY": ["100/minute per key"],
    "3/day per user": ["3/day per user"],
    "3/day per address": ["3/day per address"],
    " 10/s , 100/min per key ": ["10/second", "100/minute per key"],
    "10/s,10/sec,10/second": ["10/second"],
    "1000000000/366day": ["1000000000/366day"],
}


@pytest.mark.parametrize("text", RULES)
def test_a_limit_is_read(text):
    assert [str(rule) for rule in parse(text)] == RULES[text]


@pytest.mark.parametrize("text", RULES)
def test_what_a_limit_is_written_as_reads_the_same(text):
    assert [rule for one in parse(text) for rule in parse(str(one))] == list(parse(text))


WRONG = {
    "": "100/min",
    "100": "100/min",
    "100/": "100/min",
    "/min": "100/min",
    "min/100": "100/min",
    "100 min": "100/min",
    "100 per minute": "100/min",
    "-1/min": "100/min",
    "1.5/min": "100/min",
    "1e3/min": "100/min",
    "٣/min": "100/min",  # digits of another script
    "100/min per": "100/min",
    "100/min for key": "100/min",
    "100/min per key per user": "100/min",
    "100/min;10/s": "100/min",
    "10/s,": "100/min",
    ",": "100/min",
    "100/min\n": None,  # surrounding white space is no mistake
    "100/minuet": '"100/minute"',
    "100/m": "second, minute, hour or day",
    "100/month": "second, minute, hour or day",
    "100/fortnight": "second, minute, hour or day",
    "100/min per adress": '"per address"',
    "100/min per ip": "per user, per key or per address",
    "0/min": "remove the route",
    "00000000000000000000001/min": "Allow 1 to",
    "1000000001/min": "Allow 1 to",
    "99999999999999999999999999/min": "Allow 1 to",
    "10/0min": "366 days",
    "10/367day": "366 days",
    "10/99999999999999999999s": "366 days",
    "1/s,2/s,3/s,4/s,5/s,6/s,7/s,8/s,9/s,10/s,11/s": "Keep the 10",
}


@pytest.mark.parametrize("text", [text for text, hint in WRONG.items() if hint])
def test_a_limit_that_says_nothing_is_refused_with_what_to_write(text):
    with pytest.raises(ProgramError) as caught:
        parse(text)
    assert caught.value.code == "invalid_limit"
    assert WRONG[text] in caught.value.hint
    assert len(caught.value.message) < 200


def test_a_setting_says_what_is_wrong_with_its_rules_and_may_be_empty():
    assert check("") is None
    assert check("600/min, 10/s") is None
    assert check("600") == (
        '"600" is no rate limit; '
        'write a number, a slash and a time, as in "100/min", "10/5min" or "1000/day per key"'
    )
