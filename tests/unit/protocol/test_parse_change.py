"""Changes of people on the wire: what is refused, with which code, and the digest of one that is right."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pointsync import digests
from pointsync.ledger.people.change import ChangeKey
from pointsync.ledger.people.changes.receive import ChangeResult, ReceivedChange
from pointsync.sync.protocol.changes import to_wire
from pointsync.sync.protocol.parse_change import parse_change

ADA, BEA = "ada@a.example", "bea@b.example"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTH = "wrk_0123456789abcdef"


def make_change(**fields: Any) -> dict[str, Any]:
    change = {"id": "1", "change": "rename", "customer": ADA, "into": BEA, "at": "2026-03-01T11:59:00Z"}
    return {name: value for name, value in (change | fields).items() if value is not None}


def parse(change: Any) -> ReceivedChange | ChangeResult:
    return parse_change(change, AUTH, NOW)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (1, "malformed"),
        (None, "malformed"),
        ({}, "malformed"),
        (make_change(id=7), "malformed"),
        (make_change(id="0"), "malformed"),
        (make_change(id="07"), "malformed"),
        (make_change(id=str(2**63)), "malformed"),
        (make_change(change="swap"), "unknown_change"),
        (make_change(change=1), "malformed"),
        (make_change(customer="Ada@a.example"), "malformed"),
        (make_change(customer=" ada@a.example"), "malformed"),
        (make_change(customer="ada"), "malformed"),
        (make_change(customer="a\0@a.example"), "malformed"),
        (make_change(customer="a\ud800@a.example"), "malformed"),
        (make_change(customer=None), "malformed"),
        (make_change(into=None), "malformed"),
        (make_change(into=ADA), "malformed"),
        (make_change(into="B" + BEA), "malformed"),
        (make_change(change="unmerge", undoes={"origin": AUTH, "id": "1"}), "malformed"),
        (make_change(change="unmerge", into=None), "malformed"),
        (make_change(change="unmerge", into=None, undoes={"origin": "x", "id": "1"}), "malformed"),
        (make_change(change="unmerge", into=None, undoes={"origin": AUTH, "id": "x"}), "malformed"),
        (make_change(change="unmerge", into=None, undoes=[AUTH, "1"]), "malformed"),
        (make_change(undoes={"origin": AUTH, "id": "1"}), "malformed"),
        (make_change(change="erase"), "malformed"),
        (make_change(at="yesterday"), "malformed"),
        (make_change(at=1), "malformed"),
        (make_change(at="0001-01-01T00:00:00+14:00"), "malformed"),
        (make_change(digest="x"), "malformed"),
        (make_change(digest="0" * 32), "altered"),
        (make_change(change="erase", into=None, token=1), "malformed"),
    ],
)
def test_what_is_refused(change: Any, code: str) -> None:
    refused = parse(change)
    assert isinstance(refused, ChangeResult)
    assert (refused.status, refused.code) == ("refused", code)
    assert refused.message


def test_an_unmerge_and_its_digest() -> None:
    sent = make_change(
        change="unmerge", into=None, undoes={"origin": AUTH, "id": "7"}, at="2026-03-01T12:59:00.120+01:00"
    )
    lines = ("1", "unmerge", ADA, "", f"{AUTH} 7", "2026-03-01T11:59:00.120Z")
    expected = hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()

    received = parse(sent | {"digest": expected})

    assert isinstance(received, ReceivedChange)
    assert digests.to_text(received.digest) == expected
    assert received.change.undoes == ChangeKey(AUTH, "7")
    wire = to_wire(received.change, received.digest)
    assert (wire.at, wire.into, wire.digest) == ("2026-03-01T11:59:00.120Z", None, expected)


def test_a_change_of_the_future() -> None:
    at = (NOW + timedelta(days=1, seconds=1)).isoformat()
    refused = parse(make_change(at=at))
    assert isinstance(refused, ChangeResult)
    assert refused.code == "clock_ahead"
    assert isinstance(parse_change(make_change(at=at), AUTH, None), ReceivedChange), "one of this site that came back"


def test_the_digest_of_an_erased_person_is_as_it_was() -> None:
    """The address is not known any more, so nobody can compute it again."""
    sent = make_change(customer=f"{'0' * 40}.17@erased.invalid", digest="5" * 32)
    received = parse(sent)
    assert isinstance(received, ReceivedChange)
    assert digests.to_text(received.digest) == "5" * 32
