"""Settings: a wrong one prevents the start, with an error that names it, the problem and an example."""

import dataclasses
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pointsync import config
from pointsync.errors import ConfigError
from tests.support.paths import CHECKOUT

PATIENCE_SECONDS = 60


def load(folder: Path, **settings: str) -> config.Config:
    """The configuration of a site with its data in `folder`."""
    named = {f"POINTSYNC_{name}": value for name, value in settings.items()}
    return config.load({"POINTSYNC_DATA": str(folder / "data")} | named, root=folder)


def config_error(folder: Path, **settings: str) -> str:
    """The error for these settings."""
    with pytest.raises(ConfigError) as error:
        load(folder, **settings)
    return str(error.value)


def test_all_settings_have_a_default(tmp_path):
    found = config.load({}, root=tmp_path)
    assert found.data == (tmp_path / "instance").resolve()
    assert found.database_url == f"sqlite:///{found.data}/pointsync.db"
    assert found.is_sqlite
    assert (found.public_url, found.smtp_url, found.proxy_auth_header) == (None, None, None)
    assert (found.scheduler, found.private_remotes, found.log_format) == (True, True, "text")
    assert (found.trusted_proxies, found.proxy_auth_admins, found.frame_ancestors) == ((), (), "'none'")
    assert found.site_name
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.scheduler = False


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("DATABASE_URL", "postgresql://u:p@h:5433/points", "database_url", "postgresql+psycopg://u:p@h:5433/points"),
        ("DATABASE_URL", "postgres://h/points", "database_url", "postgresql+psycopg://h/points"),
        ("DATABASE_URL", "postgresql+psycopg://h/points", "database_url", "postgresql+psycopg://h/points"),
        ("DATABASE_URL", "sqlite:////var/lib/points.db", "database_url", "sqlite:////var/lib/points.db"),
        ("PUBLIC_URL", "https://shop.example/points/", "public_url", "https://shop.example/points"),
        ("PUBLIC_URL", " http://[::1]:8080 ", "public_url", "http://[::1]:8080"),
        ("PUBLIC_URL", "https://shop.example:65535", "public_url", "https://shop.example:65535"),
        ("SITE_NAME", "Boutique Lyon", "site_name", "Boutique Lyon"),
        ("SITE_NAME", "x" * 191, "site_name", "x" * 191),
        ("SCHEDULER", "OFF", "scheduler", False),
        ("PRIVATE_REMOTES", "off", "private_remotes", False),
        ("LOG_FORMAT", "json", "log_format", "json"),
        ("PROXY_AUTH_ADMINS", "anna, bob  carl", "proxy_auth_admins", ("anna", "bob", "carl")),
        ("FRAME_ANCESTORS", "https://shop.example http://*.intra:8080", "frame_ancestors", None),
        ("FRAME_ANCESTORS", "'self' shop.example [::1]:8080", "frame_ancestors", None),
        ("FRAME_ANCESTORS", "'none'", "frame_ancestors", None),
        ("SMTP_URL", "smtps://user:pass@mail.example:465", "smtp_url", None),
        ("SECRET_KEY", "0123456789abcdef", "secret_key", None),
        ("SECRET_KEY", "0123456789abcdef", "secret_key_is_set", True),
        ("SECRET_KEY_OLD", "0123456789abcdef", "secret_key_old", None),
    ],
)
def test_a_valid_value_is_accepted(tmp_path, name, value, field, expected):
    assert getattr(load(tmp_path, **{name: value}), field) == (value if expected is None else expected)


