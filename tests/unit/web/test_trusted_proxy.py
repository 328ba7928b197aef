"""The proxy middleware: headers of a proxy count only if it is trusted and they are valid."""

from ipaddress import ip_network
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync.web.trusted_proxy import IDENTITY_KEY, TrustedProxyMiddleware, is_prefix

PROXY = "10.0.0.1"
TRUSTED = (ip_network("10.0.0.0/30"), ip_network("::1"), "unix")
KNOWN_PATHS = ("/", "/customers", "/system/general", "/pointsync/v1/ping", "/healthz")

FORGED = {
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "evil.example",
    "HTTP_X_FORWARDED_PORT": "444",
    "HTTP_X_FORWARDED_PREFIX": "/evil",
    "HTTP_X_FORWARDED_USER": "ada",
    "HTTP_X_FORWARDED_ANYTHING": "x",
    "HTTP_FORWARDED": "for=203.0.113.9;host=evil.example",
    "HTTP_X_REAL_IP": "203.0.113.9",
    "HTTP_X_SCRIPT_NAME": "/evil",
    "HTTP_SCRIPT_NAME": "/evil",
    "HTTP_REMOTE_USER": "ada",
}


def seen_by_app(peer: str | None = PROXY, header: str | None = "Remote-User", **sent: str) -> dict[str, Any]:
    """The request from `peer` as the application sees it."""
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start: Any) -> list[bytes]:
        found.update(environ)
        return []

    environ = {"PATH_INFO": "/customers", "SCRIPT_NAME": "", "HTTP_HOST": "shop.example", "wsgi.url_scheme": "http"}
    if peer is not None:
        environ["REMOTE_ADDR"] = peer
    TrustedProxyMiddleware(app, TRUSTED, header, KNOWN_PATHS.__contains__)(environ | sent, None)
    found.pop("werkzeug.proxy_fix.orig")
    return found


@pytest.mark.parametrize(
    "peer", ["203.0.113.1", "10.0.0.4", "127.0.0.1", "::2", "fe80::1%eth0", "unix", "10.0.0.1 ", "proxy", None]
)
def test_headers_of_an_untrusted_peer_are_removed(peer):
    assert seen_by_app(peer, **FORGED) == seen_by_app(peer)


@pytest.mark.parametrize("peer", ["10.0.0.0", "10.0.0.3", "::ffff:10.0.0.1", "::1", "", "localhost", "<local>"])
def test_headers_of_a_trusted_peer_are_used(peer):
    found = seen_by_app(peer, **FORGED, PATH_INFO="/evil/customers")
    assert found["REMOTE_ADDR"] == "203.0.113.9"
    assert found["wsgi.url_scheme"] == "https"
    assert found["HTTP_HOST"] == "evil.example"
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/evil", "/customers")
    assert found[IDENTITY_KEY] == "ada"
    removed = {"HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_SCRIPT_NAME", "HTTP_SCRIPT_NAME", "HTTP_REMOTE_USER"}
    assert not removed & set(found), "unused headers are removed as well"


def test_a_unix_socket_is_trusted_only_if_it_is_listed():
    def app(environ: dict[str, Any], _start: Any) -> list[bytes]:
        assert IDENTITY_KEY not in environ
        return [b"ran"]

    for peer in ("", "localhost", "<local>"):
        gate = TrustedProxyMiddleware(app, (ip_network("127.0.0.0/8"),), "Remote-User", KNOWN_PATHS.__contains__)
        environ = {"REMOTE_ADDR": peer, "PATH_INFO": "/", "SCRIPT_NAME": "", "wsgi.url_scheme": "http"}
        assert gate(environ | FORGED, None) == [b"ran"]


