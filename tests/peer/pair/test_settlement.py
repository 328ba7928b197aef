"""Two sites in step have equal monthly totals, even if movements arrive in the next month."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from pointsync.ledger import reserves
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.ledger.integrity.verify import find_hourly_total_differences
from pointsync.ledger.settlement_sums import calculate
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

BOB = "bob@example.test"
MONTHS = [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
ZONE = ZoneInfo("Europe/Paris")


def monthly_totals(site: PeerSite) -> list[dict[str, HourTotals]]:
    """The totals of each month by origin."""

    def read(session: Session) -> list[dict[str, HourTotals]]:
        assert find_hourly_total_differences(session) == []
        settlement = calculate(session, reserves.get(session, "default"), MONTHS, ZONE)
        return [month.totals_by_origin for month in settlement.months]

    return site.read(read)


def test_both_sites_have_the_same_monthly_totals(pair: tuple[PeerSite, PeerSite], moving_clock: MovingClock) -> None:
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
    assert monthly_totals(a) != monthly_totals(b)

    moving_clock.advance(timedelta(days=3))
    a.record(BOB, 7)
    b.record(BOB, -3, kind="expire")
    b.record(ALICE, -1, kind="manual")
    for _ in range(2):
        a.deliver(to_b)
        b.deliver(to_a)
    auth_a, auth_b = a.identity.auth, b.identity.auth
    assert all(each.recorded_at > end for each in b.movements(auth_a))
    assert (
        monthly_totals(a)[1:]
        == monthly_totals(b)[1:]
        == [
            {auth_a: HourTotals(1, 500, 0), auth_b: HourTotals(1, 0, 20)},
            {auth_a: HourTotals(1, 7, 0), auth_b: HourTotals(1, 0, 1)},
        ]
    )
    assert monthly_totals(a)[0] == monthly_totals(b)[0] == {auth_a: HourTotals(1, 40, 0)}
