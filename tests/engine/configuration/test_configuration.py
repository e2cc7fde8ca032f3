"""Where settings come from, which source wins, and what is said of mistakes."""

import json
import re
from pathlib import Path

import pytest

from aiwe_engine.cli.report import as_text
from aiwe_engine.configuration.configuration import read_configuration
from aiwe_engine.configuration.given import Given
from aiwe_engine.configuration.mistakes import InvalidConfiguration
from aiwe_engine.configuration.values import written
from aiwe_engine.openid import KEYS
from aiwe_engine.settings import KB, MB, ROWS, SECTIONS, Settings
from tests.engine.configuration.samples import another


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a configuration with this text as aiwe.toml."""
    monkeypatch.chdir(tmp_path)

    def read_one(text="", env="production", options=(), **environ):
        (tmp_path / "aiwe.toml").write_text(text)
        return read_configuration(root=tmp_path, env=env, environ=environ, options=options)

    return read_one


@pytest.fixture
def mistakes(read):
    """What is wrong, line by line."""

    def of(text="", **environ):
        with pytest.raises(InvalidConfiguration) as caught:
            read(text, **environ)
        return [str(mistake) for mistake in caught.value.mistakes]

    return of


def option(name, value):
    row = ROWS[name]
    return Given(row.option, row.section, row.key, value, "option")


# ── names ──


def test_a_key_is_the_attribute_without_its_section():
    assert ROWS["body_limit"].full == "http.body_limit"
    assert ROWS["log_limit"].full == "log.limit"
    assert ROWS["log_limit"].variable == "AIWE_LOG__LIMIT"
    assert ROWS["log_limit"].option == "--log-limit"


def test_no_two_settings_have_one_name():
    assert len({row.full for row in ROWS.values()}) == len(ROWS)
    assert not {"env", "apps", "config"} & set(SECTIONS)
    assert {row.section for row in ROWS.values()} == set(SECTIONS)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.full)
def test_every_default_is_a_value_that_may_be_given(row, read):
    value = json.dumps(row.default)
    variable = row.default if isinstance(row.default, str) else value
    assert read(f"[{row.section}]\n{row.key} = {value}").settings == Settings()
    assert read(**{row.variable: variable}).settings == Settings()


# ── sources ──

FILE = "[http]\nbody_limit = 2"
ENV = "[env.production.http]\nbody_limit = 3"


@pytest.mark.parametrize(
    ("text", "environ", "options", "value", "origin"),
    [
        ("", {}, [], 10 * MB, None),
        (FILE, {}, [], 2, "aiwe.toml, http.body_limit"),
        (f"{ENV}\n{FILE}", {}, [], 3, "aiwe.toml, env.production.http.body_limit"),
        (f"{FILE}\n{ENV}", {"AIWE_HTTP__BODY_LIMIT": "4"}, [], 4, "AIWE_HTTP__BODY_LIMIT"),
        (ENV, {"AIWE_HTTP__BODY_LIMIT": "4"}, [5], 5, "--body-limit"),
        ("[env.staging.http]\nbody_limit = 3", {}, [], 10 * MB, None),
        ("[env.dev.http]\nbody_limit = 3", {}, [], 10 * MB, None),
        (FILE, {"AIWE_URL": "http://x", "AIWE_TOKEN": "t", "HTTP__BODY_LIMIT": "9"}, [], 2, "a"),
    ],
)
def test_the_later_source_wins(read, text, environ, options, value, origin):
    found = read(text, options=[option("body_limit", n) for n in options], **environ)
    assert found.settings.body_limit == value
    assert (found.origins.get("body_limit") or "")[: len(origin or "")] == (origin or "")
    assert set(found.origins) <= {"body_limit"}


def test_without_a_file_there_are_defaults(tmp_path):
    found = read_configuration(root=tmp_path, env="dev", environ={})
    assert (found.settings, found.origins, found.apps) == (Settings(), {}, {})


def test_a_file_that_is_named_is_read_instead(tmp_path):
    (tmp_path / "aiwe.toml").write_text(FILE)
    (tmp_path / "other.toml").write_text("[http]\nbody_limit = 7")
    found = read_configuration(
        root=tmp_path, env="dev", file=tmp_path / "other.toml", environ={}
    ).settings
    assert found == Settings(body_limit=7)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.toml", None, "--config: There is no file none.toml."),
        (".", None, ".: It cannot be read: Is a directory."),
        ("x.toml", b"a = '\xff'", "x.toml: It is not UTF-8 text: byte 5."),
        ("x.toml", b"[http]\nbody_limit = = 1", "x.toml: It is not TOML, line 2, column 14"),
        ("x.toml", b"[http]\n[http]", "x.toml: It is not TOML, line 2, column 6"),
        ("x.toml", b'a = """', "x.toml: It is not TOML, at its end"),
        ("x.toml", b"a = " + b"[" * 10_000, "x.toml: It is nested too deeply."),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path, monkeypatch, name, text, said):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(InvalidConfiguration) as caught:
        read_configuration(root=tmp_path, env="dev", file=file, environ={"AIWE_X__Y": "1"})
    first, second = map(str, caught.value.mistakes)
    assert first.startswith(said)
    assert second.startswith("AIWE_X__Y")


