"""Who fails too often from one address is held up for a while, in the dialect that it speaks."""

from pointsync.ids import new_pass
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, Caller, a_movement

MANY = 300


def test_a_wrong_pass_too_often_in_the_pointsync_dialect(site: PeerSite, caller: Caller) -> None:
    """Whoever has the Pass is never held up by the others, who may share its proxy."""
    answers = [caller.ping(passwords=(new_pass(),)) for _ in range(MANY + 1)]
    assert {each.status_code for each in answers[:-1]} == {401}
    assert (answers[-1].status_code, answers[-1].json["error"]["code"]) == (429, "too_many")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert caller.send(a_movement()).status_code == 200


def test_no_credentials_too_often_in_the_woorewards_dialect(site: PeerSite) -> None:
    client = site.app.test_client()
    pings = [client.get("/wp-json/woorewards/v1/pointsync/ping/default") for _ in range(MANY)]
    assert {each.status_code for each in pings} == {200}
    for answer in (
        client.get("/wp-json/woorewards/v1/pointsync/ping/default"),
        client.post(f"/wp-json/woorewards/v1/pointsync/sync/default/{ALICE}/5/add"),
    ):
        assert (answer.status_code, answer.json["data"]) == (429, {"status": 429})
        assert 1 <= int(answer.headers["retry-after"]) <= 60
