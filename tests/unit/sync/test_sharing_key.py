"""Validation of a remote's fields: good values are accepted, bad ones are refused by field."""

from contextlib import suppress

import pytest

from pointsync.errors import InvalidInput
from pointsync.sync.protocol import woorewards
from pointsync.sync.remotes import sharing_key

AUTH = "wrk_0123456789abcdef"
PASS = "wrs_AbCdEf0123456789"
KEY = f"shop.example/fr|{AUTH}:{PASS}"


def read_input(**fields: str | None) -> sharing_key.RemoteInput:
    """Parse valid fields of a remote, changed by `fields`."""
    valid: dict[str, str | None] = {
        "sharing_key": None,
        "url": "https://shop.example",
        "auth": AUTH,
        "password": PASS,
        "target_reserve": "default",
        "observed_reserve": "default",
        "query_template": None,
    }
    return sharing_key.parse(**(valid | fields))


def refused_field(**fields: str | None) -> str:
    """The one field that is refused; the message must say what to do."""
    with pytest.raises(InvalidInput) as refusal:
        read_input(**fields)
    [field] = refusal.value.fields
    assert len(refusal.value.message) > 20
    return field


def test_a_sharing_key_fills_url_auth_and_pass():
    remote_input = read_input(sharing_key=KEY, url=None, auth=None, password=None)
    assert (remote_input.url, remote_input.auth, remote_input.password) == ("https://shop.example/fr", AUTH, PASS)


AROUND = ["{}\r\n", "  {}\t", '"{}"', "'{}'", "“{}”", "`{}`", "\ufeff{}", "{}\u200b", ' "{}" \n']


@pytest.mark.parametrize("around", AROUND, ids=ascii)
def test_what_was_copied_along_is_removed(around):
    remote_input = read_input(sharing_key=around.format(KEY), url=None, auth=None, password=None)
    assert (remote_input.url, remote_input.auth, remote_input.password) == ("https://shop.example/fr", AUTH, PASS)
    typed = read_input(
        url=around.format("https://shop.example"), auth=around.format(AUTH), password=around.format(PASS)
    )
    assert (typed.url, typed.auth, typed.password) == ("https://shop.example", AUTH, PASS)


def test_explicit_fields_take_precedence_over_the_key():
    remote_input = read_input(sharing_key=KEY, url="http://10.0.0.5:8080", auth="wrk_fedcba9876543210", password=None)
    assert (remote_input.url, remote_input.auth, remote_input.password) == (
        "http://10.0.0.5:8080",
        "wrk_fedcba9876543210",
        PASS,
    )


@pytest.mark.parametrize("length", range(1, len(KEY)))
def test_a_key_cut_at_any_length_is_refused(length):
    assert refused_field(sharing_key=KEY[:length], url=None, auth=None, password=None) == "sharing_key"


@pytest.mark.parametrize("spelling", [AUTH.upper(), f" {AUTH} ", f"\u200b{AUTH.title()}"])
def test_the_auth_may_be_spelled_differently(spelling):
    assert read_input(auth=spelling).auth == AUTH
    key = KEY.replace(AUTH, spelling)
    assert read_input(sharing_key=key, url=None, auth=None, password=None).auth == AUTH


@pytest.mark.parametrize("start", range(1, len(KEY) - len(AUTH) - len(PASS) - 1))
def test_a_key_without_its_beginning_has_another_url_or_is_refused(start):
    with suppress(InvalidInput):
        assert read_input(sharing_key=KEY[start:], url=None, auth=None, password=None).url != "https://shop.example/fr"


@pytest.mark.parametrize(
    "key",
    [
        f"{KEY}x",
        f"{KEY} x",
        KEY.replace("|", ":"),
        KEY.replace("wrk_", "wrk-"),
        KEY.replace("wrk_0", "wrk_g"),
        KEY.replace("wrs_A", "wrs_-"),
        KEY.replace(":wrs", "|wrs"),
        f"|{AUTH}:{PASS}",
        f"shop.example|{PASS}:{AUTH}",
    ],
)
def test_a_malformed_key_is_refused(key):
    assert refused_field(sharing_key=key, url=None, auth=None, password=None) == "sharing_key"


