"""A family of sites of which one is restored from a copy of its database, and what its shop repeats."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pointsync import clock
from pointsync.ledger.fetch_back import state
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.schedule import recovery_ticks
from pointsync.sync.fetch_back import progress, run
from pointsync.sync.fetch_back.progress import FetchBackProgress
from tests.peer.conftest import MakeSite
from tests.peer.peer_site import PeerSite, Wsgi
from tests.support.moving_clock import MovingClock

SHOP = "api:shop"


class RestoredFamily:
    """The sites: `site` is the one that is restored, `others` hold what it has sent them."""

    def __init__(self, site: PeerSite, others: list[PeerSite], folder: Path, moving_clock: MovingClock) -> None:
        self.site, self.others, self._file, self._clock = site, others, folder / "yesterday", moving_clock
        self.remote_ids = [site.list_site(other)[0] for other in others]
        for other in others:
            assert other.list_site(site)[1].is_ok

    def backup(self) -> None:
        """Keep a copy of the database."""
        self.site.backup(self._file)

    def restore(self, *, confirm: bool = True) -> None:
        """Put the copy back some time later, and with `confirm` say that it was restored."""
        self._clock.advance(timedelta(hours=1))
        self.site.restore(self._file)
        if confirm:
            self.confirm()

    def confirm(self) -> None:
        """What the confirmation of *restored* begins."""
        self.site.write(lambda session: state.begin(session, clock.now()))

    def order(self, ref: str, points: int = 10, customer: str = "alice@example.test", **fields: Any) -> RecordResult:
        """The shop records an order, or repeats it."""
        draft = Draft(customer, points, ref=ref, **fields)
        [result] = self.site.write(lambda session: record(session, [draft], SHOP, clock.now()))
        return result

    def deliver(self, *remote_numbers: int) -> None:
        """Send everything to the others, or to some of them."""
        for number in remote_numbers or range(len(self.others)):
            self.site.deliver(self.remote_ids[number])

    def take_down(self, number: int) -> PeerSite:
        """Let one of the others answer with an error, until its `interceptor` is None again."""

        def fail(_environ: dict[str, Any], start_response: Any, _app: Wsgi) -> Iterable[bytes]:
            start_response("500 Down", [])
            return [b""]

        self.others[number].interceptor = fail
        return self.others[number]

    def fetch(self) -> None:
        """One tick of the job."""
        with self.site.app.app_context():
            recovery_ticks.fetch_back()

    def continue_without(self, *remote_numbers: int) -> None:
        """An admin continues without some of the others."""
        remote_ids = [self.remote_ids[number] for number in remote_numbers]
        self.site.write(lambda session: run.continue_without(session, remote_ids, clock.now()))

    @property
    def progress(self) -> FetchBackProgress:
        """How far it is."""
        return self.site.read(progress.read)

    @property
    def is_running(self) -> bool:
        return self.site.read(state.is_running)

    def own_ids(self, site: PeerSite) -> set[str]:
        """The ids of the restored site's movements that are sent, at one of the sites."""
        return {each.id for each in site.movements(self.site.identity.auth) if each.kind != "correction"}


@contextmanager
def make_family(
    make_site: MakeSite, folder: Path, moving_clock: MovingClock, count: int = 2
) -> Iterator[RestoredFamily]:
    """A running family with `count` other sites."""
    with ExitStack() as stack:
        site, *others = [stack.enter_context(make_site(name)) for name in ("s", "a", "b", "c", "d")[: count + 1]]
        yield RestoredFamily(site, others, folder, moving_clock)
