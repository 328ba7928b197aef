"""What needs a hand: what goes wrong and does not mend by itself, and what is not set up yet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.mail import mails
from pointsync.models import Remote, State
from pointsync.reports.overview import Hands
from pointsync.sync.protocol import ping
from pointsync.sync.remotes import blocked_origins, status
from pointsync.sync.remotes.blocked_origins import Blocked
from pointsync.sync.remotes.queue import Line
from pointsync.sync.site.local_site import Identity

FINE = (None, "ok", "clock_skew")


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to do; its sentence, and the way to it, stand in the template under `what`."""

    what: str
    weight: str
    """`error`, `warning` or `help`."""
    remotes: Sequence[Remote] = field(default_factory=tuple)
    count: int = 0
    is_more: bool = False
    """There are more than `count`."""
    text: str = ""
    """What a server has said, or what is said of it."""
    sites: Sequence[Blocked] = field(default_factory=tuple)
    """Blocked ones, where it is about these."""


def find(
    session: Session,
    identity: Identity,
    lines: Sequence[Line],
    hands: Hands,
    blocked: Sequence[Blocked],
    now: datetime,
) -> list[Need]:
    """All that needs a hand now, the gravest first; what is held is asked by a notice of its own."""
    return [
        *_sending(session, lines),
        *_counted(lines, hands),
        *_mails(session),
        *_set_up(identity, lines),
        *_blocked(blocked, now),
    ]


def _sending(session: Session, lines: Sequence[Line]) -> Iterator[Need]:
    if lines and not leases.any_alive(session):
        yield Need("nobody_sends", "error")
    if red := [line.remote for line in lines if line.remote.status == status.ERROR and not _only_refused(line)]:
        yield Need("red", "error", red)


def _counted(lines: Sequence[Line], hands: Hands) -> Iterator[Need]:
    if refusing := [line.remote for line in lines if line.waiting[State.FAILED]]:
        yield Need("refused", "error", refusing, hands.refused.number, hands.refused.is_more)
    # Not the movements: nobody notes which of them were dealt with, while balances come back to zero.
    if below := hands.customers_below.number:
        yield Need("below_zero", "warning", count=below, is_more=hands.customers_below.is_more)


def _mails(session: Session) -> Iterator[Need]:
    found = mails.hands(session)
    if found.server:
        yield Need("mail_server", "error", text=found.server.message or "")
    if found.failed.number:
        yield Need("mails_failed", "warning", count=found.failed.number, is_more=found.failed.is_more)


def _set_up(identity: Identity, lines: Sequence[Line]) -> Iterator[Need]:
    if identity.url is None:
        yield Need("no_url", "warning")
    if not lines:
        yield Need("no_remotes", "help")
    good = [line.remote for line in lines if line.remote.dialect == ping.POINTSYNC and line.remote.check_code in FINE]
    if silent := _sites(each for each in good if identity.auth not in each.facts.get("lists", [identity.auth])):
        yield Need("not_listed", "warning", silent)
    if ending := [each for each in good if each.facts.get("pass_ends_at")]:
        yield Need("pass_ends", "warning", ending)
    if apart := _sites(each for each in good if each.clock_offset_seconds):
        minutes = min(abs(each.clock_offset_seconds) for each in apart) / 60
        yield Need("clock", "warning", apart, max(1, round(minutes)))


def _blocked(blocked: Sequence[Blocked], now: datetime) -> Iterator[Need]:
    if reversing := [each for each in blocked if each.is_reversing]:
        yield Need("reversal", "help", sites=reversing)
    if calling := blocked_origins.still_calling(blocked, now):
        yield Need("blocked_calls", "help", sites=calling, count=sum(each.calls for each in calling))


def _only_refused(line: Line) -> bool:
    """Whether a remote is red for nothing but movements that it refused, which are told by themselves."""
    is_fine = line.remote.attempt_code in FINE and line.remote.check_code in FINE
    return bool(line.waiting[State.FAILED]) and is_fine


def _sites(remotes: Iterable[Remote]) -> list[Remote]:
    """One line for each site, however many lines lead to it."""
    return list({remote.auth: remote for remote in remotes}.values())
