"""The sites of the family as sources of a report: this one, and those that answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from flask import Flask, current_app
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.models import Origin, Remote
from pointsync.reports.person_report.person import Person
from pointsync.reports.person_report.rows import iter_rows
from pointsync.runtime import get_runtime
from pointsync.sync.people.report_call import ReportPage, fetch_page
from pointsync.sync.people.report_json import PARTS
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.ping import POINTSYNC
from pointsync.sync.remotes.target import load_target
from pointsync.sync.site import local_site

MAX_SECONDS = 60
"""For all sites together. No call begins later."""
MAX_THREADS = 16

Row = tuple[str, Struct]
"""The name of the part, and the row."""


@dataclass(slots=True)
class ReportSite:
    """A site, its rows, and why they are not complete. `problem` is final when all rows were read."""

    auth: str
    name: str
    url: str | None
    problem: str | None = None
    _pages: Iterator[ReportPage] | None = None
    _person: Person | None = None
    _first: ReportPage | None = None
    _is_local: bool = field(default=False)

    @property
    def is_local(self) -> bool:
        """Whether it is this site."""
        return self._is_local

    def rows(self) -> Iterator[Row]:
        """All rows, part by part."""
        if self._person is not None:
            yield from ((row.part, row.content) for row in iter_rows(self._person))
            return
        page = self._first
        while page is not None:
            yield from _rows_of(page)
            page = self._ask_next(page)

    def first_rows(self) -> Iterator[Row]:
        """The rows in the first answer of another site."""
        return iter(()) if self._first is None else _rows_of(self._first)

    def _ask_next(self, page: ReportPage) -> ReportPage | None:
        if page.next is None or self._pages is None:
            return None
        try:
            return next(self._pages, None)
        except RemoteError as error:
            self.problem = f"Not complete: {error.message}"
            return None


def _rows_of(page: ReportPage) -> Iterator[Row]:
    return ((part, row) for part in PARTS for row in getattr(page.parts, part))


def this_site(person: Person, now: datetime) -> ReportSite:
    """This site as a source."""
    state = get_runtime()
    identity = local_site.load_identity(person.session, state.vault, state.config, now)
    return ReportSite(identity.auth, identity.name, identity.url, _person=person, _is_local=True)


def other_sites(session: Session, customer: str) -> list[ReportSite]:
    """All other sites, sorted by name. Those that can be asked are asked for their first rows at the same time.

    A site that does not answer has a `problem`. No transaction may be open.
    """
    remotes = _list_remotes(session)
    sites = [ReportSite(each.auth, each.display_name, each.url, _find_problem(session, each)) for each in remotes]
    app, deadline = current_app._get_current_object(), monotonic() + MAX_SECONDS  # type: ignore[attr-defined]
    remote_ids = {remote.auth: remote.id for remote in remotes}
    session.rollback()
    asked = [site for site in sites if site.problem is None]
    if asked:
        with ThreadPoolExecutor(min(len(asked), MAX_THREADS), thread_name_prefix="report") as pool:
            list(pool.map(lambda site: _begin(app, site, remote_ids[site.auth], customer, deadline), asked))
    return sites


def _list_remotes(session: Session) -> list[Remote]:
    """One remote of each site."""
    query = select(Remote).where(Remote.deleted_at.is_(None)).order_by(Remote.id)
    by_auth = {remote.auth: remote for remote in session.scalars(query)}
    return sorted(by_auth.values(), key=lambda remote: (remote.display_name.casefold(), remote.auth))


def _find_problem(session: Session, remote: Remote) -> str | None:
    """Why a site is not asked."""
    origin = session.get(Origin, remote.auth)
    if Origin.is_blocked(session, remote.auth):
        return "This site is blocked, so PointSync did not ask it. Ask its admin."
    if remote.dialect not in (POINTSYNC, None):
        return "This site is a WooRewards shop, which cannot send stored data. Ask its admin."
    if remote.dialect is None:
        return "This site was never reached, so PointSync did not ask it. Ask its admin."
    if origin is None or origin.pinned_key is None:
        return "The key of this site is not proven yet, so PointSync did not ask it. Ask its admin."
    return None


def _begin(app: Flask, site: ReportSite, remote_id: int, customer: str, deadline: float) -> None:
    site._pages = _ask(app, remote_id, customer, deadline)
    try:
        site._first = next(site._pages)
    except RemoteError as error:
        site.problem = error.message


def _ask(app: Flask, remote_id: int, customer: str, deadline: float) -> Iterator[ReportPage]:
    """The pages of a remote. Raises RemoteError."""
    after: str | None = None
    while True:
        if monotonic() > deadline:
            raise RemoteError(
                "timeout", f"It did not send everything within {MAX_SECONDS} seconds. Try again, or ask its admin."
            )
        with app.app_context():
            page = _call(remote_id, customer, after)
        yield page
        after = page.next
        if after is None:
            return


def _call(remote_id: int, customer: str, after: str | None) -> ReportPage:
    state, session, now = get_runtime(), db.session(), clock.now()
    remote = session.get(Remote, remote_id)
    if remote is None:
        raise RemoteError("not_a_site", "It was removed from the Remote sites list meanwhile.")
    target = load_target(session, remote, state.vault)
    identity = local_site.load_identity(session, state.vault, state.config, now)
    db.session.remove()
    try:
        return fetch_page(state.client, identity, target, customer, after, now)
    except RemoteError as error:
        if error.is_unknown_endpoint:
            error.message = f"{target.url} runs an earlier PointSync, which cannot send stored data. Ask its admin."
        raise
