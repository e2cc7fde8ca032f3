"""Redaction of values and references, in every form and across every border."""

from __future__ import annotations

import base64
import random

import pytest

from aiwe_engine.vault.redactor import Redactor
from aiwe_engine.vault.references import MARK
from tests.engine.vault.encodings import CASES, SECRETS, written

EVERY = Redactor(SECRETS.values())
ALONE = {kind: Redactor([value]) for kind, value in SECRETS.items()}
REFERENCE = MARK + "k3" * 20


@pytest.mark.parametrize(("kind", "name", "value", "form"), CASES)
def test_no_form_of_a_value_leaves(kind, name, value, form):
    for redactor in (ALONE[kind], EVERY):
        clean = redactor.data(b"<p>before " + form + b" after</p>")
        assert clean.startswith(b"<p>before ")
        assert clean.endswith(b" after</p>")
        assert b"[redacted]" in clean
        assert form not in clean
        rest = clean.removeprefix(b"<p>before ").removesuffix(b" after</p>").split(b"[redacted]")
        assert all(len(piece) < len(form) // 2 for piece in rest if len(form) < 60), (name, clean)


@pytest.mark.parametrize(("kind", "name", "value", "form"), CASES)
def test_no_border_of_pieces_lets_a_value_through(kind, name, value, form):
    data = b"x " + form + b" y"
    whole = ALONE[kind].data(data)
    # Short ones at every place, longer ones at places that differ from form to form.
    step = max(1, len(data) // 60)
    for at in range(len(name) % step, len(data) + 1, step):
        stream = ALONE[kind].stream()
        assert stream.feed(data[:at]) + stream.feed(data[at:]) + stream.end() == whole, at


@pytest.mark.parametrize("kind", SECRETS)
def test_a_stream_of_single_bytes_is_redacted_too(kind):
    for _, form in list(written(SECRETS[kind]))[::5]:
        stream = ALONE[kind].stream()
        data = b"x " + form + b" y"
        out = b"".join(stream.feed(data[at : at + 1]) for at in range(len(data))) + stream.end()
        assert out == ALONE[kind].data(data)


@pytest.mark.parametrize("seed", range(60))
def test_values_made_at_random_are_found_in_every_form(seed):
    chance = random.Random(seed)
    alphabet = chance.choice(
        [
            "abcdefXYZ0189",
            "aZ0+/=",
            "\"'\\/<>& %\n",
            "äöü€ßa1 ",
            "🔑a",
            "!#$%&()*+,-./:;<=>?@[]^_`{|}~",
        ]
    )
    value = "".join(chance.choices(alphabet, k=chance.randint(12, 60)))
    value = ("k" + value[1:-1] + "z").encode()
    redactor = Redactor([value])
    for name, form in written(value):
        clean = redactor.data(b"{" + form + b"}")
        assert b"[redacted]" in clean, (value, name)
        at = chance.randint(0, len(form))
        stream = redactor.stream()
        data = b"{" + form + b"}"
        assert stream.feed(data[:at]) + stream.feed(data[at:]) + stream.end() == clean, (
            value,
            name,
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing to see",
        '{"type": "service_account", "key": "another"}',
        "https://hooks.example.com/services/T00/B00/other",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
        "sk_live_51H8xYzQw7Lm2Np9Rt4U",
        "correct horse battery",
        MARK,
        MARK + "k3" * 19,
        "\ud800 half a pair",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text):
    assert EVERY.text(text) is text
    data = text.encode("utf-8", "surrogatepass")
    assert EVERY.data(data) is data
    stream = EVERY.stream()
    assert stream.feed(data) + stream.end() == data


def test_references_are_hidden_wherever_they_stand():
    text = f"a{REFERENCE}b, {REFERENCE} and {REFERENCE[:-1]}"
    assert EVERY.text(text) == f"a[redacted]b, [redacted] and {REFERENCE[:-1]}"
    assert Redactor([]).data(f"<{REFERENCE}>".encode()) == b"<[redacted]>"
    for at in range(len(REFERENCE) + 1):
        stream = EVERY.stream()
        data = REFERENCE.encode()
        assert stream.feed(data[:at]) + stream.feed(data[at:]) + stream.end() == b"[redacted]"


def test_values_that_overlap_are_hidden_as_a_whole():
    redactor = Redactor([b"first-value-of-two", b"of-two-and-a-second", b"first-value"])
    assert redactor.text("<first-value-of-two-and-a-second>") == "<[redacted]>"
    assert redactor.text("<first-value-of-t>") == "<[redacted]-of-t>"
    for at in range(33):
        stream = redactor.stream()
        data = b"<first-value-of-two-and-a-second>"
        assert stream.feed(data[:at]) + stream.feed(data[at:]) + stream.end() == b"<[redacted]>"


def test_json_is_redacted_in_keys_and_values():
    value = {
        "sk_live_51H8xYzQw7Lm2Np9Rt4Uv": [1, None, True, ("4929123456781234", 2.5)],
        "ok": "ok",
    }
    assert EVERY.json(value) == {"[redacted]": [1, None, True, ["[redacted]", 2.5]], "ok": "ok"}


def test_a_stream_goes_on_at_white_space():
    stream = Redactor([b"sk_live_51H8xYzQw7Lm2Np9Rt4Uv"]).stream()
    assert stream.feed(b"data: hello\n\n") == b"data: hello\n\n"
    assert stream.feed(b"data: sk_li") == b"data: "
    assert stream.feed(b"on\n\n") == b"sk_lion\n\n"
    assert stream.feed(b"data: sk_live_51H8xYzQw7Lm2Np9") == b"data: "
    assert stream.feed(b"Rt4U") == b""
    assert stream.feed(b"v\n\n") == b"[redacted]\n\n"
    assert stream.feed(b"other") == b""
    assert stream.end() == b"other"


@pytest.mark.parametrize(
    ("values", "piece", "left"),
    [
        ([b"no-space-in-it-1"], b"no two", b"no "),
        ([b"no-space-in-it-1"], b"115, 107, 45", b""),  # may be a list of numbers
        ([b"no-space-in-it-1"], b"73 6b 2d", b""),  # or hex
        ([b"no-space-in-it-1"], b"A" * 76 + b"\nQUJD", b""),  # or base64
        ([b"no-space-in-it-1"], b"A" * 76 + b"\n\nQUJD", b"A" * 76 + b"\n\n"),
        ([b"a pass phrase of words"], b"one two", b""),
        ([b"a pass phrase of words"], b"one\ntwo", b"one\n"),
        ([b"a key\nin several\nlines"], b"one\ntwo", b""),
        ([b"a key\nin several\nlines"], b"one\r\n\r\ntwo", b"one\r\n\r\n"),
        ([b"a key\n\nin paragraphs"], b"one\n\ntwo", b""),
        ([b"a key\n\nin paragraphs"], b"one\n\n\ntwo", b"one\n\n\n"),
        ([b"no-space-in-it-1"], b"x" * 20_000, b"x" * (20_000 - 4096)),
        ([b"no-space-in-it-1"], b"x" * 8000, b""),
    ],
)
def test_where_a_stream_may_be_cut(values, piece, left):
    stream = Redactor(values).stream()
    assert stream.feed(piece) == left
    assert left + stream.end() == piece


@pytest.mark.parametrize("before", [b"", b"! ", b"x=", b'{"k":"', b"a\n", b"z" * 5000])
def test_what_is_held_back_tells_nothing_of_a_value(before):
    """Or it could be tried letter by letter: what goes on like it would be held back, and nothing else."""
    value = b"sk-Zq81LmPx04TtYvWnRk"
    redactors = Redactor([value]), Redactor([b"qT-8jHkd72LpWmZxc91Bv"])
    for written_as in (value, base64.b64encode(value), value.hex().encode()):
        for size in range(len(written_as)):
            pieces = [before + written_as[:size], b"!", written_as[size:-1], b"?"]
            streams = [one.stream() for one in redactors]
            seen = [[stream.feed(piece) for piece in pieces] for stream in streams]
            assert seen[0] == seen[1]


def test_a_stream_in_small_pieces_is_searched_when_something_leaves():
    searched = []

    class Counting(Redactor):
        def found(self, data):
            searched.append(len(data))
            return super().found(data)

    stream = Counting([b"sk_live_51H8xYzQw7Lm2Np9Rt4Uv"]).stream()
    text = b"x" * 40_000
    left = b"".join(stream.feed(text[at : at + 1]) for at in range(len(text))) + stream.end()
    assert left == text
    assert sum(searched) < 4 * len(text)


@pytest.mark.parametrize("line", SECRETS["a key as PEM"].decode().splitlines()[1:-1])
def test_each_line_of_a_value_is_hidden_alone(line):
    assert EVERY.text(f"data: {line}") == "data: [redacted]"


def test_a_password_inside_a_url_is_hidden_alone():
    redactor = Redactor([b"postgres://app:v3ry-s3cret-pw@db.internal:5432/main"])
    assert redactor.text('password "v3ry-s3cret-pw" is wrong') == 'password "[redacted]" is wrong'
    assert redactor.text("postgres://app:…@db.internal:5432/main") is not None


def test_space_around_a_value_does_not_hide_it():
    redactor = Redactor([b"  padded-value-123 \n", b"   "])
    assert redactor.text("padded-value-123") == "[redacted]"
    assert redactor.text("   ") == "   "


def test_half_a_character_does_not_break_a_text():
    text = "\udc00 sk_live_51H8xYzQw7Lm2Np9Rt4Uv \ud800"
    assert EVERY.text(text) == "\udc00 [redacted] \ud800"
