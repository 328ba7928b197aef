"""The result of each movement of a batch: applied, duplicate, conflict or refused."""

from datetime import timedelta
from typing import Any

import pytest

from pointsync import clock
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, have, make_movement

BOB = "bob@example.test"


def statuses(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(each["id"], each["status"]) for each in answer.json["results"]]


def test_results_have_the_order_of_the_request_and_are_independent(site: PeerSite, caller: SignedCaller) -> None:
    site.add_reserve("gold", "Gold")
    caller.send(make_movement(5), make_movement(6))
    answer = caller.send(
        make_movement(9),
        make_movement(5),
        make_movement(8, kind="expire"),
        make_movement(6, points=11),
        make_movement(7, customer="no address"),
        make_movement(9),
        make_movement(4, points=-3, kind="spend"),
        make_movement(4, points=-4, kind="spend"),
        {"id": "3"},
        make_movement(2, points=2_000_000_001),
        make_movement(1, kind="a future kind"),
    )
    assert statuses(answer) == [
        ("9", "applied"),
        ("5", "duplicate"),
        ("8", "refused"),
        ("6", "conflict"),
        ("7", "refused"),
        ("9", "duplicate"),
        ("4", "applied"),
        ("4", "conflict"),
        ("3", "refused"),
        ("2", "refused"),
        ("1", "applied"),
    ]
    codes = [each.get("code") for each in answer.json["results"]]
    assert codes[:6] == [None, None, "local_kind", "conflict", "malformed", None]
    assert codes[6:] == [None, "conflict", "malformed", "out_of_bounds", None]
    assert all(each["message"] for each in answer.json["results"] if each["status"] in ("refused", "conflict"))
    assert site.balance(ALICE) == 10 + 10 + 10 - 3 + 10
    assert (answer.json["have"]["count"], answer.json["have"]["max_id"]) == (5, "9")
    assert [each.kind for each in site.movements()][-1] == "a future kind"


def test_the_same_batch_again_changes_nothing(site: PeerSite, caller: SignedCaller) -> None:
    batch = [make_movement(number, points=number) for number in range(1, 21)]
    assert {status for _, status in statuses(caller.send(*batch))} == {"applied"}
    before = site.dump()
    assert {status for _, status in statuses(caller.send(*reversed(batch)))} == {"duplicate"}
    assert site.dump() == before


def test_another_customer_or_reserve_is_a_conflict(site: PeerSite, caller: SignedCaller) -> None:
    """Also if that customer is unknown here; no customer is created then."""
    site.add_reserve("gold", "Gold")
    caller.send(make_movement(1), make_movement(2, customer=BOB))
    before = site.dump()
    for customer in (BOB, "nobody@example.test", "no address", ""):
        assert statuses(caller.send(make_movement(1, customer=customer))) == [("1", "conflict")]
    assert statuses(caller.send(make_movement(1), reserve="gold")) == [("1", "conflict")]
    assert site.dump() == before


def test_other_fields_of_a_repeat_do_not_matter(site: PeerSite, caller: SignedCaller) -> None:
    """The same content means the same points, reserve and customer, however the e-mail is written."""
    caller.send(make_movement(1))
    again = make_movement(1, customer=" ALICE@Example.TEST", kind="refund", reason="", at="2020-01-01T00:00:00+02:00")
    assert statuses(caller.send(again | {"ref": "x", "history": True})) == [("1", "duplicate")]
    [movement] = site.movements(caller.auth)
    assert (movement.kind, movement.reason, movement.ref) == ("earn", "Order 17", None)


def test_have_counts_by_origin_and_reserve(site: PeerSite, caller: SignedCaller) -> None:
    site.add_reserve("gold", "Gold")
    other = SignedCaller(site)
    assert caller.ping().json["have"] == have()
    sent = [make_movement(10), make_movement(2**63 - 1), make_movement(3)]
    caller.send(*sent)
    other.send(make_movement(77))
    caller.send(make_movement(11), reserve="gold")
    assert caller.ping().json["have"] == have(*sent)
    assert other.ping().json["have"] == have(make_movement(77))
    assert caller.post("ping", caller.body(reserve="gold")).json["have"] == have(make_movement(11))
    assert site.balance(ALICE) == 40


