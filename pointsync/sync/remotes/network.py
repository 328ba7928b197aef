"""The family of sites as their pings report it: which site lists which, clocks, different rewards, and senders that
are not listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.models import Origin, RefusedOrigin, Remote, Site
from pointsync.sync.protocol.ping import POINTSYNC
from pointsync.sync.remotes import blocked_origins, origin_runs
from pointsync.sync.remotes.blocked_origins import BlockedSite
from pointsync.sync.site import catalogue, names, settings
from pointsync.sync.site.catalogue import CatalogueDifference

MAX_SENDERS = 200
"""How many senders are shown, the last callers first."""


@dataclass(frozen=True, slots=True)
class PingReport:
    """What is known about a site of the family; None where it has not reported it."""

    auth: str
    name: str
    is_local: bool = False
    dialect: str | None = None
    version: str | None = None
    lists: frozenset[str] | None = None
    """The Auths of the sites that it lists. A WooRewards shop does not report them."""
    sends_mails: bool | None = None
    reserves: tuple[tuple[str, str], ...] = ()
    """Keys and names."""
    clock_offset_seconds: float = 0.0
    checked_at: datetime | None = None
    last_seen_at: datetime | None = None
    """When it last called here."""
    ran_twice: bool = False
    """Whether a second installation of it was running, which is refused here."""


@dataclass(frozen=True, slots=True)
class Member:
    """A site of the family, and the sites missing on its list: every site should list every other one."""

    report: PingReport
    lists: tuple[str, ...] | None
    """The Auths of the family's sites that it lists; None if unknown."""
    missing: tuple[str, ...] | None
    unlisted_here: tuple[str, ...]
    """The Auths that it lists but this site does not."""


@dataclass(frozen=True, slots=True)
class UnlistedSender:
    """A site that is not listed here but whose movements are here, or that called recently."""

    auth: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime | None
    movement_count: int


@dataclass(frozen=True, slots=True)
class Network:
    """This site, then the listed ones; and senders that are not listed."""

    members: tuple[Member, ...]
    senders: tuple[UnlistedSender, ...]
    differences: tuple[CatalogueDifference, ...] = ()
    """In rewards and levels."""
    has_catalogue: bool = False
    """Whether this site or a listed one has rewards or levels, about which customers could get mails."""
    blocked_sites: tuple[BlockedSite, ...] = ()
    refused_origins: tuple[RefusedOrigin, ...] = ()
    """Recent callers that were refused because only listed sites are accepted."""

    @property
    def is_complete(self) -> bool:
        """Whether every site lists every other one, as far as is known."""
        return not self.senders and not any(member.missing or member.unlisted_here for member in self.members)

    @property
    def mail_senders(self) -> tuple[PingReport, ...]:
        """The sites that are known to send mails; in a family it should be one."""
        return tuple(member.report for member in self.members if member.report.sends_mails)

    @property
    def unknown_mail_senders(self) -> tuple[PingReport, ...]:
        """The sites that have not reported whether they send mails."""
        return tuple(member.report for member in self.members if member.report.sends_mails is None)


def build_members(reports: Sequence[PingReport]) -> tuple[Member, ...]:
    """Compare the sites' lists."""
    family_auths = [report.auth for report in reports]
    built_members = []
    for report in reports:
        others = [auth for auth in family_auths if auth != report.auth]
        lists = report.lists
        built_members.append(
            Member(
                report,
                None if lists is None else tuple(auth for auth in others if auth in lists),
                None if lists is None else tuple(auth for auth in others if auth not in lists),
                tuple(sorted((lists or frozenset()) - set(family_auths))),
            )
        )
    return tuple(built_members)


def read(session: Session, config: Config, now: datetime) -> Network:
    """The family now, in a fixed number of queries. Of several remotes for a site, the newest check counts."""
    site = session.get_one(Site, 1)
    site_names = names.read(session, config)
    current_settings = settings.read(session)
    newest_by_auth: dict[str, Remote] = {}
    remotes = session.scalars(
        select(Remote).where(Remote.deleted_at.is_(None), Remote.closing_at.is_(None)).order_by(Remote.id)
    ).all()
    for remote in remotes:
        previous = newest_by_auth.get(remote.auth)
        if previous is None or (
            remote.checked_at and (not previous.checked_at or remote.checked_at > previous.checked_at)
        ):
            newest_by_auth[remote.auth] = remote
    origins_by_auth = {
        origin.auth: origin for origin in session.scalars(select(Origin).where(Origin.auth.in_(newest_by_auth)))
    }
    local_report = PingReport(
        site.auth,
        site_names.for_origin(site.auth),
        is_local=True,
        dialect=POINTSYNC,
        lists=frozenset(newest_by_auth),
        sends_mails=current_settings.send_mails,
    )
    reports = [
        local_report,
        *(_build_report(remote, site_names, origins_by_auth.get(remote.auth)) for remote in newest_by_auth.values()),
    ]
    since = now - timedelta(days=current_settings.statistics_days)
    unlisted_senders = _list_unlisted_senders(session, [each.auth for each in reports], site_names, since)
    has_remote_catalogue = any(
        remote.facts.get("rewards") or remote.facts.get("levels") for remote in newest_by_auth.values()
    )
    return Network(
        build_members(reports),
        unlisted_senders,
        catalogue.find_differences(session, remotes),
        has_catalogue=has_remote_catalogue or catalogue.has_any(session),
        blocked_sites=tuple(blocked_origins.list_blocked(session, site_names)),
        refused_origins=tuple(blocked_origins.list_unlisted_refused(session)),
    )


def _build_report(remote: Remote, site_names: names.SiteNames, origin: Origin | None) -> PingReport:
    facts = remote.facts
    is_pointsync = remote.dialect == POINTSYNC
    return PingReport(
        remote.auth,
        site_names.for_origin(remote.auth),
        dialect=remote.dialect,
        version=facts.get("version") or None,
        lists=frozenset(facts["lists"]) if is_pointsync and "lists" in facts else None,
        sends_mails=facts.get("sends_mails") if is_pointsync else None,
        reserves=tuple((each["key"], each["name"]) for each in facts.get("reserves", [])),
        clock_offset_seconds=remote.clock_offset_seconds,
        checked_at=remote.checked_at,
        last_seen_at=origin.last_seen_at if origin else None,
        ran_twice=origin is not None and origin_runs.ran_twice(origin),
    )


def _list_unlisted_senders(
    session: Session, listed_auths: list[str], site_names: names.SiteNames, since: datetime
) -> tuple[UnlistedSender, ...]:
    """Senders that are not listed, also those that were listed once: nothing is sent back to them."""
    query = (
        blocked_origins.select_with_movement_counts()
        .where(Origin.auth.not_in(listed_auths), Origin.blocked_at.is_(None))
        .having(or_(blocked_origins.MOVEMENT_COUNT > 0, Origin.last_seen_at >= since))
        .order_by(Origin.last_seen_at.desc().nulls_last(), Origin.auth)
        .limit(MAX_SENDERS)
    )
    return tuple(
        UnlistedSender(
            origin.auth, site_names.for_origin(origin.auth), origin.first_seen_at, origin.last_seen_at, int(count)
        )
        for origin, count in session.execute(query)
    )
