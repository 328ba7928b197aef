"""What a site reports about itself to a caller with a valid signature."""

from sqlalchemy.orm import Session

import pointsync
from pointsync import clock
from pointsync.ids import new_auth, new_pass
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Remote, Reserve
from pointsync.sync.site import catalogue
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, have


def test_a_ping_answers_the_sites_identity_and_reserves(site: PeerSite, caller: SignedCaller) -> None:
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
        "rewards_digest": catalogue.compute_digest([]),
        "rewards": [],
        "levels": [],
        "lists": [],
        "max_batch": 1000,
        "understands": ["changes"],
        "changes": have() | {"told": {"count": 0, "hash": "0" * 32}, "waiting": 0},
        "stamp": None,
        "have": have(),
    }


def test_a_ping_answers_the_rewards_and_levels_of_its_reserve(site: PeerSite, caller: SignedCaller) -> None:
    site.add_reserve("gold", "Gold")
    empty_digest = caller.ping().json["rewards_digest"]

    def create_rewards(session: Session) -> None:
        default, gold = reserves.get(session, "default"), reserves.get(session, "gold")
        for number in range(60):
            rewards.create(session, default, f"Mug {number:02}", "", 50 + number, clock.now())
        levels.create(session, default, "Silver", "", 1000, clock.now())
        rewards.create(session, gold, "Of gold", "", 5, clock.now())

    site.write(create_rewards)
    answer = caller.ping().json
    assert len(answer["rewards"]) == 50
    assert answer["rewards"][0] == {"title": "Mug 00", "cost": 50}
    assert answer["levels"] == [{"title": "Silver", "points": 1000}]
    assert len(answer["rewards_digest"]) == 64
    assert answer["rewards_digest"] != empty_digest


def test_a_ping_answers_each_listed_site_once(site: PeerSite, caller: SignedCaller) -> None:
    """So each side sees whether the other one sends to it. Deleted remotes send nothing."""
    site.add_reserve("gold", "Gold")
    first, second, deleted = (new_auth() for _ in range(3))
    for auth, target_reserve, observed_reserve in (
        (first, "default", "default"),
        (first, "gold", "gold"),
        (second, "x", "gold"),
    ):
        site.add_remote("http://127.0.0.1:1", auth, new_pass(), target_reserve, observed_reserve=observed_reserve)
    remote_id, _ = site.add_remote("http://127.0.0.1:1", deleted, new_pass())
    site.write(lambda session: setattr(session.get_one(Remote, remote_id), "deleted_at", clock.now()))
    assert caller.ping().json["lists"] == sorted([first, second])


def test_an_inactive_reserve_is_not_reported(site: PeerSite, caller: SignedCaller) -> None:
    site.write(lambda session: setattr(session.get_one(Reserve, 1), "is_active", False))
    answer = caller.ping().json
    assert (answer["reserve"], answer["reserves"], answer["have"]) == (None, [], None)
    assert answer["rewards_digest"] == ""
    assert not {"rewards", "levels"} & set(answer)
    assert caller.send().json["error"]["code"] == "unknown_reserve"


def test_a_ping_changes_no_points_and_pins_no_key(site: PeerSite, caller: SignedCaller) -> None:
    """Anybody with the Pass may ping; a key is pinned only from the answer to our own ping."""
    assert caller.ping().status_code == 200
    origin = site.origin(caller.auth)
    assert origin is not None
    assert (origin.public_key, origin.last_seen_at) == (None, clock.now())
    assert site.movements() == []
