"""Which values are hidden where, and for how long."""

from __future__ import annotations

import threading

from aiwe_engine.vault.form import Form
from aiwe_engine.vault.redaction import Redaction
from aiwe_engine.vault.references import MARK

OLD, NEW, OTHER = b"the-old-value-1", b"the-new-value-2", b"of-another-app-3"


class Vault:
    """Values by app."""

    def __init__(self, **apps: bytes) -> None:
        self.apps, self.revision = apps, 1

    def set(self, **apps: bytes) -> None:
        self.apps, self.revision = apps, self.revision + 1

    def visible(self, app: str, env: str) -> list[str]:
        return [app] if app in self.apps and env == "dev" else []

    def everything(self) -> list[str]:
        return list(self.apps)

    def value(self, secret: str) -> bytes:
        return self.apps[secret]


def test_an_app_without_secrets_has_no_redactor():
    redaction = Redaction(Vault(one=OLD))
    assert redaction.of("two", "dev") is None
    assert redaction.of("one", "production") is None
    assert Redaction(Vault()).everything() is None


def test_an_app_hides_its_own_values_and_the_engine_all():
    redaction = Redaction(Vault(one=OLD, two=OTHER))
    assert redaction.of("one", "dev").data(OLD + OTHER) == b"[redacted]" + OTHER
    assert redaction.everything().data(OLD + OTHER) == b"[redacted][redacted]"


def test_a_redactor_is_made_once_until_a_secret_changes():
    vault = Vault(one=OLD)
    redaction = Redaction(vault)
    first = redaction.of("one", "dev")
    assert redaction.of("one", "dev") is first
    vault.set(one=NEW)
    assert redaction.of("one", "dev") is not first
    assert redaction.of("one", "dev").data(NEW) == b"[redacted]"


def test_apps_that_have_the_same_secrets_have_one_redactor():
    vault = Vault(one=OLD, two=OLD, three=OTHER)
    redaction = Redaction(vault)
    shared = redaction.of("one", "dev")
    assert redaction.of("two", "dev") is shared
    assert redaction.of("three", "dev") is not shared
    vault.set(one=NEW)
    assert redaction.of("one", "dev").data(OLD + NEW) == b"[redacted][redacted]"
    assert redaction.of("two", "dev").data(OLD + NEW) == b"[redacted]" + NEW


def test_a_value_that_was_replaced_stays_hidden_for_an_hour():
    now = [0.0]
    vault = Vault(one=OLD)
    redaction = Redaction(vault, clock=lambda: now[0])
    assert redaction.of("one", "dev") is not None
    vault.set(one=NEW)
    assert redaction.of("one", "dev").data(OLD) == b"[redacted]"
    vault.set()
    assert redaction.of("one", "dev").data(OLD + NEW) == b"[redacted][redacted]"
    now[0] = 4000.0
    vault.set(one=OTHER)
    assert redaction.of("one", "dev").data(OLD) == OLD


def test_references_are_hidden_where_some_are_alive():
    redaction = Redaction(Vault(), holds=lambda app, env: (app, env) == ("one", "dev"))
    token = MARK + "a" * 40
    assert redaction.of("one", "dev").text(token) == "[redacted]"
    assert redaction.of("one", "staging") is None


class Counted:
    """Makes forms, and remembers for which value and in which thread."""

    def __init__(self, redaction: Redaction) -> None:
        self.values: list[bytes] = []
        self.threads: set[int] = set()
        self._forms = redaction.forms_of
        redaction.forms_of = self

    def __call__(self, value: bytes) -> list[Form]:
        self.values.append(value)
        self.threads.add(threading.get_ident())
        return self._forms(value)


async def test_a_value_is_hidden_before_it_is_there_and_the_loop_makes_nothing():
    vault = Vault(one=OLD, two=OTHER)
    redaction = Redaction(vault)
    counted = Counted(redaction)
    await redaction.prepare("one", "dev")
    everything = await redaction.prepared()
    assert everything is not None
    await redaction.expect({("one", "one", None): NEW})
    vault.set(one=NEW, two=OTHER)
    before = redaction.of("one", "dev")
    assert before is redaction.of("one", "dev")
    assert before.data(OLD + NEW + OTHER) == b"[redacted][redacted]" + OTHER
    assert redaction.everything().data(OLD + NEW + OTHER) == b"[redacted]" * 3
    assert counted.values.count(NEW) == 1
    assert threading.get_ident() not in counted.threads


async def test_the_change_of_a_secret_costs_its_own_forms_only():
    vault = Vault(**{f"app{number}": b"a-value-of-number-%d" % number for number in range(20)})
    redaction = Redaction(vault)
    counted = Counted(redaction)
    assert await redaction.prepared() is not None
    assert len(counted.values) == 20
    await redaction.prepare("app3", "dev")
    assert len(counted.values) == 20
    await redaction.expect({("app3", "app3", "dev"): NEW})
    vault.set(**{**vault.apps, "app3": NEW})
    assert redaction.everything().data(NEW) == b"[redacted]"
    assert redaction.of("app3", "dev").data(NEW) == b"[redacted]"
    assert counted.values[20:] == [NEW]


async def test_what_is_expected_for_one_app_is_no_word_of_another():
    vault = Vault(one=OLD, two=OTHER)
    redaction = Redaction(vault)
    await redaction.prepare("one", "dev")
    await redaction.expect({("two", "two", None): NEW})
    assert redaction.of("one", "dev").data(NEW) == NEW


def test_a_line_of_no_app_tells_nothing_of_any():
    redaction = Redaction(Vault(one=OLD))
    assert redaction.text("", "dev", f"failed: {OLD.decode()}") == "failed: [redacted]"
