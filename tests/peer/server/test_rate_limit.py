"""Too many failed calls from one address are refused for a while, in either dialect."""

from pointsync.ids import new_pass
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller, make_movement

LIMIT = 300


def test_a_wrong_pass_too_often_in_the_pointsync_dialect(site: PeerSite, caller: SignedCaller) -> None:
    """A caller with the Pass is never refused because of others behind the same proxy."""
    answers = [caller.ping(passwords=(new_pass(),)) for _ in range(LIMIT + 1)]
    assert {each.status_code for each in answers[:-1]} == {401}
    assert (answers[-1].status_code, answers[-1].json["error"]["code"]) == (429, "too_many")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert caller.send(make_movement()).status_code == 200


def test_no_credentials_too_often_in_the_woorewards_dialect(site: PeerSite) -> None:
    client = site.app.test_client()
    pings = [client.get("/wp-json/woorewards/v1/pointsync/ping/default") for _ in range(LIMIT)]
    assert {each.status_code for each in pings} == {200}
    for answer in (
        client.get("/wp-json/woorewards/v1/pointsync/ping/default"),
        client.post(f"/wp-json/woorewards/v1/pointsync/sync/default/{ALICE}/5/add"),
    ):
        assert (answer.status_code, answer.json["data"]) == (429, {"status": 429})
        assert 1 <= int(answer.headers["retry-after"]) <= 60
