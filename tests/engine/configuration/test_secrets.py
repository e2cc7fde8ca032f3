"""Tables `[secrets.ID]`: what they may say, and that no value stands in what is said of them."""

import os
import re
from pathlib import Path

import pytest

from aiwe_engine.cli.config import config
from aiwe_engine.configuration.configuration import read_configuration
from aiwe_engine.configuration.mistakes import InvalidConfiguration
from aiwe_engine.configuration.secrets import KEYS

VALUE = "sk-live-4eC39HqLyjWDarjtT1zdp7dc"
OTHER = "SG.an0ther-value.0123456789"
MAIL = '[secrets.mail_key]\nenv = "MAIL_KEY"\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a configuration with this text as aiwe.toml."""
    monkeypatch.chdir(tmp_path)

    def read_one(text, env="production", values=True, **environ):
        (tmp_path / "aiwe.toml").write_text(text)
        environ = {"MAIL_KEY": VALUE, **environ}
        return read_configuration(root=tmp_path, env=env, environ=environ, values=values)

    return read_one


def file(path, text, mode=0o600):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    path.chmod(mode)


def test_a_value_comes_from_a_variable_or_a_file(read, tmp_path):
    file(tmp_path / "keys" / "stripe", f"{OTHER}\n")
    text = (
        MAIL + 'hosts = ["API.example.com", "localhost:8025"]\nin = ["url", "body"]\n'
        'description = "Mail"\n[secrets."stripe.key"]\nfile = "keys/stripe"\n'
    )
    configuration = read(text)
    (mail, value), (stripe, other) = configuration.secrets.values()
    assert (value, other) == (VALUE.encode(), OTHER.encode())
    assert mail.name == ("mail_key", None, None)
    assert stripe.name == ("stripe.key", None, None)
    assert mail.hosts == ("api.example.com", "localhost:8025")
    assert (mail.places, mail.description) == ({"url", "body"}, "Mail")
    assert (stripe.hosts, stripe.places) == ((), frozenset())
    assert (mail.source, mail.configured) == (
        "configuration",
        "aiwe.toml, secrets.mail_key: env MAIL_KEY",
    )
    assert configuration.warnings == ()
    assert VALUE not in repr(configuration)


@pytest.mark.parametrize(
    ("written", "kept"),
    [("\n", ""), ("\r\n", ""), ("", ""), ("\n\n", "\n"), (" ", " "), ("\r", "\r")],
)
def test_one_line_break_at_the_end_of_a_file_is_dropped(read, tmp_path, written, kept):
    file(tmp_path / "k", VALUE + written)
    [(_, value)] = read('[secrets.k]\nfile = "k"').secrets.values()
    assert value.decode() == VALUE + kept.removesuffix("\r" if written == "\r" else "\0")


def test_a_file_is_looked_for_beside_the_file_that_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file(tmp_path / "conf" / "k", VALUE)
    (tmp_path / "conf" / "other.toml").write_text('[secrets.k]\nfile = "k"')
    named = tmp_path / "conf" / "other.toml"
    [(_, value)] = read_configuration(
        root=tmp_path, env="dev", file=named, environ={}
    ).secrets.values()
    assert value.decode() == VALUE
    (tmp_path / "conf" / "link").symlink_to("k")
    named.write_text(f'[secrets.k]\nfile = "{tmp_path}/conf/link"')
    assert read_configuration(root=tmp_path, env="dev", file=named, environ={}).secrets


