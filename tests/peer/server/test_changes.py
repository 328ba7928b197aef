"""`customers/changes` and `customers/changes/fetch`, called by a stranger and by a site that is listed and pinned."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from pointsync import clock
from pointsync.models import Customer, CustomerChange, Origin
from pointsync.sync.protocol import wire
from tests.peer.peer_site import PeerSite
from tests.peer.server.test_errors import expect_refused
from tests.peer.signed_caller import SignedCaller
from tests.support.moving_clock import MovingClock

ADA, BEA = "ada@a.example", "bea@b.example"
BOTH = pytest.mark.parametrize("call", ["customers/changes", "customers/changes/fetch"])


def make_change(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A change on the wire: Ada has another address."""
    change = {"id": str(number), "change": "rename", "customer": ADA, "into": BEA, "at": "2026-03-01T11:59:00Z"}
    return {name: value for name, value in (change | fields).items() if value is not None}


def digest_of(change: dict[str, Any]) -> str:
    """As the manual describes it, without PointSync's own code."""
    undoes = f"{change['undoes']['origin']} {change['undoes']['id']}" if "undoes" in change else ""
    lines = (change["id"], change["change"], change["customer"], change.get("into", ""), undoes, change["at"])
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def have(*changes: dict[str, Any]) -> dict[str, Any]:
    total = sum(int(digest_of(each), 16) for each in changes) % 2**128
    max_id = str(max((int(each["id"]) for each in changes), default=0))
    return {"count": len(changes), "hash": f"{total:032x}", "max_id": max_id}


def pin(site: PeerSite, caller: SignedCaller) -> None:
    assert caller.ping().status_code == 200

    def save(session: Any) -> None:
        origin = session.get_one(Origin, caller.auth)
        origin.public_key, origin.is_key_proven = caller.public_key, True

    site.write(save)


@pytest.fixture
def listed(site: PeerSite, caller: SignedCaller) -> SignedCaller:
    """A caller that is listed, and whose key is pinned."""
    site.add_remote("http://127.0.0.1:1", caller.auth, "wrs_" + "a" * 16)
    pin(site, caller)
    return caller


def send(caller: SignedCaller, *changes: Any, **kwargs: Any) -> dict[str, Any]:
    answer = caller.post("customers/changes", caller.body(changes=list(changes)), **kwargs)
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    return answer.json


def shown(site: PeerSite) -> dict[str, int | None]:
    return site.read(lambda session: dict(session.execute(select(Customer.email, Customer.merged_into_id)).all()))


def test_a_change_is_applied_once(site: PeerSite, listed: SignedCaller) -> None:
    first, second = make_change(7), make_change(9, change="merge", customer="cid@c.example", into=ADA)
    answer = send(listed, first, second, first)
    assert [(each["id"], each["status"]) for each in answer["results"]] == [
        ("7", "applied"),
        ("9", "applied"),
        ("7", "duplicate"),
    ]
    assert answer["have"] == have(first, second)
    assert send(listed, second | {"digest": digest_of(second)})["results"] == [{"id": "9", "status": "duplicate"}]
    other = send(listed, make_change(7, into="eve@e.example"))["results"][0]
    assert (other["status"], other["code"]) == ("conflict", "conflict")
    assert set(shown(site)) == {ADA, BEA, "cid@c.example"}
    ping = listed.ping().json
    assert ping["understands"] == ["changes"]
    assert ping["changes"] == have(first, second) | {"told": {"count": 0, "hash": "0" * 32}, "waiting": 0}


def test_a_bad_change_is_refused_and_the_others_count(site: PeerSite, listed: SignedCaller) -> None:
    """`tests/unit/protocol/test_parse_change.py` has many more bad ones."""
    bad = [1, make_change(4, change="swap"), make_change(5, digest="0" * 32), make_change(6, into=ADA)]
    answer = send(listed, *bad, make_change(3, into="eve@e.example"))
    codes = ["malformed", "unknown_change", "altered", "malformed", None]
    assert [each.get("code") for each in answer["results"]] == codes
    assert [each["id"] for each in answer["results"]] == ["", "4", "5", "6", "3"]
    assert site.read(lambda session: session.scalar(select(func.count()).select_from(CustomerChange))) == 1


