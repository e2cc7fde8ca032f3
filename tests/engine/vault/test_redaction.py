"""Which values are hidden where, and for how long."""

from __future__ import annotations

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