def test_a_mark_of_byte_order_and_windows_lines_do_no_harm(tmp_path):
    (tmp_path / "aiwe.toml").write_bytes(b"\xef\xbb\xbf[http]\r\nbody_limit = 2\r\n")
    found = read_configuration(root=tmp_path, env="dev", environ={})
    assert found.settings.body_limit == 2


# ── values ──


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("body_limit", "10", 10),
        ("body_limit", '"512KB"', 512 * KB),
        ("body_limit", '"1.5 mb"', 1536 * KB),
        ("body_limit", '"2MiB"', 2 * MB),
        ("body_limit", '"1g"', 1024 * MB),
        ("body_limit", '"7 B"', 7),
        ("body_limit", "7.0", 7),
        ("deadline", "2", 2.0),
        ("deadline", "0.25", 0.25),
        ("deadline", '"250ms"', 0.25),
        ("deadline", '"3s"', 3.0),
        ("deadline", '"2 min"', 120.0),
        ("deadline", '"1h"', 3600.0),
        ("worker_idle", '"1d"', 86400.0),
        ("port", "0", 0),
        ("spare_workers", "3", 3),
        ("isolation", '"request"', "request"),
        ("allowed_hosts", '["a.org", "*.b.org"]', ("a.org", "*.b.org")),
        ("allowed_hosts", "[]", ()),
    ],
)
def test_a_value_may_be_written_in_a_file_and_in_a_variable(read, name, written, value):
    row = ROWS[name]
    found = getattr(read(f"[{row.section}]\n{row.key} = {written}").settings, name)
    assert (found, type(found)) == (value, type(row.default))
    plain = json.loads(written) if written.startswith('"') else written
    found = getattr(read(**{row.variable: plain}).settings, name)
    assert (found, type(found)) == (value, type(row.default))


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("body_limit", '"much"', "expected a size"),
        ("body_limit", '"10XB"', "expected a size"),
        ("body_limit", '"10s"', "expected a size"),
        ("body_limit", '"5"', "expected a size"),  # in a file, text needs its unit
        ("body_limit", "true", "expected a size"),
        ("body_limit", "1.5", "expected a size"),
        ("body_limit", "[1]", "expected a size"),
        ("body_limit", "{ a = 1 }", "expected a size"),
        ("body_limit", "nan", "expected a size"),
        ("body_limit", "-1", "out of range: at least 0 bytes, at most 1024 GB"),
        ("body_limit", str(10**30), "out of range"),
        ("deadline", "inf", "expected a time"),
        ("deadline", '"5 parsecs"', "expected a time"),
        ("deadline", "0", "out of range: at least 0.01 s, at most 365 days"),
        ("deadline", "2024-01-01", "expected a time"),
        ("port", "65536", "out of range: at least 0, at most 65535"),
        ("port", '"80"', "expected a whole number"),
        ("port", '"80s"', "expected a whole number"),
        ("port", "80.5", "expected a whole number"),
        ("isolation", '"requests"', 'expected "shared" or "request"'),
        ("isolation", "1", "expected a text"),
        ("host", '"127.0.0.1:80"', "neither an address nor a host name"),
        ("allowed_hosts", '"a.org"', "expected a list of texts"),
        ("allowed_hosts", "[1]", "expected a list of texts"),
        ("allowed_hosts", '["a.org", "b c", "d:1"]', '"b c" is no host name'),
        ("allowed_hosts", '["a.org", "b c", "d:1"]', '"d:1" is no host name'),
    ],
)
def test_a_value_that_cannot_be_is_refused(mistakes, name, written, said):
    row = ROWS[name]
    (found,) = mistakes(f"[{row.section}]\n{row.key} = {written}")
    assert found.startswith(f"aiwe.toml, {row.full}: ")
    assert said in found


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("AIWE_HTTP__BODY_LIMIT", "", "expected a size"),
        ("AIWE_HTTP__BODY_LIMIT", "9" * 5000, "expected a size"),
        ("AIWE_HTTP__BODY_LIMIT", "[1]", "expected a size"),
        ("AIWE_SERVER__PORT", "80.5", "expected a whole number"),
        ("AIWE_SERVER__PORT", "٨٠", "expected a whole number"),
        ("AIWE_SERVER__ALLOWED_HOSTS", "a,b", 'as JSON, such as ["a", "b"]'),
        ("AIWE_SERVER__ALLOWED_HOSTS", '{"a": 1}', "expected a list of texts"),
        ("AIWE_SERVER__ALLOWED_HOSTS", "[1]", "expected a list of texts"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(mistakes, variable, text, said):
    (found,) = mistakes(**{variable: text})
    assert found.startswith(f"{variable}, ")
    assert said in found
    assert len(found) < 300


@pytest.mark.parametrize("text", ["a.org,b.org", " a.org , b.org ,", '["a.org", "b.org"]'])
def test_a_list_on_the_command_line_may_have_commas(read, text):
    found = read(options=[option("allowed_hosts", text)]).settings
    assert found.allowed_hosts == ("a.org", "b.org")


# ── names that are not there ──


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[htp]\nx = 1", "htp.x: There is no section htp. Did you mean http?"),
        ("[nonsense]\nx = 1", "nonsense.x: There is no section nonsense."),
        (
            "[http]\nbody_limt = 1",
            "http.body_limt: The section http has no setting body_limt. Did you mean body_limit?",
        ),
        ("[http]\nzzz = 1", "http.zzz: The section http has no setting zzz."),
        (
            "[http]\ncpu_limit = 1",
            "http.cpu_limit: There is no setting http.cpu_limit. Did you mean limits.cpu_limit?",
        ),
        (
            "[log]\nlog_limit = 1",
            "log.log_limit: There is no setting log.log_limit. Did you mean log.limit?",
        ),
        ("port = 1", "port: It stands outside a section. Write port below [server]."),
        ("prot = 1", "prot: It stands outside a section, and is no setting. Did you mean port?"),
        ("http = 1", "http: Expected a table: [http]."),
        ("[[http]]\nbody_limit = 1", "http: Expected a table: [http]."),
        ("[env.dev]\nhttp = 1", "env.dev.http: Expected a table: [env.dev.http]."),
        (
            "[env.dev]\nport = 1",
            "env.dev.port: It stands outside a section. Write port below [env.dev.server].",
        ),
        (
            "[apps.shop]\ncurrency = 1",
            "apps.shop.currency: It stands outside a section, and is no setting. What the program itself reads stands below [apps.shop.config].",
        ),
        (
            "[apps.'My Shop'.http]\nbody_limit = 1",
            'apps.My Shop: No app has the name "My Shop": small letters, digits and single dashes.',
        ),
        ("env = 1", "env: Expected tables below it, such as [env.NAME.http]."),
        ("apps = 1", "apps: Expected tables below it, such as [apps.NAME.http]."),
        ("[apps]\nshop = 1", "apps.shop: Expected tables below it, such as [apps.shop.http]."),
        (
            "[env.prod.http]\nbody_limit = 1",
            'env.prod: There is no environment "prod", only dev, staging, production. Did you mean production?',
        ),
        (
            "[env.staging.http]\nbody_lim = 1",
            "env.staging.http.body_lim: The section http has no setting body_lim. Did you mean body_limit?",
        ),
        (
            "[apps.shop.server]\nport = 1",
            "apps.shop.server.port: It holds for all apps alike. Write it below [server].",
        ),
        ("[config]\na = 1", "config.a: There is no section config."),
    ],
)
def test_an_unknown_name_is_told_with_the_one_that_was_meant(mistakes, text, said):
    assert mistakes(text) == [f"aiwe.toml, {said}"]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("AIWE_X__Y", "x.y: There is no section x."),
        ("AIWE_HTP__BODY_LIMIT", "htp.body_limit: There is no setting htp.body_limit. "),
        (
            "AIWE_HTTP__BODY__LIMIT",
            "http.body__limit: The section http has no setting body__limit. ",
        ),
        ("AIWE_APPS__SHOP__HTTP__BODY_LIMIT", "apps.shop__http__body_limit: What is for one app "),
    ],
)
def test_an_unknown_variable_is_told(mistakes, variable, said):
    (found,) = mistakes(**{variable: "1"})
    assert found.startswith(f"{variable}, {said}")