def test_trusted_proxies_are_addresses_and_networks(tmp_path):
    found = load(tmp_path, TRUSTED_PROXIES="127.0.0.1, 10.0.0.5/8 ::1 unix", PROXY_AUTH_HEADER="X-Forwarded-User")
    assert [str(network) for network in found.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8", "::1/128", "unix"]
    assert found.proxy_auth_header == "X-Forwarded-User"


BAD_SETTINGS = [
    ("DATABASE_URL", "mysql://localhost/points"),
    ("DATABASE_URL", "sqlite:///relative.db"),
    ("DATABASE_URL", "sqlite:////"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "postgresql"),
    ("DATABASE_URL", "postgresql:points"),
    ("DATABASE_URL", "postgresql://host:abc/points"),
    ("DATABASE_URL", "points.db"),
    ("DATABASE_URL", "sqlite:////no/such/folder/points.db"),
    ("DATABASE_URL", "sqlite:////tmp"),
    ("PUBLIC_URL", "shop.example"),
    ("PUBLIC_URL", "ftp://shop.example"),
    ("PUBLIC_URL", "https://"),
    ("PUBLIC_URL", "https:///points"),
    ("PUBLIC_URL", "https://shop.example:0"),
    ("PUBLIC_URL", "https://shop.example:65536"),
    ("PUBLIC_URL", "https://shop.example:abc"),
    ("PUBLIC_URL", "https://[::1"),
    ("PUBLIC_URL", "https://user@shop.example"),
    ("PUBLIC_URL", "https://user:pass@shop.example"),
    ("PUBLIC_URL", "https://:pass@shop.example"),
    ("PUBLIC_URL", "https://@shop.example"),
    ("PUBLIC_URL", "https://shop.example?a=1"),
    ("PUBLIC_URL", "https://shop.example/?"),
    ("PUBLIC_URL", "https://shop.example/#top"),
    ("PUBLIC_URL", "https://shop.example/#"),
    ("PUBLIC_URL", "https://shop example"),
    ("PUBLIC_URL", "https://shop.example/a\nb"),
    ("PUBLIC_URL", "https://shop.example/a\x7fb"),
    ("SITE_NAME", "x" * 192),
    ("SITE_NAME", "two\nlines"),
    ("SITE_NAME", "bell\x07"),
    ("SCHEDULER", "maybe"),
    ("SCHEDULER", "2"),
    ("PRIVATE_REMOTES", "never"),
    ("LOG_FORMAT", "xml"),
    ("TRUSTED_PROXIES", "proxy.example"),
    ("TRUSTED_PROXIES", "10.0.0.0/33"),
    ("TRUSTED_PROXIES", "127.0.0.1, 0.0.0.0/0"),
    ("TRUSTED_PROXIES", "::/0"),
    ("TRUSTED_PROXIES", "*"),
    ("TRUSTED_PROXIES", "UNIX"),
    ("PROXY_AUTH_HEADER", "X Forwarded User"),
    ("PROXY_AUTH_HEADER", "X-User:"),
    ("PROXY_AUTH_HEADER", "Remote_User"),
    ("PROXY_AUTH_HEADER", "X-Forwarded-User, Remote-User"),
    ("PROXY_AUTH_HEADER", "Host"),
    ("PROXY_AUTH_HEADER", "authorization"),
    ("PROXY_AUTH_HEADER", "X-Forwarded-For"),
    ("FRAME_ANCESTORS", "https://shop.example; script-src *"),
    ("FRAME_ANCESTORS", "https://shop.example, https://other.example"),
    ("FRAME_ANCESTORS", "https://shop.example\nSet-Cookie: a=b"),
    ("FRAME_ANCESTORS", "shop.example/é"),
    ("FRAME_ANCESTORS", "none"),
    ("FRAME_ANCESTORS", "'none' https://shop.example"),
    ("FRAME_ANCESTORS", "'unsafe-inline'"),
    ("SMTP_URL", "mail.example"),
    ("SMTP_URL", "http://mail.example"),
    ("SMTP_URL", "smtp://"),
    ("SMTP_URL", "smtp://mail.example:0"),
    ("SMTP_URL", "smtp://mail.example:65536"),
    ("SECRET_KEY", "short"),
    ("SECRET_KEY_OLD", "short"),
]


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
def test_a_wrong_value_names_the_setting_the_problem_and_an_example(tmp_path, name, value):
    message = config_error(tmp_path, **{name: value})
    assert message.startswith(f"POINTSYNC_{name} ")
    fault, _, example = message.partition("; example: ")
    assert len(fault) > len(f"POINTSYNC_{name} ")
    setting, _, right = example.partition("=")
    assert setting == f"POINTSYNC_{name}"
    assert getattr(load(tmp_path, **_companions(name), **{name: right}), name.lower())


def _companions(name: str) -> dict[str, str]:
    return {"TRUSTED_PROXIES": "127.0.0.1"} if name == "PROXY_AUTH_HEADER" else {}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("http://h:70000", "has an invalid port; use one from 1 to 65535"),
        ("https://user:s3cret@shop.example", "must not have a user name or password before the host"),
        ("ftp://shop.example", "must begin with https:// (or http:// inside your own network)"),
        ("https://shop.example?a=1", "must end with its path, without ? and #"),
        ("https:///points", "has no host; use one such as shop.example"),
    ],
)
def test_a_wrong_public_url_has_its_problem_named(tmp_path, value, fault):
    example = "; example: POINTSYNC_PUBLIC_URL=https://shop.example/points"
    assert config_error(tmp_path, PUBLIC_URL=value) == f"POINTSYNC_PUBLIC_URL {fault}{example}"