def test_a_change_of_the_future_is_refused_until_its_day_has_come(
    site: PeerSite, listed: SignedCaller, moving_clock: MovingClock
) -> None:
    at = clock.now() + timedelta(days=1, seconds=1)
    change = make_change(at=clock.to_text(at))
    assert send(listed, change)["results"][0]["code"] == "clock_ahead"
    moving_clock.advance(timedelta(seconds=2))
    assert send(listed, change)["results"][0]["status"] == "applied"
    assert site.read(lambda session: session.scalars(select(CustomerChange)).one().at) == at


@BOTH
def test_who_may_call(site: PeerSite, caller: SignedCaller, call: str) -> None:
    body = caller.body(changes=[make_change()], after="0")
    assert caller.ping().status_code == 200
    assert caller.post(call, body).json["error"]["code"] == "key_not_pinned"
    pin(site, caller)
    answer = caller.post(call, body)
    if call == "customers/changes":
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "not_listed")
        site.add_remote("http://127.0.0.1:1", caller.auth, "wrs_" + "a" * 16)
        pin(site, caller)
    forger = SignedCaller(site)
    forger.auth = caller.auth
    expect_refused(forger, call, 401, "key_mismatch", body)
    expect_refused(caller, call, 401, "key_mismatch", body, keys=())
    expect_refused(caller, call, 401, "bad_signature", body, passwords=("wrs_" + "b" * 16,))
    expect_refused(caller, call, 409, "wrong_recipient", body | {"to": "wrk_" + "0" * 16})
    expect_refused(caller, call, 409, "own_origin", body | {"from": caller.to})
    site.block(caller.auth)
    assert caller.post(call, body).json["error"]["code"] == "blocked"
    assert shown(site) == {}


def test_a_captured_call_is_useless_at_another_site(make_site: Any, site: PeerSite, listed: SignedCaller) -> None:
    """It is signed with the other site's Pass, and says for whom it is."""
    other = make_site("other")
    body = listed.body(changes=[make_change()])
    captured = SignedCaller(other)
    captured.auth, captured.key, captured.password = listed.auth, listed.key, listed.password
    answer = captured.post("customers/changes", body, headers={"pointsync-auth": captured.to})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_signature")
    captured.password = other.identity.passes[0]
    assert captured.post("customers/changes", body).json["error"]["code"] == "wrong_recipient"
    assert shown(other) == {}


def test_bounds_of_a_batch(site: PeerSite, listed: SignedCaller) -> None:
    for value in (None, {}, "[]", 1):
        expect_refused(listed, "customers/changes", 400, "malformed", listed.body(changes=value))
    expect_refused(listed, "customers/changes", 413, "too_large", listed.body(changes=[make_change()] * 1001))
    for value in (None, 1, "", "-1", "x", "00"):
        expect_refused(listed, "customers/changes/fetch", 400, "malformed", listed.body(after=value))


def test_changes_come_back_as_they_were_sent_in_the_order_of_their_ids(site: PeerSite, listed: SignedCaller) -> None:
    sent = [make_change(number, into=f"a{number}@a.example", change="alias") for number in (10, 9, 2**62)]
    sent.append(make_change(11, change="unmerge", into=None, undoes={"origin": listed.auth, "id": "10"}))
    send(listed, *sent)

    answer = listed.post("customers/changes/fetch", listed.body(after="0")).json

    expected = sorted(sent, key=lambda each: int(each["id"]))
    assert answer["changes"] == [each | {"digest": digest_of(each)} for each in expected]
    assert (answer["next"], answer["have"]) == (None, have(*sent))
    page = listed.post("customers/changes/fetch", listed.body(after="10")).json
    assert [each["id"] for each in page["changes"]] == ["11", str(2**62)]


@pytest.mark.parametrize("limit", ["bytes", "number"])
def test_pages(site: PeerSite, listed: SignedCaller, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    send(listed, *(make_change(number, change="alias", into=f"a{number}@a.example") for number in range(1, 31)))
    if limit == "bytes":
        monkeypatch.setattr(wire, "ENVELOPE_BYTES", wire.MAX_BODY_BYTES - 1500)
    else:
        monkeypatch.setattr(wire, "MAX_BATCH", 10)
    seen, after, count = [], "0", 0
    while after is not None:
        page = listed.post("customers/changes/fetch", listed.body(after=after)).json
        seen += [int(each["id"]) for each in page["changes"]]
        after, count = page["next"], count + 1
    assert seen == list(range(1, 31))
    assert 3 <= count <= 6