def test_every_mistake_is_told_at_once(read):
    text = "port = 1\n[http]\nbody_limit = -1\nx = 1\n[env.dev.limits]\ndeadline = 'x'"
    with pytest.raises(InvalidConfiguration) as caught:
        read(text, options=[option("port", 70_000)], AIWE_X__Y="1")
    error = caught.value
    assert (error.code, error.message) == (
        "invalid_configuration",
        "The configuration has 6 mistakes.",
    )
    assert [(one["source"], one["key"]) for one in error.details] == [
        ("aiwe.toml", "port"),
        ("aiwe.toml", "http.body_limit"),
        ("aiwe.toml", "http.x"),
        ("aiwe.toml", "env.dev.limits.deadline"),
        ("AIWE_X__Y", "x.y"),
        ("--port", "server.port"),
    ]
    assert all(one["message"] in as_text(error) for one in error.details)
    assert "aiwe config" in error.hint


# ── apps ──


def test_an_app_may_have_settings_of_its_own(read):
    text = """
    [http]
    body_limit = 10
    [apps.shop.http]
    body_limit = 20
    [env.staging.apps.shop.http]
    body_limit = 30
    """
    found = read(text)
    assert found.for_app("shop") == Settings(body_limit=20)
    assert found.for_app("blog") == found.settings == Settings(body_limit=10)
    assert found.apps["shop"].origins == {"body_limit": "aiwe.toml, apps.shop.http.body_limit"}
    assert read(text, env="staging").for_app("shop").body_limit == 30
    # What is said for one app goes before what is said for all.
    both = read(text, options=[option("body_limit", 40)])
    assert (both.settings.body_limit, both.for_app("shop").body_limit) == (40, 20)


