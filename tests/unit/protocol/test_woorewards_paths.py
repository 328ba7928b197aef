"""Paths and credentials of the WooRewards dialect: parsing returns exactly what was built."""

import base64
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.sync.protocol import woorewards
from pointsync.sync.protocol.request import parse_json_object
from pointsync.sync.protocol.woorewards import DEFAULT_TEMPLATE, URL_PREFIX, SyncPath, build_sync_path, parse_sync_path

UNUSUAL_EMAILS = [
    "anna@shop.example",
    "anna+news@shop.example",
    "o'neil@shop.example",
    "a/b@shop.example",
    "a/5/add@shop.example",
    "a//b@shop.example",
    "/@shop.example",
    "a%b@shop.example",
    "a%2fb@shop.example",
    "a%252B@shop.example",
    "a?b@shop.example",
    "a#b@shop.example",
    "a&b=c@shop.example",
    "!$*^`{|}~@shop.example",
    "jürgen@xn--mller-kva.example",
    "山田@xn--fsqu00a.example",
    "[points]@shop.example",
    "sync/default@shop.example",
    "😀@shop.example",
]


def parse_as_server(path: str) -> SyncPath | None:
    """Parse `path` as a server does after decoding it once."""
    return parse_sync_path(unquote(path, errors="strict").removeprefix(f"{URL_PREFIX}/sync/"))


@pytest.mark.parametrize("email", UNUSUAL_EMAILS)
@pytest.mark.parametrize(("points", "action"), [(25, "add"), (-25, "sub"), (2_000_000_000, "add")])
def test_unusual_addresses_survive_the_round_trip(email, points, action):
    path = build_sync_path(DEFAULT_TEMPLATE, "gold-1", email, points)
    assert path.isascii()
    assert not set(path) & set(" ?#+")
    assert parse_as_server(path) == SyncPath("gold-1", email, abs(points), action)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30),
    st.integers(-(10**9), 10**9),
    st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True),
)
def test_any_local_part_survives_the_round_trip(local, points, reserve):
    email = f"{local}@shop.example"
    action = "add" if points >= 0 else "sub"
    assert parse_as_server(build_sync_path(DEFAULT_TEMPLATE, reserve, email, points)) == SyncPath(
        reserve, email, abs(points), action
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("default/a@b.example/5/add", SyncPath("default", "a@b.example", 5, "add")),
        ("default/a@b.example/5/add/", SyncPath("default", "a@b.example", 5, "add")),
        ("default/a@b.example/0/set", SyncPath("default", "a@b.example", 0, "set")),
        ("default/a@b.example/007/sub", SyncPath("default", "a@b.example", 7, "sub")),
        ("default/a+b@b.example/5/add", SyncPath("default", "a+b@b.example", 5, "add")),
        ("default/a/5/add@b.example/7/sub", SyncPath("default", "a/5/add@b.example", 7, "sub")),
    ],
)
def test_a_sync_path(path, expected):
    assert parse_sync_path(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "default",
        "default/a@b.example",
        "default/a@b.example/5",
        "default/a@b.example/5/take",
        "default/a@b.example/5/ADD",
        "default/a@b.example/-5/add",
        "default/a@b.example/+5/add",
        "default/a@b.example/5.0/add",
        "default/a@b.example/٣/add",
        "default/a@b.example/" + "9" * 20 + "/add",
        "default/a@b.example/" + "9" * 9999 + "/add",
        "default/a@b.example/5/add//",
        "default/a@b.example/5/add\n",
        "default//5/add",
        "/a@b.example/5/add",
        "gold points/a@b.example/5/add",
        "gölden/a@b.example/5/add",
    ],
    ids=lambda path: path[:50],
)
def test_an_invalid_sync_path(path):
    assert parse_sync_path(path) is None


def test_a_template_may_have_another_order():
    template = "/index.php/[action]/[points]/[reserve]/[user_email]"
    assert build_sync_path(template, "default", "a@b.example", -3) == "/index.php/sub/3/default/a%40b.example"


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (DEFAULT_TEMPLATE, f"{URL_PREFIX}/ping/default"),
        (DEFAULT_TEMPLATE.replace("/wp-json", "/index.php/wp-json"), f"/index.php{URL_PREFIX}/ping/default"),
        ("/[reserve]/[user_email]/[points]/[action]", f"{URL_PREFIX}/ping/default"),
    ],
)
def test_the_ping_path_is_next_to_the_sync_path(template, path):
    assert woorewards.build_ping_path(template, "default") == path


def test_credentials_survive_the_round_trip():
    assert woorewards.parse_basic_auth(woorewards.build_basic_auth("wrk_1", "wrs_:ü")) == ("wrk_1", "wrs_:ü")


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic !!!", "Basic é", "Bearer d3JrOng=", "Basic /w==", "Basic d3Jr", "Basic d3JrOng"],
)
def test_a_header_without_credentials(header):
    assert woorewards.parse_basic_auth(header) is None


def test_the_scheme_is_case_insensitive():
    encoded = base64.b64encode(b"wrk_1:wrs_1").decode()
    assert woorewards.parse_basic_auth(f"bASIC  {encoded} ") == ("wrk_1", "wrs_1")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status": "success"}', {"status": "success"}),
        (b" {} ", {}),
        (b"", None),
        (b"[]", None),
        (b"Notice: {}", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'{"points": ' + b"9" * 5_000 + b"}", None),
    ],
    ids=lambda part: ascii(part)[:30],
)
def test_an_answer_is_an_object_or_none(body, expected):
    assert parse_json_object(body) == expected
