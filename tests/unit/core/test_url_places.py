"""URLs are compared as places, not as texts; and a redirect says where the site is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsync import urls

SAME = [
    ("https://shop.example", "https://shop.example/"),
    ("https://shop.example", "HTTPS://Shop.EXAMPLE"),
    ("https://shop.example", "https://shop.example:443"),
    ("https://shop.example", "https://shop.example."),
    ("http://shop.example", "http://shop.example:80/"),
    ("https://müller.example", "https://xn--mller-kva.example"),
    ("https://MÜLLER.example", "https://mu\u0308ller.example"),
    ("https://shop_1.example", "https://SHOP_1.example"),
    ("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080"),
    ("http://[2001:db8::a]", "http://[2001:DB8:0::A]"),
    ("https://shop.example/points", "https://shop.example/points/"),
    ("https://shop.example/points", "https://shop.example/%70oints"),
    ("https://shop.example/points", "https://shop.example/a/../points"),
    ("https://shop.example/points", "https://shop.example/./points/."),
    ("https://shop.example/points", "https://shop.example/a/%2e%2E/points"),
    ("https://shop.example/caf%C3%A9", "https://shop.example/café"),
    ("https://shop.example/caf%C3%A9", "https://shop.example/caf%c3%a9"),
    ("https://shop.example/a%2Fb", "https://shop.example/a%2fb"),
    ("https://shop.example/hook?key=%7e", "https://Shop.example/hook/?key=~"),
]
DIFFERENT = [
    ("https://shop.example", "http://shop.example"),
    ("https://shop.example", "https://www.shop.example"),
    ("https://shop.example", "https://shop.example:8443"),
    ("https://shop.example", "https://shop.example:80"),
    ("https://shop.example", "https://shop.example/points"),
    ("https://shop.example/points", "https://shop.example/Points"),
    ("https://shop.example/a/b", "https://shop.example/a%2Fb"),
    ("https://shop.example/a", "https://shop.example//a"),
    ("https://shop.example/a+b", "https://shop.example/a%20b"),
    ("https://faß.example", "https://fass.example"),
    ("http://127.0.0.1:8081", "http://localhost:8081"),
    ("https://shop.example/hook?a=1", "https://shop.example/hook?a=2"),
    ("https://shop.example/hook?a=1", "https://shop.example/hook"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_place(one, other):
    assert urls.is_same_place(one, other)
    assert urls.is_same_place(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_place(one, other):
    assert not urls.is_same_place(one, other)
    assert not urls.is_same_place(other, one)


@pytest.mark.parametrize("url", ["", "shop.example", "https://", "https://user@shop.example", "http://h:99999/"])
def test_what_is_no_url_is_only_like_itself(url):
    assert urls.normalise(url) == url
    assert not urls.is_same_place(url, "https://shop.example")


SEGMENTS = st.text("abzAZ09-._~!$&'()*+,;=:@%é/ü", max_size=8)
HOSTS = st.sampled_from(["shop.example", "xn--mller-kva.example", "127.0.0.1", "[::1]", "shop_1.example"])
PORTS = st.sampled_from(["", ":80", ":443", ":8080"])
URLS = st.builds(
    lambda scheme, host, port, segments: f"{scheme}://{host}{port}{''.join(f'/{each}' for each in segments)}",
    st.sampled_from(["http", "https"]),
    HOSTS,
    PORTS,
    st.lists(SEGMENTS, max_size=4),
)


@given(URLS)
def test_the_normal_form_is_a_valid_url_of_the_same_place(url):
    normal = urls.normalise(url)
    assert urls.find_problem(normal) is None
    assert urls.normalise(normal) == normal
    assert urls.is_same_place(url, normal)


@given(URLS, st.data())
def test_spelling_does_not_make_another_place(url, data):
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if scheme == "https" and not host.endswith((":80", ":443", ":8080")):
        host += data.draw(st.sampled_from(["", ":443"]))
    path = "".join(
        f"%{ord(each):02x}" if each.isascii() and each.isalnum() and path[index - 1 : index] != "%"
        and path[index - 2 : index - 1] != "%" and data.draw(st.booleans()) else each
        for index, each in enumerate(path)
    )  # fmt: skip
    spelled = f"{scheme.upper()}://{host.upper()}{slash}{path}{data.draw(st.sampled_from(['', '/']))}"
    assert urls.is_same_place(url, spelled)


@pytest.mark.parametrize(
    ("url", "path", "location", "moved"),
    [
        ("https://shop.example", "/pointsync/v1/ping", "https://www.shop.example/pointsync/v1/ping", "https://www.shop.example"),
        ("http://shop.example", "/pointsync/v1/ping", "https://shop.example/pointsync/v1/ping", "https://shop.example"),
        ("http://shop.example:8080", "/pointsync/v1/ping", "https://shop.example/pointsync/v1/ping/", "https://shop.example"),
        ("https://shop.example", "/pointsync/v1/ping", "/points/pointsync/v1/ping", "https://shop.example/points"),
        ("https://shop.example", "/pointsync/v1/ping", "//www.shop.example/pointsync/v1/ping?x=1#y", "https://www.shop.example"),
        ("https://shop.example", "/pointsync/v1/ping", "https://joe:secret@b.example/pointsync/v1/ping", "https://b.example"),
        ("https://shop.example/a", "/wp-json/x/a%40b.c/5/add", "https://b.example/wp-json/x/a@b.c/5/add/", "https://b.example"),
        ("https://shop.example", "/pointsync/v1/ping", "https://shop.example/pointsync/v1/ping/", None),
        ("https://shop.example", "/pointsync/v1/ping", "https://shop.example:443/pointsync/v1/ping", None),
        ("https://shop.example", "/pointsync/v1/ping", "https://shop.example/login", None),
        ("https://shop.example", "/pointsync/v1/ping", "/", None),
        ("https://shop.example", "/pointsync/v1/ping", "", None),
        ("https://shop.example", "/pointsync/v1/ping", "https://[::1/pointsync/v1/ping", None),
        ("https://shop.example", "/pointsync/v1/ping", "javascript:alert(1)/pointsync/v1/ping", None),
        ("https://shop.example", "/pointsync/v1/ping", "https://a b.example/pointsync/v1/ping", None),
        ("https://shop.example", "/pointsync/v1/ping", "https://shop.example/v1/ping", None),
    ],
)  # fmt: skip
def test_where_a_redirect_says_that_the_site_is(url, path, location, moved):
    assert urls.find_moved_url(url, path, location) == moved


@given(URLS, st.text(max_size=60))
def test_any_location_gives_a_url_to_enter_or_nothing(url, location):
    moved = urls.find_moved_url(url, "/pointsync/v1/ping", location)
    assert moved is None or urls.find_problem(moved) is None