def test_an_app_may_have_values_of_its_own(read):
    text = """
    [apps.shop.config]
    currency = "EUR"
    rates = { vat = 0.24, steps = [1, 2] }
    since = 2024-05-01
    on = true
    [env.staging.apps.shop.config]
    currency = "SEK"
    """
    shop = {
        "currency": "EUR",
        "rates": {"vat": 0.24, "steps": [1, 2]},
        "since": "2024-05-01",
        "on": True,
    }
    assert read(text).app_config("shop") == shop
    assert read(text, env="staging").app_config("shop") == {**shop, "currency": "SEK"}
    assert read(text).app_config("blog") == {}
    assert read(text).for_app("shop") == Settings()


@pytest.mark.parametrize(
    "value", ["nan", "inf", "9007199254740993", "[{ a = -inf }]", "[" * 101 + "]" * 101]
)
def test_what_a_program_could_not_hold_is_refused(mistakes, value):
    (found,) = mistakes(f"[apps.shop.config]\na = {value}")
    assert found.startswith("aiwe.toml, apps.shop.config.a: ")


def test_a_change_holds_for_every_app(read):
    found = read("[apps.shop.http]\nbody_limit = 1").changed(spare_workers=0)
    assert found.settings == Settings(spare_workers=0)
    assert found.for_app("shop") == Settings(spare_workers=0, body_limit=1)


