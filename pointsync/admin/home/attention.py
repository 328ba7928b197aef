"""What needs a hand: what goes wrong and does not mend by itself, and what is not set up yet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.mail import mails
from pointsync.models import DeliveryState, Remote
from pointsync.reports.overview import AttentionCounts
from pointsync.sync.protocol import ping
from pointsync.sync.remotes import blocked_origins, status
from pointsync.sync.remotes.blocked_origins import BlockedSite
from pointsync.sync.remotes.queue import RemoteRow
from pointsync.sync.site.local_site import Identity

OK_CODES = (None, "ok", "clock_skew")


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """One thing to do; its sentence, and the way to it, stand in the template under `what`."""

    code: str
    severity: str
    """`error`, `warning` or `help`."""
    remotes: Sequence[Remote] = field(default_factory=tuple)
    count: int = 0
    is_more: bool = False
    """There are more than `count`."""
    message: str = ""
    """What a server has said, or what is said of it."""
    sites: Sequence[BlockedSite] = field(default_factory=tuple)
    """Blocked ones, where it is about these."""


def list_items(
    session: Session,
    identity: Identity,
    remote_rows: Sequence[RemoteRow],
    counts: AttentionCounts,
    blocked_sites: Sequence[BlockedSite],
    now: datetime,
) -> list[AttentionItem]:
    """All that needs a hand now, the gravest first; what is held is asked by a notice of its own."""
    return [
        *_sending_items(session, remote_rows),
        *_movement_items(remote_rows, counts),
        *_mail_items(session),
        *_setup_items(identity, remote_rows),
        *_blocked_items(blocked_sites, now),
    ]


def _sending_items(session: Session, remote_rows: Sequence[RemoteRow]) -> Iterator[AttentionItem]:
    if remote_rows and not leases.is_any_alive(session):
        yield AttentionItem("nobody_sends", "error")
    if red_remotes := [
        row.remote for row in remote_rows if row.remote.status == status.ERROR and not _has_only_refusals(row)
    ]:
        yield AttentionItem("red", "error", red_remotes)


def _movement_items(remote_rows: Sequence[RemoteRow], counts: AttentionCounts) -> Iterator[AttentionItem]:
    if refusing_remotes := [row.remote for row in remote_rows if row.waiting_by_state[DeliveryState.FAILED]]:
        yield AttentionItem("refused", "error", refusing_remotes, counts.refused.number, counts.refused.is_more)
    # Not the movements: nobody notes which of them were dealt with, while balances come back to zero.
    if overdrawn_count := counts.balances_below_zero.number:
        yield AttentionItem("below_zero", "warning", count=overdrawn_count, is_more=counts.balances_below_zero.is_more)


def _mail_items(session: Session) -> Iterator[AttentionItem]:
    counts = mails.count_attention(session)
    if counts.failing_server:
        yield AttentionItem("mail_server", "error", message=counts.failing_server.message or "")
    if counts.failed.number:
        yield AttentionItem("mails_failed", "warning", count=counts.failed.number, is_more=counts.failed.is_more)


def _setup_items(identity: Identity, remote_rows: Sequence[RemoteRow]) -> Iterator[AttentionItem]:
    if identity.url is None:
        yield AttentionItem("no_url", "warning")
    if not remote_rows:
        yield AttentionItem("no_remotes", "help")
    reachable = [
        row.remote for row in remote_rows if row.remote.dialect == ping.POINTSYNC and row.remote.check_code in OK_CODES
    ]
    if not_listing := _one_per_site(
        each for each in reachable if identity.auth not in each.facts.get("lists", [identity.auth])
    ):
        yield AttentionItem("not_listed", "warning", not_listing)
    if expiring := [each for each in reachable if each.facts.get("pass_ends_at")]:
        yield AttentionItem("pass_ends", "warning", expiring)
    if skewed := _one_per_site(each for each in reachable if each.clock_offset_seconds):
        minutes = min(abs(each.clock_offset_seconds) for each in skewed) / 60
        yield AttentionItem("clock", "warning", skewed, max(1, round(minutes)))


def _blocked_items(blocked_sites: Sequence[BlockedSite], now: datetime) -> Iterator[AttentionItem]:
    if reversing_sites := [each for each in blocked_sites if each.is_reversing]:
        yield AttentionItem("reversal", "help", sites=reversing_sites)
    if calling_sites := blocked_origins.filter_recent_callers(blocked_sites, now):
        yield AttentionItem(
            "blocked_calls", "help", sites=calling_sites, count=sum(each.call_count for each in calling_sites)
        )


def _has_only_refusals(row: RemoteRow) -> bool:
    """Whether a remote is red for nothing but movements that it refused, which are told by themselves."""
    is_fine = row.remote.attempt_code in OK_CODES and row.remote.check_code in OK_CODES
    return bool(row.waiting_by_state[DeliveryState.FAILED]) and is_fine


def _one_per_site(remotes: Iterable[Remote]) -> list[Remote]:
    """One line for each site, however many lines lead to it."""
    return list({remote.auth: remote for remote in remotes}.values())