def test_a_password_in_a_wrong_url_is_not_shown(tmp_path):
    for url in (
        "https://user:s3cret@shop.example",
        "https://user:s3cret@h:70000",
        "user:s3cret@h",
        "https://u:s3cret @h",
    ):
        assert "s3cret" not in config_error(tmp_path, PUBLIC_URL=url)
    assert "s3cret" not in config_error(tmp_path, DATABASE_URL="mysql://user:s3cret@localhost/points")
    assert "s3cret" not in config_error(tmp_path, SMTP_URL="http://user:s3cret@mail.example")
    assert "s3cret" not in config_error(tmp_path, SECRET_KEY="s3cret")
    assert "s3cret" not in config_error(tmp_path, SECRET_KEY_OLD="s3cret")


def test_the_settings_in_a_traceback_show_no_key(tmp_path):
    assert "s3cret" not in repr(load(tmp_path, SECRET_KEY="s3cret" * 3, SECRET_KEY_OLD="s3cret" * 4))
    found = load(tmp_path)
    assert found.secret_key not in repr(found)


def test_signing_in_by_header_needs_a_trusted_proxy(tmp_path):
    message = config_error(tmp_path, PROXY_AUTH_HEADER="X-Forwarded-User")
    assert "POINTSYNC_PROXY_AUTH_HEADER needs POINTSYNC_TRUSTED_PROXIES" in message
    assert "example: POINTSYNC_TRUSTED_PROXIES=127.0.0.1" in message


def test_data_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=r"POINTSYNC_DATA names .*; example: POINTSYNC_DATA=/"):
            config.load({"POINTSYNC_DATA": str(place)}, root=tmp_path)


def test_a_new_data_folder_is_private_and_an_existing_one_stays_as_it_is(tmp_path):
    found = load(tmp_path / "new" / "place").data
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    found.chmod(0o750)
    load(tmp_path / "new" / "place")
    assert stat.S_IMODE(found.stat().st_mode) == 0o750


def test_a_file_beside_the_data_gives_settings_and_the_environment_wins(tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "config.py").write_text("POINTSYNC_SITE_NAME = 'File'\nPOINTSYNC_LOG_FORMAT = 'json'\n")
    found = config.load({"POINTSYNC_SITE_NAME": "Environment"}, root=tmp_path)
    assert (found.site_name, found.log_format) == ("Environment", "json")


@pytest.mark.parametrize("text", ["POINTSYNC_SITE_NAME = ", "import nowhere_at_all", "1 / 0"])
def test_a_file_that_is_no_python_is_named(tmp_path, text):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "config.py").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.py cannot be read as Python"):
        config.load({}, root=tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "config.py").write_bytes(b"# \xff\n")
    with pytest.raises(ConfigError, match=r"config\.py cannot be read"):
        config.load({}, root=tmp_path)


def test_the_secret_is_created_once_and_private(tmp_path):
    first = load(tmp_path).secret_key
    key_path = tmp_path / "data" / "secret_key"
    assert len(first) == 64
    assert not load(tmp_path).secret_key_is_set
    assert stat.S_IMODE(key_path.stat().st_mode) == 0o600
    assert load(tmp_path).secret_key == first == key_path.read_text()
    assert load(tmp_path / "other").secret_key != first


def test_the_secret_from_a_file(tmp_path):
    (tmp_path / "key").write_text("the secret of this test\n")
    found = load(tmp_path, SECRET_KEY_FILE=str(tmp_path / "key"))
    assert not (tmp_path / "data" / "secret_key").exists()
    assert found.secret_key == "the secret of this test"
    assert found.secret_key_is_set
    assert load(tmp_path, SECRET_KEY_OLD_FILE=str(tmp_path / "key")).secret_key_old == "the secret of this test"
    found_config = load(tmp_path, SECRET_KEY="another secret of it", SECRET_KEY_FILE=str(tmp_path / "key"))
    assert found_config.secret_key == "another secret of it"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"short", b"\xff" * 32])
def test_an_invalid_secret_file_is_not_replaced(tmp_path, content):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    message = config_error(tmp_path, SECRET_KEY_FILE=str(tmp_path / "key"))
    assert message.startswith("POINTSYNC_SECRET_KEY")
    assert "; example: POINTSYNC_SECRET_KEY" in message
    assert not (tmp_path / "data" / "secret_key").exists()


def test_an_empty_secret_file_is_an_error(tmp_path):
    load(tmp_path)
    (tmp_path / "data" / "secret_key").write_text("")
    assert "POINTSYNC_SECRET_KEY" in config_error(tmp_path)


LOADER = """
import sys
from pathlib import Path
from pointsync import config
print("ready", flush=True)
sys.stdin.readline()
print(config.load({"POINTSYNC_DATA": sys.argv[1]}, root=Path(sys.argv[1])).secret_key)
"""


def test_processes_that_start_at_once_share_one_secret(tmp_path):
    data = tmp_path / "data"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOADER, str(data)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    message = {process.communicate(timeout=PATIENCE_SECONDS)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert message == {(data / "secret_key").read_text()}
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["secret_key"]