def test_the_file_of_the_documentation_is_one(read):
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    production, dev = read(text), read(text, env="dev")
    assert (production.settings.deadline, dev.settings.deadline) == (10.0, 60.0)
    assert production.for_app("uploads").body_limit == 1024 * MB
    assert production.app_config("orders")["shipping"]["free_above"] == 50
    assert dev.app_config("orders")["currency"] == "TEST"


@pytest.mark.parametrize(
    ("text", "environ", "places"),
    [
        (
            "[cors]\norigins = ['*']\ncredentials = true",
            {},
            ["aiwe.toml, cors.credentials"],
        ),
        (
            "[cors]\norigins = ['*']\n[env.production.apps.shop.cors]\ncredentials = true",
            {},
            ["aiwe.toml, env.production.apps.shop.cors.credentials"],
        ),
        (
            "[cors]\ncredentials = true\n[apps.shop.cors]\norigins = ['*']",
            {},
            ["aiwe.toml, apps.shop.cors.origins"],
        ),
        ("[limits]\nheap_limit = '2GB'", {}, ["aiwe.toml, limits.heap_limit"]),
        (
            "[limits]\nheap_limit = '600MB'",
            {"AIWE_LIMITS__WORKER_MEMORY": "600MB"},
            ["AIWE_LIMITS__WORKER_MEMORY, limits.worker_memory"],
        ),
        (
            "[runtime]\nisolates = 40\n[apps.shop.runtime]\nisolation = 'request'",
            {},
            ["aiwe.toml, apps.shop.runtime.isolation"],
        ),
        ("[runtime]\nisolates = 40", {}, []),
        ("[cors]\norigins = ['*']", {}, []),
        ("[cors]\norigins = ['https://a.example']\ncredentials = true", {}, []),
        ("[cors]\norigins = ['*']\n[env.dev.cors]\ncredentials = true", {}, []),
        ("[limits]\nheap_limit = '800MB'", {}, []),
    ],
)
def test_what_cannot_be_meant_together_is_told(read, text, environ, places):
    found = []
    try:
        read(text, **environ)
    except InvalidConfiguration as error:
        found = [f"{one.source}, {one.key}" for one in error.mistakes]
    assert found == places


def test_isolates_that_do_not_fit_into_a_worker_are_told_with_what_they_need(mistakes):
    (said,) = mistakes("[runtime]\nisolation = 'request'\nisolates = 40")
    assert "runtime.isolates is 40, and so many isolates that a request has for itself need" in said
    assert "1160MB at least: raise limits.worker_memory." in said


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.full)
def test_every_setting_is_read_from_each_source(row, read):
    """With another value than the default, under the name that the documentation gives it."""
    value, text = another(row)
    wanted = Settings(**{row.name: value})
    line = f"{row.section}]\n{row.key} = {written(row, value)}"
    assert read(f"[{line}").settings == wanted
    assert read(f"[env.production.{line}").settings == wanted
    assert read(**{row.variable: text}).settings == wanted
    assert read(options=[option(row.name, text)]).settings == wanted
    if row.app:
        own = read(f"[apps.shop.{line}")
        assert (own.for_app("shop"), own.settings) == (wanted, Settings())


# ── providers of OpenID Connect ──

HOUSE = '[auth.providers.house]\nissuer = "https://id.example"\nclient_id = "shop"\n'


def test_providers_are_tables_and_an_app_may_have_its_own(read):
    text = (
        HOUSE
        + 'client_secret_env = "HOUSE_SECRET"\nscopes = ["email"]\nroles_claim = "groups"\n'
        + 'roles = { staff = "editor", "it-admins" = ["admin", "editor"] }\ndefault_roles = ["member"]\n'
        + '[apps.blog.auth.providers.house]\nclient_id = "blog"\n'
        + "[apps.till.auth.providers.house]\nenabled = false\n"
        + '[env.dev.auth.providers.house]\nissuer = "http://localhost:8080/realms/dev"\n'
    )
    configuration = read(text, HOUSE_SECRET="a long secret")
    [house] = configuration.for_app("shop").auth_providers
    assert (house.name, house.title, house.issuer) == ("house", "House", "https://id.example")
    assert (house.client_id, house.secret) == ("shop", "a long secret")
    assert house.scopes == ("openid", "email")
    assert house.roles == (("staff", ("editor",)), ("it-admins", ("admin", "editor")))
    assert house.default_roles == ("member",)
    [blog] = configuration.for_app("blog").auth_providers
    assert (blog.client_id, blog.issuer) == ("blog", "https://id.example")
    assert configuration.for_app("till").auth_providers == ()
    dev = read(text, env="dev", HOUSE_SECRET="a long secret")
    assert dev.settings.auth_providers[0].issuer == "http://localhost:8080/realms/dev"
    assert dev.differences(configuration) == ["auth.providers"]
    assert "a long secret" not in repr(configuration)