@pytest.mark.parametrize(
    ("key", "url"),
    [
        (f"  {KEY}\r\n", "https://shop.example/fr"),
        (f"http://shop.example|{AUTH}:{PASS}", "http://shop.example"),
        (f"https://shop.example|{AUTH}:{PASS}", "https://shop.example"),
        (f"127.0.0.1:8081|{AUTH}:{PASS}", "https://127.0.0.1:8081"),
        (f"shop.example/a|b|{AUTH}:{PASS}", "https://shop.example/a|b"),
    ],
)
def test_a_key_without_a_scheme_means_https(key, url):
    assert read_input(sharing_key=key, url=None, auth=None, password=None).url == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("shop.example", "https://shop.example"),
        (" https://shop.example/ ", "https://shop.example"),
        ("HTTPS://Shop.Example/Fr//", "https://shop.example/Fr"),
        ("http://shop.example", "http://shop.example"),
        ("localhost:8080", "https://localhost:8080"),
        ("shop.example:1", "https://shop.example:1"),
        ("shop.example:65535/a/b", "https://shop.example:65535/a/b"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("[2001:DB8::1]", "https://[2001:db8::1]"),
        ("https://müller.example", "https://müller.example"),
        ("shop_1.example", "https://shop_1.example"),
        ("shop.example/a@b", "https://shop.example/a@b"),
        ("https://shop.example/?", "https://shop.example"),
    ],
)
def test_a_url_is_normalised(text, url):
    assert sharing_key.parse_url(text) == url
    assert sharing_key.parse_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "https:///fr",
        "//shop.example",
        "/fr",
        "?",
        "https://?a=1",
        "https://:8080",
        "ftp://shop.example",
        "javascript://shop.example",
        "https://shop.example:0",
        "https://shop.example:65536",
        "https://shop.example:abc",
        "https://shop.example:-1",
        "https://shop.example:8 0",
        "http:shop.example",
        "https://user@shop.example",
        "https://user:pass@shop.example",
        "https://:pass@shop.example",
        "https://@shop.example",
        "mailto:anna@shop.example",
        "https://shop.example?a=1",
        "https://shop.example/#top",
        "https://shop example",
        "https://shop.example/a b",
        "https://shop.example/a\tb",
        "https://shop.example/a\nb",
        "https://shop.example/a\x00b",
        "https://shop\\.example",
        "https://shop%2eexample",
        "https://[::1",
        "https://::1",
        "https://[shop.example]",
        "https://[::1]x",
        "https://[]",
        "https://" + "a" * 254,
        "https://shop.example/" + "a" * 480,
    ],
)
def test_an_invalid_url_is_refused(text):
    with pytest.raises(InvalidInput) as refusal:
        sharing_key.parse_url(text)
    assert list(refusal.value.fields) == ["url"]


@pytest.mark.parametrize("text", ["http://h:70000", "h:0", "h:-1", "h:abc"])
def test_an_invalid_port_has_one_sentence_with_the_range(text):
    with pytest.raises(InvalidInput) as refusal:
        sharing_key.parse_url(text)
    assert refusal.value.message == "The URL has an invalid port; use one from 1 to 65535."


def test_a_password_in_a_url_is_not_shown():
    with pytest.raises(InvalidInput) as refusal:
        sharing_key.parse_url("https://user:s3cret@shop.example")
    assert "s3cret" not in refusal.value.message


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("url", [None, "", "  "]),
        ("auth", [None, "", "wrk_", AUTH[:-1], AUTH + "0", PASS]),
        ("password", [None, "", PASS[:-1], PASS + "0", PASS.replace("A", "é"), AUTH]),
        ("target_reserve", ["", " default", "a/b", "é", "a" * 65]),
        (
            "query_template",
            ["/no/placeholders", "[reserve]/[user_email]/[points]", "[reserve][reserve][user_email][points][action]"],
        ),
    ],
)
def test_an_invalid_value_is_refused_by_its_field(field, values):
    form_field = {"password": "pass", "target_reserve": "target"}.get(field, field)
    assert [refused_field(**{field: value}) for value in values] == [form_field] * len(values)


def test_the_default_template_is_the_add_ons():
    assert read_input().query_template == read_input(query_template="  ").query_template == woorewards.DEFAULT_TEMPLATE
    assert read_input(query_template="x/[reserve]/[user_email]/[points]/[action]").query_template.startswith(
        "/x/[reserve]"
    )


@pytest.mark.parametrize("more", ["?a=1", "#top", " ", "\\", "é", "a" * 500])
def test_a_template_must_be_a_plain_path(more):
    assert refused_field(query_template=f"/[reserve]/[user_email]/[points]/[action]/{more}x") == "query_template"
