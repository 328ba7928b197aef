"""A site's URL: each problem has its own message, which never contains the URL."""

import pytest

from pointsync import urls

PORT = "has an invalid port; use one from 1 to 65535"
HOST = "has an invalid host; use one such as shop.example or [::1]"
MISSING = "has no host; use one such as shop.example"
SCHEME = "must begin with https:// (or http:// inside your own network)"
NAME = "must not have a user name or password before the host"
PATH = "must end with its path, without ? and #"
SPACE = "must have no spaces and no control characters"


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "HTTPS://Shop.Example/points/",
        "http://localhost:1",
        "http://[::1]:65535/x",
        "https://müller.example/a@b",
        "https://shop_1.example/a|b",
        "https://" + "a" * 253,
        "https://shop.example/" + "a" * 479,
    ],
)
def test_a_valid_url(url):
    assert urls.find_problem(url) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", SCHEME),
        ("shop.example", SCHEME),
        ("ftp://shop.example", SCHEME),
        ("https:/shop.example", SCHEME),
        ("https://", MISSING),
        ("https:///fr", MISSING),
        ("https://:8080", MISSING),
        ("http://h:70000", PORT),
        ("http://h:65536/fr", PORT),
        ("http://h:0", PORT),
        ("http://h:-1", PORT),
        ("http://h:abc", PORT),
        ("http://a:b:c", PORT),
        ("https://[::1", HOST),
        ("https://[shop.example]", HOST),
        ("https://[::1]x", HOST),
        ("https://shop\\.example", HOST),
        ("https://shop%2eexample", HOST),
        ("https://ex\u2100mple.example", HOST),
        ("https://" + "a" * 254, HOST),
        ("https://user@shop.example", NAME),
        ("https://user:pass@shop.example:70000", NAME),
        ("https://@shop.example?a", NAME),
        ("https://shop.example?a=1", PATH),
        ("https://shop.example/a#b@c", PATH),
        ("https://shop.example/a b", SPACE),
        ("https://shop.example/a\x7fb", SPACE),
        ("https://shop.example\n", SPACE),
        ("https://shop.example/\u202e", SPACE),
        ("https://shop.example/" + "a" * 480, "must have at most 500 characters; this has 501"),
    ],
)
def test_the_problem_is_named(url, fault):
    assert urls.find_problem(url) == fault
