"""The same address and the same number give the same customer and points, or are refused, whichever way they come.

The table is in `tests/data/six_entry_points.txt`. In its first part the number is 10, in its second part the address is
Alice's. After a change that is meant, write it again with `POINTSYNC_TEST_WRITE=1`.
"""

import os
from pathlib import Path

import pytest

from tests.peer.entry_points import NAMES, EntryPoints
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.paths import CHECKOUT

TABLE = CHECKOUT / "tests/data/six_entry_points.txt"
ADDRESSES = [
    "alice@example.test",
    "Alice@Example.TEST",
    " alice@example.test ",
    "ken..taro@docomo.example",
    "hanako.@docomo.example",
    ".yuki@docomo.example",
    "o'neil+news/50%@example.test",
    "anna@r3--cdn.shop.example",
    "JÜRGEN@Müller.example",
    "ju\u0308rgen@xn--mller-kva.example",
    "STRASSE@x.example",
    "straße@x.example",
    "İnci@x.example",
    "i\u0307nci@x.example",
    "ınci@x.example",
    "ΣΑΣ@x.example",
    "anna@faß.example",
    "anna@fass.example",
    "till@localhost",
    "alice",
    "alice@example..test",
    "al ice@example.test",
    '"alice"@example.test',
    "alice@[127.0.0.1]",
    "a" * 250 + "@x.example",
]
NUMBERS = [
    *("50", "50.0", "5e1", "5E+01", "500e-1", '"50"', '"50.00"', '"+50"', '"050"', '"1000.000"', "-50", "-50.0"),
    *(
        "1999999970",
        "2000000001",
        "50.5",
        '"50.5"',
        '"1.000"',
        '"1,000"',
        "1e999999",
        "1e-999999",
        "9007199254740993.0",
    ),
    *('"fifty"', '""', '" "', "0", "-0.0"),
]


@pytest.fixture
def entry_points(site: PeerSite, tmp_path: Path) -> EntryPoints:
    return EntryPoints(site, tmp_path)


def test_the_same_input_by_all_ways(entry_points: EntryPoints) -> None:
    found = {("address", each): _send(entry_points, each, "10") for each in ADDRESSES}
    for number in NUMBERS:
        found["number", number] = _send(entry_points, ALICE, number)
        for name in NAMES:  # so that the next number is not out of bounds
            _take_back(entry_points, name, found["number", number][name])
    for (what, text), results in found.items():
        # The dialect of WooRewards has only digits in its path: another spelling is no route there.
        names = NAMES if what == "address" or text.strip('"').lstrip("-").isdecimal() else NAMES[:-1]
        assert len({results[name] for name in names}) == 1, (text, results)
    table = "\n".join([" | ".join(["what", "input", *NAMES]), *(_row(*key, results) for key, results in found.items())])
    if os.environ.get("POINTSYNC_TEST_WRITE"):
        TABLE.write_text(f"{table}\n")
    assert table == TABLE.read_text().rstrip("\n")


def _send(entry_points: EntryPoints, address: str, points: str) -> dict[str, tuple[str, int] | None]:
    return {name: entry_points.send(name, address, points) for name in NAMES}


def _take_back(entry_points: EntryPoints, name: str, result: tuple[str, int] | None) -> None:
    if result:
        assert entry_points.send(name, result[0], str(-result[1])) == (result[0], -result[1])


def _row(what: str, text: str, results: dict[str, tuple[str, int] | None]) -> str:
    shown = ascii(text)[1:-1] if len(text) < 60 else f"{text[:20]}… ({len(text)} characters)"
    return " | ".join([what, shown, *(f"{each[0]} {each[1]}" if each else "-" for each in results.values())])