def test_the_providers_of_the_documentation_are_good(read):
    page = (Path(__file__).parents[3] / "docs/oidc.md").read_text()
    text = "\n".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    secrets = dict.fromkeys(re.findall(r'client_secret_env = "(\w+)"', text), "a long secret")
    google, house = read(text, **secrets).settings.auth_providers
    assert (google.name, google.secret) == ("google", "a long secret")
    assert dict(house.roles)["shop-staff"] == ("editor",)
    table = page.partition("## Keys of a provider")[2].partition("\n\nWithout")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(KEYS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[auth]\nproviders = 1", "auth.providers: Expected tables below it, such as [auth.providers.NAME]."),
        ("[auth.providers]\nhouse = 1", "auth.providers.house: Expected tables below it, such as [auth.providers.house]."),
        ("[auth.providers.House]\nissuer = 'https://a.example'", 'auth.providers.House.issuer: No provider has the name "House": small letters, digits and single dashes.'),
        (HOUSE + "isuer = 'x'", "auth.providers.house.isuer: A provider has no isuer. Did you mean issuer?"),
        ("[auth.providers.house]\nissuer = 'http://id.example'", "auth.providers.house.issuer: expected the address of an issuer, such as https://accounts.google.com; http:// only where it is this machine, got 'http://id.example'"),
        ("[auth.providers.house]\nissuer = 'https://a@id.example'", "auth.providers.house.issuer: expected the address of an issuer, such as https://accounts.google.com; http:// only where it is this machine, got 'https://a@id.example'"),
        ("[auth.providers.house]\nissuer = 'https://id.example'", "auth.providers.house: It has no client_id, which every provider needs."),
        (HOUSE + "client_secret = 7", "auth.providers.house.client_secret: expected a text on one line, got '7'"),
        (HOUSE + "client_secret_env = 'not a name'", "auth.providers.house.client_secret_env: expected the name of an environment variable, not its value"),
        (HOUSE + "client_secret_env = 'HOUSE_SECRET'", "auth.providers.house: client_secret_env names the variable HOUSE_SECRET, which is not set."),
        (HOUSE + "client_secret = 'a'\nclient_secret_env = 'A'", "auth.providers.house: It has both client_secret and client_secret_env. Leave one out."),
        (HOUSE + "scopes = ['open id']", "auth.providers.house.scopes: 'open id' is no scope: one word for each"),
        (HOUSE + "scopes = 'openid'", "auth.providers.house.scopes: expected a list of texts, got 'openid'"),
        (HOUSE + "roles = { a = 'b' }", "auth.providers.house: It has roles and no roles_claim that says which claim they are for."),
        (HOUSE + "roles = ['a']", 'auth.providers.house.roles: expected a table, such as { "shop-staff" = ["editor"] }'),
        (HOUSE + "enabled = 'no'", "auth.providers.house.enabled: expected true or false, got 'no'"),
        ("[apps.shop.auth.providers.house]\nclient_id = 'a'", "apps.shop.auth.providers.house: It has no issuer, which every provider needs."),
    ],
)  # fmt: skip
def test_a_mistake_in_a_provider_is_told_with_its_place(mistakes, text, said):
    assert mistakes(text) == [f"aiwe.toml, {said}"]


def test_a_provider_does_not_stand_in_a_variable(mistakes):
    said = "Providers stand in aiwe.toml, each below a table [auth.providers.NAME]."
    assert mistakes(AIWE_AUTH__PROVIDERS="{}") == [f"AIWE_AUTH__PROVIDERS, auth.providers: {said}"]
