"""What a site answers about ranges of the caller's movements."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.models import Reserve
from pointsync.sync.comparison import ranges
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, have, is_signed, make_movement

HIGHEST = str(2**63 - 1)


def ask(caller: SignedCaller, *id_ranges: Any, **fields: Any) -> Any:
    return caller.post("digest", caller.body(ranges=list(id_ranges), **fields))


def sum_of(*movements: dict[str, Any]) -> dict[str, Any]:
    """The count and hash of these movements."""
    held = have(*movements)
    return {"count": held["count"], "hash": held["hash"]}


def test_small_ranges_list_each_movement(site: PeerSite, caller: SignedCaller) -> None:
    movements = [make_movement(number) for number in (5, 70, 999, 1000, 2**62)]
    caller.send(*movements)
    SignedCaller(site).send(make_movement(6))
    answer = ask(caller, ["0", "5"], ["6", "999"], ["1000", HIGHEST])
    assert is_signed(answer, site.identity.public_key, caller.password)
    assert answer.json["ranges"] == [
        {"low": "0", "high": "5", **sum_of(movements[0])} | {"movements": [["5", sum_of(movements[0])["hash"]]]},
        {"low": "6", "high": "999", **sum_of(*movements[1:3])}
        | {"movements": [[each["id"], sum_of(each)["hash"]] for each in movements[1:3]]},
        {"low": "1000", "high": HIGHEST, **sum_of(*movements[3:])}
        | {"movements": [[each["id"], sum_of(each)["hash"]] for each in movements[3:]]},
    ]


def test_a_range_of_a_thousand_is_answered_with_its_sum(caller: SignedCaller) -> None:
    movements = [make_movement(number) for number in range(1, 1001)]
    caller.send(*movements)
    assert ask(caller, ["0", HIGHEST]).json["ranges"] == [{"low": "0", "high": HIGHEST, **sum_of(*movements)}]
    [answer] = ask(caller, ["0", "999"]).json["ranges"]
    assert len(answer["movements"]) == 999


def test_one_answer_lists_a_bounded_number(caller: SignedCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_LISTED", 3)
    caller.send(*(make_movement(number) for number in range(1, 7)))
    answers = ask(caller, ["1", "2"], ["3", "4"], ["5", "5"]).json["ranges"]
    assert [len(each.get("movements", [])) for each in answers] == [2, 0, 1]
    assert [each["count"] for each in answers] == [2, 2, 1]


def test_an_id_that_is_no_number_is_left_out(site: PeerSite, caller: SignedCaller) -> None:
    """Somebody sent it in the WooRewards dialect, before this site knew the key of the origin."""
    sent_by_others = [IncomingMovement(each, "eve@example.test", 7) for each in ("1a", "x1", "007")]

    def apply_others(session: Session) -> None:
        apply(session, caller.auth, session.scalars(select(Reserve)).one(), sent_by_others, clock.now())

    site.write(apply_others)
    caller.send(make_movement(15))
    [answer] = ask(caller, ["0", HIGHEST]).json["ranges"]
    assert (answer["count"], [each[0] for each in answer["movements"]]) == (1, ["15"])


@pytest.mark.parametrize(
    "id_ranges",
    [
        *(
            None,
            "all",
            {},
            [1],
            [[]],
            [["0"]],
            [["0", "1", "2"]],
            [[0, 1]],
            [["0", None]],
            [["-1", "5"]],
            [["1", "01"]],
        ),
        *([["5", "4"]], [["0", "5"], ["5", "9"]], [["6", "9"], ["0", "5"]], [["0", str(2**63)]], [["0", "5"]] * 1001),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_ranges_are_malformed(caller: SignedCaller, id_ranges: Any) -> None:
    answer = caller.post("digest", caller.body(ranges=id_ranges))
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")


def test_an_unknown_reserve_is_refused(caller: SignedCaller) -> None:
    answer = ask(caller, ["0", "5"], reserve="gold")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "unknown_reserve")
