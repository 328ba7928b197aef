"""Addresses that are alike: they differ only in what many people or mail servers do not tell apart. Pure.

Dots before the `@`, what follows a plus sign there, and domains that are one mail service. Letter case makes no
difference in any address, see `email_address`.
"""

from hashlib import blake2b

NO_KEY = 0
"""For rows that are like no other one."""
_SAME_SERVICE = {
    "googlemail.com": "gmail.com",
    "mac.com": "icloud.com",
    "me.com": "icloud.com",
    "pm.me": "proton.me",
    "protonmail.ch": "proton.me",
    "protonmail.com": "proton.me",
    "ya.ru": "yandex.com",
    "yandex.by": "yandex.com",
    "yandex.kz": "yandex.com",
    "yandex.ru": "yandex.com",
}
"""Domains with the same mailboxes, as their services describe them."""


def simplify(address: str) -> str:
    """What addresses that are alike have in common. `address` is a key, see `email_address.Address`."""
    local, _, domain = address.rpartition("@")
    name = local.partition("+")[0] or local
    return f"{name.replace('.', '') or name}@{_SAME_SERVICE.get(domain, domain)}"


def compute(address: str) -> int:
    """A number from 1 to 2⁶³ - 1 for it, which makes a small index. Two addresses with one number are nearly surely
    alike."""
    number = int.from_bytes(blake2b(simplify(address).encode("utf-8", "surrogatepass"), digest_size=8).digest())
    return number >> 1 or 1