def test_a_secret_may_be_of_one_app_and_of_one_environment(read):
    text = (
        f"{MAIL}[env.dev.secrets.mail_key]\nenv = 'DEV_KEY'\n"
        "[apps.shop.secrets.mail_key]\nenv = 'SHOP_KEY'\n"
        "[env.dev.apps.shop.secrets.mail_key]\nenv = 'SHOP_DEV_KEY'\n"
        "[secrets.one]\nenv = 'MAIL_KEY'\napp = 'shop'\nenvironment = 'staging'\n"
    )
    given = {"DEV_KEY": OTHER + "d", "SHOP_KEY": OTHER + "s", "SHOP_DEV_KEY": OTHER + "sd"}
    found = read(text, env="dev", **given).secrets
    assert {name: value.decode() for name, (_, value) in found.items()} == {
        ("mail_key", None, None): VALUE,
        ("mail_key", "shop", None): OTHER + "s",
        ("mail_key", None, "dev"): OTHER + "d",
        ("mail_key", "shop", "dev"): OTHER + "sd",
    }
    # What is for another environment has no value here, and needs none.
    found = read(text, SHOP_KEY=OTHER)
    assert list(found.secrets) == [("mail_key", None, None), ("mail_key", "shop", None)]
    assert list(found.apps) == ["shop"]
    staging = read(text, env="staging", SHOP_KEY=OTHER).secrets
    assert ("one", "shop", "staging") in staging


