"""What a site tells of itself to a caller whose signature holds."""

from sqlalchemy.orm import Session

import pointsync
from pointsync import clock
from pointsync.ids import new_auth, new_pass
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels
from pointsync.ledger.rewards import rewards as ledger
from pointsync.models import Remote, Reserve
from pointsync.sync.site import catalogue
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import Caller


def test_a_ping_tells_who_answers_and_what_there_is(site: PeerSite, caller: Caller) -> None:
    site.add_reserve("gold", "Gold")
    answer = caller.ping().json
    assert answer == {
        "site": caller.to,
        "name": "here",
        "version": pointsync.__version__,
        "protocols": [1],
        "key": site.identity.public_key,
        "time": clock.to_text(clock.now()),
        "reserve": {"key": "default", "name": "Points"},
        "reserves": [{"key": "default", "name": "Points"}, {"key": "gold", "name": "Gold"}],
        "sends_mails": False,
        "rewards_digest": catalogue.digest([]),
        "rewards": [],
        "levels": [],
        "lists": [],
        "max_batch": 1000,
        "have": {"count": 0, "max_id": "0"},
    }


def test_a_ping_tells_the_rewards_and_levels_of_the_reserve_that_it_names(site: PeerSite, caller: Caller) -> None:
    site.add_reserve("gold", "Gold")
    none = caller.ping().json["rewards_digest"]

    def offer(session: Session) -> None:
        default, gold = reserves.get(session, "default"), reserves.get(session, "gold")
        for number in range(60):
            ledger.add(session, default, f"Mug {number:02}", "", 50 + number, clock.now())
        levels.add(session, default, "Silver", "", 1000, clock.now())
        ledger.add(session, gold, "Of gold", "", 5, clock.now())

    site.write(offer)
    answer = caller.ping().json
    assert len(answer["rewards"]) == 50
    assert answer["rewards"][0] == {"title": "Mug 00", "cost": 50}
    assert answer["levels"] == [{"title": "Silver", "points": 1000}]
    assert len(answer["rewards_digest"]) == 64
    assert answer["rewards_digest"] != none


def test_a_ping_tells_whom_the_site_lists_once_each(site: PeerSite, caller: Caller) -> None:
    """So each side sees whether the other will send to it. Deleted lines send nothing."""
    site.add_reserve("gold", "Gold")
    one, two, gone = (new_auth() for _ in range(3))
    for auth, target, observed in ((one, "default", "default"), (one, "gold", "gold"), (two, "x", "gold")):
        site.add_remote("http://127.0.0.1:1", auth, new_pass(), target, observed=observed)
    remote_id, _ = site.add_remote("http://127.0.0.1:1", gone, new_pass())
    site.write(lambda session: setattr(session.get_one(Remote, remote_id), "deleted_at", clock.now()))
    assert caller.ping().json["lists"] == sorted([one, two])


def test_a_reserve_that_is_switched_off_is_not_there(site: PeerSite, caller: Caller) -> None:
    site.write(lambda session: setattr(session.get_one(Reserve, 1), "is_active", False))
    answer = caller.ping().json
    assert (answer["reserve"], answer["reserves"], answer["have"]) == (None, [], None)
    assert answer["rewards_digest"] == ""
    assert not {"rewards", "levels"} & set(answer)
    assert caller.send().json["error"]["code"] == "unknown_reserve"


def test_a_ping_changes_no_points_and_pins_no_key(site: PeerSite, caller: Caller) -> None:
    """Anybody who knows the Pass may ping: only the answer to our own ping tells whose key it is."""
    assert caller.ping().status_code == 200
    origin = site.origin(caller.auth)
    assert origin is not None
    assert (origin.public_key, origin.last_seen_at) == (None, clock.now())
    assert site.movements() == []
