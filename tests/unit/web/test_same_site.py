"""Which ancestors of a frame are cross-site: only for these the cookie is not SameSite=Lax."""

import pytest

from pointsync.admin.shell.session_cookies import allows_another_site


@pytest.mark.parametrize(
    "ancestors",
    [
        "'none'",
        "'self'",
        "https://points.shop.example",
        "https://points.shop.example:8443",
        "'self' https://shop.example",
        "https://shop.example https://back.points.shop.example/",
        "POINTS.shop.example:*",
        "*.shop.example",
        "https://*.points.shop.example",
    ],
)
@pytest.mark.parametrize("host", ["points.shop.example", "points.shop.example:8443"])
def test_within_one_site(ancestors, host):
    assert not allows_another_site(ancestors, host)


@pytest.mark.parametrize(
    "ancestors",
    [
        "*",
        "https://*",
        "https://other.example",
        "https://evilshop.example",
        "https://back.shop.example",
        "'self' https://shop.example https://other.example",
        "http://points.shop.example",
        "*.example",
        "https://example",
        "[::1]:8443",
    ],
)
def test_another_site(ancestors):
    assert allows_another_site(ancestors, "points.shop.example")


@pytest.mark.parametrize("host", ["[::1]", "127.0.0.1", "localhost"])
def test_a_host_is_of_its_own_site(host):
    assert not allows_another_site(f"https://{host}:8443", f"{host}:9443")
    assert allows_another_site("https://shop.example", host)