@pytest.mark.parametrize(
    ("header_value", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.7,203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("rubbish, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.9, rubbish", PROXY),
        ("203.0.113.9, ", PROXY),
        ("unknown", PROXY),
        ('"203.0.113.9"', PROXY),
        ("", PROXY),
        ("203.0.113.9, " + "10.0.0.2, " * 100 + "10.0.0.2", "10.0.0.2"),
    ],
)
def test_the_client_is_the_address_before_the_trusted_proxies(header_value, client):
    assert seen_by_app(HTTP_X_FORWARDED_FOR=header_value)["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    ("header_value", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("javascript", "http"), ("wss", "http")],
)
def test_a_scheme_is_one_of_two(header_value, scheme):
    assert seen_by_app(HTTP_X_FORWARDED_PROTO=header_value)["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize("host", ["points.example", "points.example:8443", "my_shop", "[2001:db8::9]:8443", "[::1]"])
def test_a_valid_host_is_accepted(host):
    assert seen_by_app(HTTP_X_FORWARDED_HOST=host)["HTTP_HOST"] == host
    assert seen_by_app(HTTP_X_FORWARDED_HOST=f"first.example, {host}")["HTTP_HOST"] == host


@pytest.mark.parametrize("host", ["", "//evil", "evil/", "a b", "user@evil", "evil:port", '"evil"', "é", "a,"])
def test_an_invalid_host_is_rejected(host):
    assert seen_by_app(HTTP_X_FORWARDED_HOST=host)["HTTP_HOST"] == "shop.example"


HOSTILE_PREFIXES = [
    "/",
    "//evil.example",
    "//evil",
    "/\\evil",
    "\\evil",
    "https://evil.example",
    "https:evil",
    "evil",
    "/a/",
    "/a//b",
    "/%2f%2fevil",
    "/..",
    "/a/../..",
    "/a/.",
    "/a\n",
    "/a, /b",
    '"//evil"',
    "/a?b",
    "/a#b",
    "/a b",
    "/a;b",
    "/é",
    "/<script>",
]


@pytest.mark.parametrize("prefix", HOSTILE_PREFIXES)
def test_a_malicious_prefix_is_rejected(prefix):
    assert not is_prefix(prefix)
    found = seen_by_app(HTTP_X_FORWARDED_PREFIX=prefix)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("", "/customers")
    assert "HTTP_X_FORWARDED_PREFIX" not in found


@pytest.mark.parametrize("prefix", ["/a", "/back-office/points", "/~ada/.points/v1.0_x", "/...", "/.a"])
def test_a_valid_prefix_is_accepted(prefix):
    assert seen_by_app(HTTP_X_FORWARDED_PREFIX=prefix)["SCRIPT_NAME"] == prefix


@given(st.text(st.sampled_from("/.\\a%2fF:@?#~-_;, \t\n\x00é"), max_size=12))
def test_links_stay_below_any_accepted_prefix(prefix):
    found = seen_by_app(HTTP_X_FORWARDED_PREFIX=prefix)["SCRIPT_NAME"]
    assert found in ("", prefix)
    url = urlsplit(urljoin("https://shop.example/x", f"{found}/sign-in"))
    assert (url.scheme, url.netloc, url.path) == ("https", "shop.example", f"{found}/sign-in")


@given(st.dictionaries(st.from_regex(r"HTTP_X_FORWARDED_[A-Z_]{1,8}", fullmatch=True), st.text(max_size=20)))
def test_all_forwarded_headers_of_a_stranger_are_removed(header_value):
    assert seen_by_app("203.0.113.1", header="X-Forwarded-User", **header_value) == seen_by_app("203.0.113.1")


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/back/points", "/customers", "/customers"),
        ("/back/points", "/back/points/customers", "/customers"),
        ("/back/points", "/back/points/", "/"),
        ("/back/points", "/back/points", "/"),
        ("/back/points", "/back/pointsync", "/back/pointsync"),
        ("/back/points", "/back", "/back"),
        ("/back/points", "/back/points//evil", "//evil"),
        ("/pointsync", "/pointsync/v1/ping", "/pointsync/v1/ping"),
        ("/pointsync", "/pointsync/pointsync/v1/ping", "/pointsync/v1/ping"),
        ("/pointsync", "/pointsync/customers", "/customers"),
        ("/system", "/system/general", "/system/general"),
        ("/system", "/system/system/general", "/system/general"),
        ("/a", "/a/a", "/a"),
    ],
)
def test_a_prefix_left_in_the_path_is_taken_off(prefix, path, expected):
    found = seen_by_app(HTTP_X_FORWARDED_PREFIX=prefix, PATH_INFO=path)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (prefix, expected)


@pytest.mark.parametrize(
    ("peer", "mount", "sent", "expected"),
    [
        ("203.0.113.1", "/points", {}, ("/points", "/customers")),
        ("203.0.113.1", "/points", {"HTTP_SCRIPT_NAME": "/points"}, ("", "/points/customers")),
        (PROXY, "/points", {"HTTP_SCRIPT_NAME": "/points"}, ("/points", "/customers")),
        (PROXY, "", {"HTTP_SCRIPT_NAME": "/points"}, ("", "/customers")),
        (PROXY, "//evil.example", {"HTTP_SCRIPT_NAME": "//evil.example"}, ("", "//evil.example/customers")),
        ("203.0.113.1", "//evil.example", {}, ("", "//evil.example/customers")),
        (PROXY, "/points", {"HTTP_X_FORWARDED_PREFIX": "/back/points"}, ("/back/points", "/customers")),
    ],
)
def test_the_servers_mount_point_counts_unless_a_stranger_sent_it(peer, mount, sent, expected):
    found = seen_by_app(peer, SCRIPT_NAME=mount, **sent)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == expected


@pytest.mark.parametrize(
    ("header_value", "name"),
    [
        ("ada", "ada"),
        (" ada ", "ada"),
        ("Zo\xc3\xab", "Zoë"),
        ("Zo\xeb", "Zo\ufffd"),
        ("ada,mallory", "ada,mallory"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_name_is_stored_as_it_was_given(header_value, name):
    assert seen_by_app(HTTP_REMOTE_USER=header_value).get(IDENTITY_KEY) == name


def test_only_the_configured_header_names_the_admin():
    others = {"HTTP_X_FORWARDED_USER": "ada", "HTTP_X_AUTH_REQUEST_USER": "ada", "HTTP_AUTHORIZATION": "Basic YTpi"}
    assert IDENTITY_KEY not in seen_by_app(**others)
    assert IDENTITY_KEY not in seen_by_app(header=None, HTTP_REMOTE_USER="ada", **others)
    assert seen_by_app(header="X-Forwarded-User", **others)[IDENTITY_KEY] == "ada"
    assert seen_by_app(header="x-auth-request-user", **others)[IDENTITY_KEY] == "ada"
