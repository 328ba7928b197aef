"""Two sites in step tell the same figures for each month, though one got the movements in the next."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.hourly_totals import Came
from pointsync.ledger.settlement_sums import settle
from pointsync.ledger.verify import flow_differences
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

BOB = "bob@example.test"
MONTHS = [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
ZONE = ZoneInfo("Europe/Paris")


def figures(site: PeerSite) -> list[dict[str, Came]]:
    """What each month came to there, by site."""

    def read(session: Session) -> list[dict[str, Came]]:
        assert flow_differences(session) == []
        found = settle(session, reserves.get(session, "default"), MONTHS, ZONE)
        return [month.came for month in found.months]

    return site.read(read)


def test_both_settle_by_the_same_figures(pair: tuple[PeerSite, PeerSite], moving_clock: MovingClock) -> None:
    a, b = pair
    to_b, _ = a.list_site(b)
    to_a, _ = b.list_site(a)
    end = datetime(2026, 3, 31, 22, tzinfo=UTC)  # of March in Paris
    moving_clock.advance(end - timedelta(milliseconds=1) - moving_clock.now())
    a.record(ALICE, 500)
    a.record(ALICE, 40, at=datetime(2026, 2, 28, 22, 59, 59, tzinfo=UTC))
    a.record(BOB, 10, kind="opening")
    b.record(ALICE, -20, kind="manual")
    b.record(ALICE, set_to=-20, ref="changes nothing")
    assert figures(a) != figures(b)

    moving_clock.advance(timedelta(days=3))
    a.record(BOB, 7)
    b.record(BOB, -3, kind="expire")
    b.record(ALICE, -1, kind="manual")
    for _ in range(2):
        a.deliver(to_b)
        b.deliver(to_a)
    one, other = a.identity.auth, b.identity.auth
    assert all(each.recorded_at > end for each in b.movements(one))
    assert (
        figures(a)[1:]
        == figures(b)[1:]
        == [
            {one: Came(1, 500, 0), other: Came(1, 0, 20)},
            {one: Came(1, 7, 0), other: Came(1, 0, 1)},
        ]
    )
    assert figures(a)[0] == figures(b)[0] == {one: Came(1, 40, 0)}
