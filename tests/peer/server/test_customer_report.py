"""`customers/report`: a site of the family asks what another one holds about a person."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from pointsync.models import AuditEntry, Origin, Remote
from pointsync.peer import customer_report
from pointsync.sync.people.report_json import ReportParts
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE, SignedCaller


@pytest.fixture
def listed(site: PeerSite, caller: SignedCaller) -> SignedCaller:
    """A caller whose key is pinned, and whom the site lists."""
    assert caller.ping().status_code == 200

    def pin(session: Any) -> None:
        origin = session.get_one(Origin, caller.auth)
        origin.public_key, origin.is_key_proven = caller.public_key, True
        session.add(
            Remote(
                url="http://127.0.0.1:9",
                auth=caller.auth,
                sealed_pass="x",
                target="default",
                reserve_id=1,
                query_template="",
                created_at=origin.first_seen_at,
            )
        )

    site.write(pin)
    return caller


def ask(caller: SignedCaller, **fields: Any) -> Any:
    return caller.post("customers/report", caller.body(**({"customer": ALICE} | fields)))


def entries(site: PeerSite) -> list[tuple[str, Any]]:
    query = select(AuditEntry.thing, AuditEntry.after).where(AuditEntry.action == "reported")
    return site.read(lambda session: [tuple(row) for row in session.execute(query)])


def test_the_pages_together_are_the_report(
    site: PeerSite, listed: SignedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_report, "MAX_ROWS", 3)
    for points in range(1, 8):
        site.record(ALICE, points)
    parts, after, count = ReportParts(), {}, 0
    while True:
        answer = ask(listed, **after)
        assert answer.status_code == 200, answer.text
        page = msgspec.convert(answer.json["parts"], ReportParts)
        parts.movements += page.movements
        parts.balances += page.balances
        count += 1
        if answer.json["next"] is None:
            break
        after = {"after": answer.json["next"]}
    assert [each.points for each in parts.movements] == [7, 6, 5, 4, 3, 2, 1]
    assert [each.points for each in parts.balances] == [28]
    assert count > 2
    assert entries(site) == [(ALICE, {"to": listed.auth})]


def test_an_answer_is_not_larger_than_allowed(
    site: PeerSite, listed: SignedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_report.wire, "ENVELOPE_BYTES", customer_report.wire.MAX_BODY_BYTES - 700)
    for points in range(1, 8):
        site.record(ALICE, points)
    answer = ask(listed)
    assert answer.json["next"]
    assert len(msgspec.json.encode(answer.json["parts"])) < 800


def test_nobody_has_the_address(listed: SignedCaller) -> None:
    answer = ask(listed, customer="nobody@x.example")
    assert (answer.status_code, list(answer.json["parts"]), answer.json["next"]) == (200, ["mentions"], None)
    [mention] = answer.json["parts"]["mentions"]
    assert mention["place"] == "audit log", "the question itself"


@pytest.mark.parametrize("fields", [{"customer": "nobody"}, {"customer": 7}, {"after": "x"}, {"after": 7}])
def test_what_is_malformed(listed: SignedCaller, fields: dict[str, Any]) -> None:
    answer = ask(listed, **fields)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")


def test_only_listed_sites_with_a_pinned_key(site: PeerSite, caller: SignedCaller) -> None:
    site.record(ALICE, 5)
    assert caller.ping().status_code == 200
    answer = ask(caller)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "key_not_pinned")

    def pin(session: Any) -> None:
        origin = session.get_one(Origin, caller.auth)
        origin.public_key, origin.is_key_proven = caller.public_key, True

    site.write(pin)
    answer = ask(caller)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "not_listed")
    assert entries(site) == []
