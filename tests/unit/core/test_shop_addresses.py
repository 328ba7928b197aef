"""The address of a shop is the same text, however it is written."""

import pytest

from pointsync.urls import normalise_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://shop.example/", "shop.example"),
        ("http://Shop.Example", "shop.example"),
        ("http://shop.example:80/", "shop.example"),
        ("https://shop.example:443", "shop.example"),
        ("https://shop.example:8443/fr/", "shop.example:8443/fr"),
        ("https://shop.example/Fr", "shop.example/Fr"),
        ("https://www.shop.example", "www.shop.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://BÜCHER.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("shop.example/fr", "shop.example/fr"),
        (" https://shop.example./ ", "shop.example"),
        ("http://127.0.0.1:8801/", "127.0.0.1:8801"),
        ("http://[::1]:8801/", "[::1]:8801"),
        ("https://my_shop.example", "my_shop.example"),
        ("https://shop.example/?a=1#b", "shop.example"),
        ("", ""),
        ("https://", ""),
        ("http://shop.example:99999/", "shop.example:99999"),
    ],
)
def test_an_address(url, address):
    assert normalise_address(url) == address
    assert normalise_address(address) == address
    assert len(normalise_address(url + "x" * 600)) <= 500
