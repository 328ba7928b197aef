"""`movements/fetch`: a site gets its own movements back, in pages, as it has sent them."""

from typing import Any

import pytest
from sqlalchemy import select

from pointsync import digests
from pointsync.ledger.record import Draft
from pointsync.models import Origin, Reserve
from pointsync.peer import fetch
from pointsync.sync.protocol import wire
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement
from tests.support.moving_clock import MovingClock


@pytest.fixture
def pinned(site: PeerSite, caller: SignedCaller) -> SignedCaller:
    """A caller whose key is pinned."""
    assert caller.ping().status_code == 200

    def pin(session: Any) -> None:
        origin = session.get_one(Origin, caller.auth)
        origin.public_key, origin.is_key_proven = caller.public_key, True

    site.write(pin)
    return caller


def get_page(caller: SignedCaller, after: str = "0", **fields: Any) -> dict[str, Any]:
    answer = caller.post("movements/fetch", caller.body(after=after, **fields))
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    return answer.json


def get_error(caller: SignedCaller, **fields: Any) -> tuple[int, str]:
    answer = caller.post("movements/fetch", caller.body(**fields))
    assert answer.json is not None
    return answer.status_code, answer.json["error"]["code"]


def test_a_movement_comes_back_as_it_was_sent(pinned: SignedCaller, moving_clock: MovingClock) -> None:
    sent = make_movement(7, ref="order-17", source="api:shop", reason="Order 17")
    pinned.send(sent)
    page = get_page(pinned)
    digest = digests.to_text(digests.digest("7", 10, ALICE))
    assert page["movements"] == [sent | {"digest": digest}]
    assert page["next"] is None
    assert page["have"] == {"count": 1, "max_id": "7", "hash": digest}


def test_without_ref_source_and_time(pinned: SignedCaller) -> None:
    """A time that was replaced by that of the arrival is not as it was sent."""
    pinned.send(make_movement(7, at="2031-01-01T00:00:00Z"))
    [movement] = get_page(pinned)["movements"]
    assert not {"at", "ref", "source"} & movement.keys()


def test_in_the_order_of_the_numbers_and_only_its_own(site: PeerSite, pinned: SignedCaller) -> None:
    numbers = [5, 40, 7, 100, 9, 2**62, 999_999_999_999_999_999]
    pinned.send(*(make_movement(number) for number in numbers))
    SignedCaller(site).send(make_movement(6))
    site.record(ALICE, 5)
    ids = [int(each["id"]) for each in get_page(pinned)["movements"]]
    assert ids == sorted(numbers)
    for after in (*numbers, 6, 8, 50):
        expected = [number for number in sorted(numbers) if number > after]
        assert [int(each["id"]) for each in get_page(pinned, str(after))["movements"]] == expected


def test_pages_have_at_most_a_thousand(pinned: SignedCaller) -> None:
    for start in (1, 1001, 2001):
        pinned.send(*(make_movement(number) for number in range(start, start + 1000)))
    seen, after = [], "0"
    while after is not None:
        page = get_page(pinned, after)
        assert len(page["movements"]) <= 1000
        seen += [int(each["id"]) for each in page["movements"]]
        after = page["next"]
    assert seen == list(range(1, 3001))


def test_pages_have_at_most_a_megabyte(pinned: SignedCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    long_texts = {"reason": "é" * 500, "source": "x" * 190}
    pinned.send(*(make_movement(number, ref=f"{number}{'€' * 180}", **long_texts) for number in range(1, 101)))
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 100_000)
    answer = pinned.post("movements/fetch", pinned.body(after="0"))
    assert len(answer.data) <= 100_000
    first = answer.json
    assert first is not None
    assert first["next"] == first["movements"][-1]["id"]
    assert get_page(pinned, first["next"])["movements"][0]["id"] == str(int(first["next"]) + 1)


def test_each_reserve_by_itself(site: PeerSite, pinned: SignedCaller) -> None:
    site.add_reserve("gold", "Gold")
    pinned.send(make_movement(1), make_movement(3))
    pinned.send(make_movement(2), reserve="gold")
    assert [each["id"] for each in get_page(pinned)["movements"]] == ["1", "3"]
    assert [each["id"] for each in get_page(pinned, reserve="gold")["movements"]] == ["2"]


def test_a_page_of_another_reserve_is_empty_but_not_the_last(
    site: PeerSite, pinned: SignedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add_reserve("gold", "Gold")
    pinned.send(make_movement(1), make_movement(2))
    pinned.send(make_movement(3), reserve="gold")
    monkeypatch.setattr(fetch.wire, "MAX_BATCH", 2)
    assert get_page(pinned, reserve="gold")["movements"] == []
    assert get_page(pinned, reserve="gold")["next"] == "2"
    assert [each["id"] for each in get_page(pinned, "2", reserve="gold")["movements"]] == ["3"]


def test_also_from_a_reserve_that_is_not_active_any_more(site: PeerSite, pinned: SignedCaller) -> None:
    pinned.send(make_movement(1))

    def deactivate(session: Any) -> None:
        session.scalars(select(Reserve)).one().is_active = False

    site.write(deactivate)
    assert [each["id"] for each in get_page(pinned)["movements"]] == ["1"]


def test_movements_of_0_points_do_not_count(pinned: SignedCaller) -> None:
    pinned.send(make_movement(1, points=0), make_movement(2))
    assert [each["id"] for each in get_page(pinned)["movements"]] == ["2"]


def test_only_with_a_pinned_key(site: PeerSite, caller: SignedCaller) -> None:
    caller.send(make_movement(1))
    assert get_error(caller, after="0") == (403, "key_not_pinned")


def test_only_with_that_key(site: PeerSite, pinned: SignedCaller) -> None:
    impostor = SignedCaller(site)
    impostor.auth = pinned.auth
    assert get_error(impostor, after="0") == (401, "key_mismatch")


@pytest.mark.parametrize("after", [None, "", "x", "-1", "007", 7, str(2**63), [], {}])
def test_what_after_must_be(pinned: SignedCaller, after: object) -> None:
    assert get_error(pinned, after=after) == (400, "malformed")


def test_an_unknown_reserve(pinned: SignedCaller) -> None:
    assert get_error(pinned, after="0", reserve="silver") == (404, "unknown_reserve")
    assert get_error(pinned, after="0", reserve=7) == (400, "malformed")


def test_batches_carry_the_source_of_a_ref(site: PeerSite) -> None:
    """It is only kept: another origin may use the same one."""
    first, second = SignedCaller(site), SignedCaller(site)
    for each in (first, second):
        answer = each.send(make_movement(1, ref="order-1", source="api:shop"))
        assert answer.json is not None
        assert answer.json["results"][0]["status"] == "applied"
    site.record_all([Draft(ALICE, 5, ref="order-1")])
    assert [(each.source, each.ref_source) for each in site.movements()] == [
        (None, "api:shop"),
        (None, "api:shop"),
        ("test", None),
    ]