NOT_STORED = (
    'The value of a secret does not stand in aiwe.toml, which is copied and committed. Put it into a variable and write env = "VARIABLE", '
    'or into a file of its own and write file = "PATH".'
)
SHORT = (
    "The value has fewer than 12 bytes. Every text that leaves the engine is searched for the values of secrets, to take them out. "
    "A short one would be found in what has nothing to do with it; and it could be guessed. Real keys are longer."
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[secrets.k]", 'k: It has neither env = "VARIABLE" nor file = "PATH", one of which says where its value is.'),
        ("[secrets.k]\nenv = 'MAIL_KEY'\nfile = 'k'", "k: It has both env and file. Leave one out."),
        ("[secrets.k]\nenv = 'NO_KEY'", "k.env: The variable NO_KEY is not set. Set it where the engine is started."),
        (f"[secrets.k]\nenv = '{VALUE}'", "k.env: expected the name of an environment variable, not its value"),
        (f"[secrets.k]\nenv = '{VALUE.replace('-', '')}'", "k.env: The variable of this name is not set. Set it where the engine is started."),
        ("[secrets.k]\nenv = ''", "k.env: expected the name of an environment variable, not its value"),
        ("[secrets.k]\nenv = 'SHORT'", f"k.env: {SHORT}"),
        ("[secrets.k]\nenv = 'EMPTY'", f"k.env: {SHORT}"),
        ("[secrets.k]\nenv = 'BLANK'", "k.env: The value is nothing but white space. See that the file or variable holds what you mean."),
        ("[secrets.k]\nfile = 'none'", "k.file: There is no file none. A path is relative to the folder of aiwe.toml."),
        ("[secrets.k]\nfile = '.'", "k.file: . cannot be read: Is a directory. See that the user whom the engine runs as can read it."),
        ("[secrets.k]\nfile = 'pipe'", "k.file: pipe is no file. Name the file that holds the value."),
        ("[secrets.k]\nfile = 'short'", f"k.file: {SHORT}"),
        ("[secrets.k]\nfile = 'long'", "k.file: The value has more than 65,536 bytes. A secret is a key, a password or a certificate. Keep larger things as files."),
        ("[secrets.k]\nfile = 'bytes'", "k.file: The value is not UTF-8 text. Encode binary keys as base64 or hexadecimal digits, as their services expect them."),
        ("[secrets.k]\nfile = 7", "k.file: expected a text on one line"),
        (MAIL + f"value = '{VALUE}'", f"mail_key.value: {NOT_STORED}"),
        (MAIL + f"password = '{VALUE}'", f"mail_key.password: {NOT_STORED}"),
        (MAIL + "hots = []", "mail_key.hots: A secret has no hots. Did you mean hosts?"),
        (MAIL + "x = []", "mail_key.x: A secret has no x. It has env, file, hosts, in, app, environment, description."),
        ("[secrets.mail.key]\nenv = 'MAIL_KEY'", 'mail.key: There is no table in a secret. An id with a dot is quoted, as in [secrets."mail.key"].'),
        (MAIL + "hosts = 'a.example'", 'mail_key.hosts: expected a list of texts, as in ["api.example.com"]'),
        (MAIL + "hosts = ['https://a.example']", "mail_key.hosts: 'https://a.example' is not a host: it is a URL. Write the host alone, as in api.sendgrid.com, with a port where it is an unusual one: localhost:8025. *.example.com stands for every name one level below example.com."),
        (MAIL + "in = ['path']", 'mail_key.in: There is no place "path" for a secret. url and body can be allowed; a header always is.'),
        (MAIL + "app = 'My Shop'", "mail_key.app: This cannot be the name of an app. Apps are named in lower-case letters, digits and -, as in my-shop."),
        (MAIL + "environment = 'prod'", "mail_key.environment: There is no such environment, only dev, staging, production. Did you mean production?"),
        (MAIL + 'description = "a\\tb"', "mail_key.description: This is not a description. One line of at most 1000 characters."),
        ("[secrets.'a b']\nenv = 'MAIL_KEY'", 'a b: This is not a name that a secret can have. 1 to 128 letters, digits, "_", "-" or ".", as in "sendgrid_api_key".'),
        (f"[secrets]\nmail_key = '{VALUE}'", 'mail_key: There is no setting secrets.mail_key. A secret is a table of aiwe.toml: [secrets.mail_key] with env = "VARIABLE" or file = "PATH".'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_to_do(read, tmp_path, text, said):
    for name, content in (("short", "a1b2c3\n"), ("long", "x" * 70_000)):
        file(tmp_path / name, content)
    (tmp_path / "bytes").write_bytes(b"\xff" * 20)
    (tmp_path / "bytes").chmod(0o600)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidConfiguration) as caught:
        read(text, SHORT="a1b2c3", EMPTY="", BLANK=" " * 20)
    [mistake] = map(str, caught.value.mistakes)
    assert mistake == f"aiwe.toml, secrets.{said}"
    assert VALUE not in str(caught.value.to_json())
    assert "a1b2c3" not in mistake


def test_the_same_secret_twice_is_a_mistake(read):
    text = f"{MAIL}app = 'shop'\n[apps.shop.secrets.mail_key]\nenv = 'MAIL_KEY'\n"
    with pytest.raises(InvalidConfiguration) as caught:
        read(text)
    [mistake] = map(str, caught.value.mistakes)
    place = "apps.shop.secrets.mail_key"
    assert (
        mistake
        == f"aiwe.toml, {place}: It is the secret of [secrets.mail_key] again. Leave one out."
    )


@pytest.mark.parametrize(
    ("place", "more", "said"),
    [
        ("apps.shop.secrets.k", "app = 'blog'", "Its table is that of shop, and app says another. Leave app out."),
        ("env.dev.secrets.k", "environment = 'staging'", "Its table is that of dev, and environment says another. Leave environment out."),
    ],
)  # fmt: skip
def test_a_table_of_an_app_or_environment_is_of_no_other(read, place, more, said):
    with pytest.raises(InvalidConfiguration) as caught:
        read(f"[{place}]\nenv = 'MAIL_KEY'\n{more}")
    assert list(map(str, caught.value.mistakes)) == [f"aiwe.toml, {place}: {said}"]


def test_every_mistake_of_every_environment_is_told_at_once(read):
    text = (
        "[secrets.a]\n[secrets.b]\nhosts = 7\nx = 1\n[env.dev.secrets.c]\nfile = 1\n[http]\nx = 1"
    )
    with pytest.raises(InvalidConfiguration) as caught:
        read(text)
    assert [one.key for one in caught.value.mistakes] == [
        "http.x", "secrets.a", "secrets.b.hosts", "secrets.b.x", "env.dev.secrets.c.file",
    ]  # fmt: skip


def test_a_variable_of_the_section_is_no_secret(read):
    with pytest.raises(InvalidConfiguration) as caught:
        read("", AIWE_SECRETS__MAIL_KEY=VALUE)
    [mistake] = map(str, caught.value.mistakes)
    assert mistake.startswith("AIWE_SECRETS__MAIL_KEY, secrets.mail_key: There is no setting ")
    assert "[secrets.mail_key] with env" in mistake
    assert VALUE not in str(caught.value.to_json())


def test_a_file_that_others_can_read_is_a_warning(read, tmp_path):
    file(tmp_path / "k", VALUE, 0o640)
    [warning] = map(str, read('[secrets.k]\nfile = "k"').warnings)
    assert warning == (
        "aiwe.toml, secrets.k.file: k can be read by others than its owner (mode 0640). Run: chmod 600 k"
    )


def test_a_command_beside_an_engine_may_do_without_values(read):
    found = read("[secrets.k]\nenv = 'NO_KEY'", values=False)
    [(secret, value)] = found.secrets.values()
    assert (secret.id, value.code) == ("k", "secret_value_missing")
    assert "NO_KEY is not set" in value.message


def test_differences_are_told_by_id(read):
    before = read(MAIL)
    assert read(MAIL).differences(before) == []
    assert read(MAIL, MAIL_KEY=OTHER).differences(before) == ["secrets.mail_key"]
    assert read(f"{MAIL}hosts = ['a.example']").differences(before) == ["secrets.mail_key"]
    assert read("").differences(before) == ["secrets.mail_key"]


def test_the_tables_of_the_documentation_are_good(read, tmp_path):
    page = (Path(__file__).parents[3] / "docs/secrets.md").read_text()
    [text] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file(tmp_path / "keys" / "stripe", VALUE)
    found = read(text, env="dev", SENDGRID_API_KEY=VALUE, SENDGRID_TEST_KEY=VALUE).secrets
    assert len(found) == 3
    assert set(re.findall(r"`(\w+)`", page)) | {"env", "file", "hosts"} >= set(KEYS)


def test_config_shows_tables_and_no_value(read, tmp_path, capsys):
    file(tmp_path / "k", OTHER, 0o644)
    text = (
        f"{MAIL}hosts = ['a.example']\n[apps.shop.secrets.'s.k']\nfile = 'k'\n"
        "[env.dev.secrets.d]\nenv = 'MAIL_KEY'\n"
        "[auth.providers.house]\nissuer = 'https://id.example'\nclient_id = 'shop'\n"
        "client_secret_env = 'HOUSE_SECRET'\nroles_claim = 'groups'\nroles = { a = ['b'] }\n"
        f"[apps.shop.auth.providers.other]\nissuer = 'https://b.example'\nclient_id = 'b'\nclient_secret = '{OTHER}'\n"
    )
    configuration = read(text, HOUSE_SECRET="house-" + VALUE)
    assert config(configuration, "production", json=False) == 0
    said = capsys.readouterr()
    assert "warning: aiwe.toml, apps.shop.secrets.s.k.file: k can be read" in said.err
    shown = said.out[said.out.index("[auth.providers.house]") :]
    assert shown == (
        "[auth.providers.house]\n"
        'issuer = "https://id.example"            # aiwe.toml, auth.providers.house.issuer\n'
        'client_id = "shop"                       # aiwe.toml, auth.providers.house.client_id\n'
        'client_secret_env = "HOUSE_SECRET"       # aiwe.toml, auth.providers.house.client_secret_env\n'
        'roles_claim = "groups"                   # aiwe.toml, auth.providers.house.roles_claim\n'
        'roles = { "a" = ["b"] }                  # aiwe.toml, auth.providers.house.roles\n'
        "\n[secrets.mail_key]\n"
        'env = "MAIL_KEY"                         # aiwe.toml, secrets.mail_key.env\n'
        'hosts = ["a.example"]                    # aiwe.toml, secrets.mail_key.hosts\n'
        "\n[apps.shop.auth.providers.other]\n"
        'issuer = "https://b.example"             # aiwe.toml, apps.shop.auth.providers.other.issuer\n'
        'client_id = "b"                          # aiwe.toml, apps.shop.auth.providers.other.client_id\n'
        'client_secret = "***"                    # aiwe.toml, apps.shop.auth.providers.other.client_secret\n'
        '\n[apps.shop.secrets."s.k"]\n'
        'file = "k"                               # aiwe.toml, apps.shop.secrets.s.k.file\n'
    )
    again = read(shown.replace("***", "id"), HOUSE_SECRET="house-" + VALUE)
    assert again.secrets == configuration.secrets
    assert config(configuration, "production", json=True) == 0
    text = said.out + said.err + capsys.readouterr().out
    assert '"secrets.mail_key": {"env": {"value": "MAIL_KEY"' in text
    assert [one for one in (VALUE, OTHER) if one in text] == []
