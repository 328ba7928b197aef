"""Which addresses this site may connect to. Checks addresses, not names, since a name can point anywhere.

The ranges are those of IANA's special-purpose registries (RFC 6890). The module `ipaddress` alone would allow the
metadata services of some clouds, and IPv4 addresses inside IPv6 ones.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Where AWS, Google, Scaleway, Alibaba, Oracle and Azure give machines their secrets, besides link-local addresses.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
        ),
    )
)
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_BROADCAST = IPv4Address("255.255.255.255")
# Not public, although `is_global` says so: old 6to4 relays, site-local addresses, addresses for examples.
_NOT_PUBLIC_4 = (IPv4Network("192.88.99.0/24"),)
_NOT_PUBLIC_6 = (IPv6Network("fec0::/10"), IPv6Network("3fff::/20"))

_LAST_32_BITS = (
    IPv6Network("::ffff:0:0/96"),  # mapped, RFC 4291
    IPv6Network("::ffff:0:0:0/96"),  # translated, RFC 2765
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
)
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291; its first two are the unspecified address and loopback
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")


def explain_refusal(
    address: str, allow_private: bool, *, target_noun: str = "shop", setting_name: str = "the remote's URL"
) -> str | None:
    """Why this site must not connect to `address`, as a sentence for an admin; None if it may.

    `address` is numeric, as `getaddrinfo` returns it; a zone (`%eth0`) is ignored. An IPv6 address that contains IPv4
    addresses is judged by those, because the packets go there. `target_noun` and `setting_name` are used in the
    sentence.
    """
    try:
        outer = ip_address(address.partition("%")[0])
    except ValueError:
        return f"“{address}” is not an IP address; give the remote the URL of its public address."
    checked: list[IPv4Address | IPv6Address] = []
    if isinstance(outer, IPv6Address):
        checked.extend(_embedded_ipv4_addresses(outer))
    checked = checked or [outer]
    for inner in checked:
        forbidden_kind = _forbidden_kind(inner)
        if forbidden_kind:
            return f"{address} is {forbidden_kind} address, where no {target_noun} can be; correct {setting_name}."
    if not allow_private and (outer in _LOCAL_NAT64 or any(map(_is_private, checked))):
        return (
            f"{address} is a private address, and this site may only call public ones; correct {setting_name}, "
            "or set POINTSYNC_PRIVATE_REMOTES=on if the shop is in this site's own network."
        )
    return None


def _forbidden_kind(address: IPv4Address | IPv6Address) -> str | None:
    """The kind of `address`, with its article, if it is forbidden even if private addresses are allowed."""
    if address in _METADATA:
        return "a cloud's metadata"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "an unspecified"
    if address.is_link_local:
        return "a link-local"
    if address.is_multicast:
        return "a multicast"
    if address == _BROADCAST:
        return "the broadcast"
    # The loopback address `::1` is in a reserved block.
    if address.is_reserved and not address.is_loopback:
        return "a reserved"
    return None


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    """Whether `address` is not on the public internet: loopback, private networks, CGNAT, examples."""
    return not address.is_global or any(address in network for network in (*_NOT_PUBLIC_4, *_NOT_PUBLIC_6))


def _embedded_ipv4_addresses(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that `address` contains; none for an ordinary address."""
    bits = int(address)
    last_32_bits = IPv4Address(bits & 0xFFFFFFFF)
    if any(address in network for network in _LAST_32_BITS) or (address in _COMPATIBLE and bits > 1):
        yield last_32_bits
    elif address in _LOCAL_NAT64:
        # The owner uses the layout for /48 or for /96 (RFC 6052, 2.2); the bits of the other one are zero.
        split_address = IPv4Address((bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF)
        yield from [inner for inner in (last_32_bits, split_address) if int(inner)] or [last_32_bits]
    elif address in _6TO4:
        yield IPv4Address(bits >> 80 & 0xFFFFFFFF)
    elif address in _TEREDO:
        # RFC 4380: the server as it is, the client with its bits inverted.
        yield IPv4Address(bits >> 64 & 0xFFFFFFFF)
        yield IPv4Address(int(last_32_bits) ^ 0xFFFFFFFF)