@pytest.mark.parametrize(
    "fields",
    [
        *({"id": value} for value in ("0", "-1", "+1", "01", " 1", "1.0", "", "x", "１", 1, None, [], str(2**63))),
        *({"customer": value} for value in ("", "a", "a@b\0.test", "a@[127.0.0.1]", "x" * 2000, 1, None, [ALICE])),
        *({"points": value} for value in ("1.5", 1.5, 1e300, None, True, [], {}, 10**30, -(10**30), 2_000_000_001)),
        *({"kind": value} for value in ("", "x" * 33, "a\0", "a\nb", "opening", "correction", "expire", 1, None, [])),
        *({"reason": value} for value in (1, None, [], {})),
        *({"at": value} for value in ("", "now", "2026-03-01", "2026-03-01T12:00:00", "0001-01-01T00:00:00+23:00")),
        *({"at": value} for value in (1, None, "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-23:00", "T" * 9999)),
        *({"ref": value} for value in (1, [], {}, True)),
        *({"history": value} for value in (1, "true", None, [])),
    ],
    ids=lambda fields: "{}={!r:.20}".format(*next(iter(fields.items()))).encode("ascii", "replace").decode(),
)
def test_an_invalid_field_refuses_only_its_movement(shared_caller: SignedCaller, fields: dict[str, Any]) -> None:
    site, caller = shared_caller.receiver, SignedCaller(shared_caller.receiver)
    answer = caller.send(make_movement(1), make_movement(2) | fields, make_movement(3))
    assert [each["status"] for each in answer.json["results"]] == ["applied", "refused", "applied"]
    assert answer.json["have"]["count"] == len(site.movements(caller.auth)) == 2


def test_items_that_are_not_movements_are_refused_alone(site: PeerSite, caller: SignedCaller) -> None:
    invalid_items = [None, 1, "x", [], [make_movement(2)], {}, True]
    answer = caller.send(make_movement(1), *invalid_items)
    assert [each["status"] for each in answer.json["results"]] == ["applied"] + ["refused"] * len(invalid_items)
    assert site.balance(ALICE) == 10


def test_texts_are_cut_and_cleaned(site: PeerSite, caller: SignedCaller) -> None:
    """A bad reason must not refuse a movement: it is cut, and unprintable characters become spaces."""
    caller.send(make_movement(1, reason="a\0b\nc" + "é" * 600, ref="r" * 300))
    [movement] = site.movements()
    assert movement.reason == ("a b c" + "é" * 600)[:500]
    assert movement.ref == "r" * 191


def test_a_time_in_the_future_is_replaced_by_the_arrival_time(site: PeerSite, caller: SignedCaller) -> None:
    now = clock.now()
    accepted_at, too_late_at = now + timedelta(days=1), now + timedelta(days=1, milliseconds=1)
    caller.send(make_movement(1, at=clock.to_text(accepted_at)), make_movement(2, at=clock.to_text(too_late_at)))
    assert [each.at for each in site.movements()] == [accepted_at, now]


def test_a_movement_below_zero_is_applied_and_flagged(site: PeerSite, caller: SignedCaller) -> None:
    """Refusing it would put the sites out of step permanently."""
    answer = caller.send(make_movement(1, points=-7, kind="spend"))
    assert answer.json["results"] == [{"id": "1", "status": "applied", "balance": -7}]
    assert [each.below_zero for each in site.movements()] == [True]


def test_a_balance_out_of_bounds_refuses_only_its_movement(site: PeerSite, caller: SignedCaller) -> None:
    max_points = 2_000_000_000
    answer = caller.send(
        make_movement(1, points=max_points), make_movement(2, points=1), make_movement(3, points=-max_points)
    )
    assert [each["status"] for each in answer.json["results"]] == ["applied", "refused", "applied"]
    assert answer.json["results"][1]["code"] == "out_of_bounds"
    assert site.balance(ALICE) == 0


def test_received_movements_are_not_sent_on(site: PeerSite, caller: SignedCaller) -> None:
    """Otherwise a loop of sites would send a movement forever."""
    other = SignedCaller(site)
    remote_id, _ = site.add_remote("http://127.0.0.1:1", other.auth, other.password)
    caller.send(make_movement(1))
    assert site.delivery_states(remote_id) == []
