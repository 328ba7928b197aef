"""Settings as people write them: what is clearly meant is accepted, what nobody can mean stops the start."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import config
from pointsync.config import values
from pointsync.errors import ConfigError


def load(folder: Path, **settings: str) -> config.Config:
    """The configuration of a site with its data in `folder`, unless a setting says otherwise."""
    named = {f"POINTSYNC_{name}": value for name, value in settings.items()}
    return config.load({"POINTSYNC_DATA": str(folder / "data")} | named, root=folder)


# The folder of the data

PATHS_THAT_NOBODY_MEANS = [
    ('"/srv/points"', "quotes"),
    ("'/srv/points'", "quotes"),
    ('"/srv/points', "quotes"),
    ("/srv/points'", "quotes"),
    ("“/srv/points”", "quotes"),
    ("~/points", "~ is not replaced"),
    ("~", "~ is not replaced"),
    ("~shop/points", "~ is not replaced"),
    ("$HOME/points", "a variable was not replaced"),
    ("${DATA}/points", "a variable was not replaced"),
    ("/srv/$(hostname)/points", "a variable was not replaced"),
    ("/srv/`hostname`/points", "a variable was not replaced"),
    ("{{ points_folder }}", "a variable was not replaced"),
    ("%h/points", "a variable was not replaced"),
    ("<folder>", "a variable was not replaced"),
    ("file:///srv/points", "not a path on this machine"),
    ("sqlite:////srv/points", "not a path on this machine"),
    ("C:\\points", "another operating system"),
    ("\\\\server\\points", "another operating system"),
    ("", "is set, but empty"),
    ("  \r\n", "is set, but empty"),
    ("/", "the root of the file system"),
    ("/srv/points\n/srv/other", "control characters"),
    ("/srv/points\x07", "control characters"),
]


@pytest.mark.parametrize(("value", "problem"), PATHS_THAT_NOBODY_MEANS)
def test_a_folder_that_nobody_means_stops_the_start(tmp_path, monkeypatch, value, problem):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^POINTSYNC_DATA .*; example: POINTSYNC_DATA=/var/lib/pointsync$") as caught:
        config.load({"POINTSYNC_DATA": value}, root=tmp_path)
    assert problem in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nothing is created"


def test_a_site_that_is_in_such_a_folder_already_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "pointsync.db").touch()
    with pytest.raises(ConfigError, match=f"the database of this site is in {tmp_path}/~; move that folder"):
        config.load({"POINTSYNC_DATA": "~"}, root=tmp_path)


UNUSUAL_NAMES = [
    "a?b", "a%20b", "a%3Fb", "a#b", "a b", "o'neil", 'say "hi" now', "é", "ü\u0308", "100%", "a&b=c", "a;b", "a:b",
    "a@b", "file:", "a$", "a~", "[x]", "*", ":memory:", "mode=ro", "-x", "a\\b", "Документы",
]  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL_NAMES)
def test_the_database_is_in_the_folder_whatever_its_name(tmp_path, name):
    found = load(tmp_path, DATA=f" {tmp_path / name} \r\n")
    assert found.data == (tmp_path / name).resolve()
    assert found.database_path == found.data / "pointsync.db"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp", "Cn"]), min_size=1, max_size=30)
)
def test_any_name_is_the_folder_or_an_error(tmp_path_factory, name):
    root = tmp_path_factory.mktemp("any")
    value = f"{root}/{name.replace('/', '_')}"
    if values.find_path_problem(value):
        with pytest.raises(ConfigError, match="POINTSYNC_DATA "):
            load(root, DATA=value)
        assert list(root.iterdir()) == []
    else:
        found = load(root, DATA=value)
        assert found.database_path is not None
        assert found.database_path.parent == found.data == Path(value).resolve()


@pytest.mark.parametrize("value", ["sqlite:////srv/a?b.db", "sqlite:////srv/$X/a.db", 'sqlite:////srv/a.db"x"'])
def test_a_database_file_that_nobody_means(tmp_path, value):
    with pytest.raises(ConfigError, match=r"POINTSYNC_DATABASE_URL names .*, which cannot be meant"):
        load(tmp_path, DATABASE_URL=value)


def test_a_database_url_is_decoded_as_before(tmp_path):
    (tmp_path / "a b").mkdir()
    found = load(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/a%20b/100%25.db")
    assert found.database_path == tmp_path / "a b" / "100%.db"
    assert found.database_url == f"sqlite:///{tmp_path}/a b/100%.db"


def test_a_new_folder_is_private(tmp_path):
    found = load(tmp_path, DATA=str(tmp_path / "new" / "place"))
    assert stat.S_IMODE(found.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(found.data.parent.stat().st_mode) == 0o700


# Other settings

ON = ["on", "ON", "On", "true", "True", "TRUE", "yes", "1", "enabled", ' "on" ', "'true'", "on\r", "on \r\n"]
OFF = ["off", "OFF", "false", "False", "no", "0", "disabled", '"off"', "'0'", "off\r\n", "\toff"]


@pytest.mark.parametrize("name", ["SCHEDULER", "PRIVATE_REMOTES"])
@pytest.mark.parametrize(("word", "is_on"), [*((each, True) for each in ON), *((each, False) for each in OFF)])
def test_switches(tmp_path, name, word, is_on):
    assert getattr(load(tmp_path, **{name: word}), name.lower()) is is_on


@pytest.mark.parametrize(
    "word", ["maybe", "2", "-1", "offf", "on off", "off # for now", '"on', "null", "none", "y", "t"]
)
def test_a_word_that_is_neither_on_nor_off_stops_the_start(tmp_path, word):
    with pytest.raises(ConfigError, match=r"^POINTSYNC_SCHEDULER is .*; it must be on or off; example: "):
        load(tmp_path, SCHEDULER=word)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PUBLIC_URL", '"https://shop.example/"', "https://shop.example"),
        ("PUBLIC_URL", "'https://shop.example'\r\n", "https://shop.example"),
        ("SITE_NAME", '"Mug shop"', "Mug shop"),
        ("SITE_NAME", "Mug's shop", "Mug's shop"),
        ("SITE_NAME", "'Mug's shop'", "'Mug's shop'"),
        ("SITE_NAME", '"', '"'),
        ("LOG_FORMAT", '"JSON"', "json"),
        ("SMTP_URL", '"smtp://mail.example"', "smtp://mail.example"),
        ("DATABASE_URL", "'postgres://h/points' ", "postgresql+psycopg://h/points"),
        ("PROXY_AUTH_ADMINS", '"anna bob"', ("anna", "bob")),
        ("FRAME_ANCESTORS", "'self'", "'self'"),
        ("FRAME_ANCESTORS", '"\'self\' https://shop.example"', "'self' https://shop.example"),
        ("SECRET_KEY", '"0123456789abcdef"', '"0123456789abcdef"'),
        ("SECRET_KEY", " 0123456789abcdef\r\n", "0123456789abcdef"),
    ],
)  # fmt: skip
def test_quotes_and_spaces_around_a_value(tmp_path, name, value, expected):
    assert getattr(load(tmp_path, **{name: value}), name.lower()) == expected


def test_a_key_keeps_its_quotes():
    """It may have been used with them for years."""
    assert values.unquote('"x"') == "x"


@pytest.mark.parametrize(
    "value", ["https://$HOST", "https://${HOST}/points", "https://{{ host }}", "https://<host>/`x`"]
)
def test_a_public_url_with_a_variable_in_it(tmp_path, value):
    with pytest.raises(ConfigError, match="POINTSYNC_PUBLIC_URL has a variable that was not replaced"):
        load(tmp_path, PUBLIC_URL=value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PUBLICURL", "PUBLIC_URL"),
        ("PUBLIC_ULR", "PUBLIC_URL"),
        ("SITENAME", "SITE_NAME"),
        ("DATA_DIR", "DATA"),
        ("DB_URL", "DATABASE_URL"),
        ("SECRETKEY", "SECRET_KEY"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("URL", "PUBLIC_URL"),
    ],
)
def test_a_misspelt_name_stops_the_start(tmp_path, name, meant):
    message = f"There is no setting POINTSYNC_{name}. Is POINTSYNC_{meant} meant"
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, **{name: "x"})
    assert list(tmp_path.iterdir()) == []


def test_variables_of_other_programs_are_left_alone(tmp_path):
    """Kubernetes sets these for a service that is called pointsync."""
    others = ("SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_ADDR", "TEST_KILLS", "DATA_PORT")
    assert load(tmp_path, **dict.fromkeys(others, "tcp://10.0.0.1:8080"))


def test_a_settings_file_with_a_mark_and_values_of_other_types(tmp_path):
    (tmp_path / "instance").mkdir()
    lines = "POINTSYNC_SCHEDULER = False\nPOINTSYNC_PRIVATE_REMOTES = 0\nPOINTSYNC_PUBLIC_URL = None\n"
    (tmp_path / "instance" / "config.py").write_text("\ufeff" + lines.replace("\n", "\r\n"), newline="")
    found = load(tmp_path)
    assert (found.scheduler, found.private_remotes, found.public_url) == (False, False, None)


@given(st.text(max_size=30))
def test_unquote_takes_one_pair_only(text):
    once = values.unquote(text)
    assert once == once.strip()
    assert values.unquote(f'"{text}"') == (text.strip() if '"' not in text else f'"{text}"')
