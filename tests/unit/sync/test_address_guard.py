"""Every kind of address, in every disguise: never, only where private ones are allowed, or always."""

import pytest

from pointsync.net.address_guard import explain_refusal

NEVER = {
    "169.254.169.254": "metadata",
    "100.100.100.200": "metadata",
    "192.0.0.192": "metadata",
    "168.63.129.16": "metadata",
    "fd00:ec2::254": "metadata",
    "fd20:ce::254": "metadata",
    "169.254.0.1": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "febf:ffff::1": "link-local",
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "::": "unspecified",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "ff02::1": "multicast",
    "255.255.255.255": "broadcast",
    "240.0.0.1": "reserved",
    "100::1": "reserved",
    "5f00::1": "reserved",
    "::ffff:169.254.169.254": "metadata",
    "::ffff:a9fe:a9fe": "metadata",
    "::ffff:0:169.254.169.254": "metadata",
    "::169.254.169.254": "metadata",
    "64:ff9b::169.254.169.254": "metadata",
    "64:ff9b:1::169.254.169.254": "metadata",
    "64:ff9b:1:a9fe:a9:fe00::": "metadata",
    "2002:a9fe:a9fe::1": "metadata",
    "2001:0:a9fe:a9fe::1": "metadata",
    "2001:0:808:808::5601:5601": "metadata",
    "::ffff:0.0.0.0": "unspecified",
    "64:ff9b:1::": "unspecified",
    "::ffff:255.255.255.255": "broadcast",
}
PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "127.0.0.1",
    "127.255.255.254",
    "100.64.0.1",
    "100.127.255.254",
    "198.18.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "::1",
    "::1%lo",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "2001:db8::1",
    "3fff::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:100.64.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:808:8:800::",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:a00:1::f7f7:f7f7",
    "2001:0:808:808::f5ff:fffe",
]
PUBLIC = [
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "169.253.255.255",
    "223.255.255.255",
    "2606:4700::1111",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7",
]


@pytest.mark.parametrize(("address", "kind"), NEVER.items())
@pytest.mark.parametrize("allow_private", [True, False])
def test_some_addresses_are_refused_whatever_is_allowed(address: str, kind: str, allow_private: bool) -> None:
    sentence = explain_refusal(address, allow_private)
    assert sentence is not None
    assert address in sentence
    assert kind in sentence


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_leave(address: str) -> None:
    assert explain_refusal(address, True) is None
    sentence = explain_refusal(address, False)
    assert sentence is not None
    assert "POINTSYNC_PRIVATE_REMOTES" in sentence


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_free(address: str) -> None:
    assert explain_refusal(address, False) is None
    assert explain_refusal(address, True) is None


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "0x7f.1", "2130706433", "::1]", "127.1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert "not an IP address" in (explain_refusal(text, True) or "")
