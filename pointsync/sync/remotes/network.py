"""The family as the pings tell of it: who lists whom, whose clock goes wrong, who has other rewards, and who sends
without being listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from pointsync.config import Config
from pointsync.models import Holding, Origin, Remote, Site, TurnedAway
from pointsync.sync.protocol.ping import POINTSYNC
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.remotes.blocked_origins import Blocked
from pointsync.sync.site import catalogue, names, settings
from pointsync.sync.site.catalogue import Difference

MOST = 200
"""Senders that are shown, those who called last first."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a site of the family; None where it has not told, as this one does not tell itself."""

    auth: str
    name: str
    is_here: bool = False
    dialect: str | None = None
    version: str | None = None
    lists: frozenset[str] | None = None
    """The Auths of the sites that it lists. A WooRewards shop tells of none."""
    sends_mails: bool | None = None
    reserves: tuple[tuple[str, str], ...] = ()
    """Keys and names."""
    clock_offset_seconds: float = 0.0
    checked_at: datetime | None = None
    last_seen_at: datetime | None = None
    """When it last called here."""


@dataclass(frozen=True, slots=True)
class Member:
    """A site of the family, and what is missing on its list: every site should list every other one."""

    told: Told
    lists: tuple[str, ...] | None
    """Of the family, in its order; None where it is unknown."""
    missing: tuple[str, ...] | None
    elsewhere: tuple[str, ...]
    """Whom it lists beside the family, by Auth: sites that this one does not list."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A site whose movements are here, or that called here lately, though no line of the list names it."""

    auth: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime | None
    movements: int


@dataclass(frozen=True, slots=True)
class Network:
    """This site first, then the others as the list has them; and the senders that it lacks."""

    members: tuple[Member, ...]
    senders: tuple[Sender, ...]
    differences: tuple[Difference, ...] = ()
    """Of rewards and levels."""
    has_offers: bool = False
    """Whether this site, or one that has told, has rewards or levels, about which customers could be mailed."""
    blocked: tuple[Blocked, ...] = ()
    turned_away: tuple[TurnedAway, ...] = ()
    """Those that called lately and are not listed, where only listed ones are accepted."""

    @property
    def is_whole(self) -> bool:
        """Whether, as far as is known, every site lists every other one."""
        return not self.senders and not any(member.missing or member.elsewhere for member in self.members)

    @property
    def mailing(self) -> tuple[Told, ...]:
        """The sites that send mails, as far as they have told: of a family it should be one."""
        return tuple(member.told for member in self.members if member.told.sends_mails)

    @property
    def not_telling(self) -> tuple[Told, ...]:
        """The sites of which it is not known whether they send mails."""
        return tuple(member.told for member in self.members if member.told.sends_mails is None)


def members(told: Sequence[Told]) -> tuple[Member, ...]:
    """Who lists whom, from what each has told."""
    family = [each.auth for each in told]
    found = []
    for each in told:
        others = [auth for auth in family if auth != each.auth]
        lists = each.lists
        found.append(
            Member(
                each,
                None if lists is None else tuple(auth for auth in others if auth in lists),
                None if lists is None else tuple(auth for auth in others if auth not in lists),
                tuple(sorted((lists or frozenset()) - set(family))),
            )
        )
    return tuple(found)


def read(session: Session, config: Config, now: datetime) -> Network:
    """The family now, by as many queries whatever there is; of several lines to a site the newest check tells."""
    site = session.get_one(Site, 1)
    shown = names.read(session, config)
    known_settings = settings.read(session)
    seen = {row.auth: row.last_seen_at for row in session.execute(select(Origin.auth, Origin.last_seen_at))}
    newest: dict[str, Remote] = {}
    lines = session.scalars(
        select(Remote).where(Remote.deleted_at.is_(None), Remote.closing_at.is_(None)).order_by(Remote.id)
    ).all()
    for line in lines:
        known = newest.get(line.auth)
        if known is None or (line.checked_at and (not known.checked_at or line.checked_at > known.checked_at)):
            newest[line.auth] = line
    here = Told(
        site.auth,
        shown.origin(site.auth),
        is_here=True,
        dialect=POINTSYNC,
        lists=frozenset(newest),
        sends_mails=known_settings.send_mails,
    )
    told = [here, *(_told(line, shown, seen.get(line.auth)) for line in newest.values())]
    since = now - timedelta(days=known_settings.statistics_days)
    senders = _senders(session, [each.auth for each in told], shown, since)
    told_offers = any(line.facts.get("rewards") or line.facts.get("levels") for line in newest.values())
    return Network(
        members(told),
        senders,
        catalogue.differences(session, lines),
        has_offers=told_offers or catalogue.has_any(session),
        blocked=tuple(blocked_origins.blocked(session, shown)),
        turned_away=tuple(blocked_origins.not_let_in(session)),
    )


def _told(line: Remote, shown: names.Names, last_seen_at: datetime | None) -> Told:
    facts = line.facts
    tells = line.dialect == POINTSYNC
    return Told(
        line.auth,
        shown.origin(line.auth),
        dialect=line.dialect,
        version=facts.get("version") or None,
        lists=frozenset(facts["lists"]) if tells and "lists" in facts else None,
        sends_mails=facts.get("sends_mails") if tells else None,
        reserves=tuple((each["key"], each["name"]) for each in facts.get("reserves", [])),
        clock_offset_seconds=line.clock_offset_seconds,
        checked_at=line.checked_at,
        last_seen_at=last_seen_at,
    )


def _senders(session: Session, listed: list[str], shown: names.Names, since: datetime) -> tuple[Sender, ...]:
    """Also a site that was listed once: what it goes on to send arrives, and nothing goes back."""
    count = func.coalesce(func.sum(Holding.count), 0)
    query = (
        select(Origin.auth, Origin.first_seen_at, Origin.last_seen_at, count)
        .join(Holding, Holding.origin == Origin.auth, isouter=True)
        .where(Origin.auth.not_in(listed), Origin.blocked_at.is_(None))
        .group_by(Origin.auth, Origin.first_seen_at, Origin.last_seen_at)
        .having(or_(count > 0, Origin.last_seen_at >= since))
        .order_by(Origin.last_seen_at.desc().nulls_last(), Origin.auth)
        .limit(MOST)
    )
    return tuple(
        Sender(auth, shown.origin(auth), first_seen_at, last_seen_at, int(held))
        for auth, first_seen_at, last_seen_at, held in session.execute(query)
    )
