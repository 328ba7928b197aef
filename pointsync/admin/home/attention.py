"""What needs attention: problems that an admin has to fix, and unfinished setup."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.people import pairs
from pointsync.ledger.people.changes import approval
from pointsync.ledger.people.erasure import erasures
from pointsync.mail import mails
from pointsync.models import Customer, DeliveryState, Difference, Remote
from pointsync.reports.overview import AttentionCounts
from pointsync.shops import status as shop_status
from pointsync.shops.status import Severity, ShopProblem, ShopStatus
from pointsync.sync.fetch_back import progress
from pointsync.sync.protocol import ping
from pointsync.sync.remotes import blocked_origins, sending_problem, status
from pointsync.sync.remotes.blocked_origins import BlockedSite
from pointsync.sync.remotes.queue import RemoteRow
from pointsync.sync.remotes.status import OK_CHECK_CODES
from pointsync.sync.repair import comparison_list
from pointsync.sync.site import settings
from pointsync.sync.site.local_site import Identity
from pointsync.webhooks import endpoints
from pointsync.woocommerce import outages, problems
from pointsync.woocommerce.outages import UnreadOutage
from pointsync.woocommerce.problems import HookProblem
from pointsync.woocommerce.reading import status as reading_status
from pointsync.woocommerce.reading.status import ShopReading

MAX_HOOK_PROBLEMS = 20
MAX_SHOPS = 3
MAX_CONNECTED_SHOPS = 5
MAX_CUSTOMERS = 3
MAX_RED_REMOTES = 3
"""How many red remotes are listed one by one; the others are counted."""


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """One problem or step of the setup. The template has the text for each `code`."""

    code: str
    severity: str
    """`error`, `warning` or `help`."""
    remotes: Sequence[Remote] = field(default_factory=tuple)
    count: int = 0
    is_more: bool = False
    """Whether there are more than `count`."""
    message: str = ""
    """The error of the mail server, or the status of the remote."""
    sites: Sequence[BlockedSite] = field(default_factory=tuple)
    """The blocked sites that it is about."""
    hook_problem: HookProblem | None = None
    shop: ShopReading | None = None
    outage: UnreadOutage | None = None
    connected_shop: ShopStatus | None = None
    shop_problem: ShopProblem | None = None
    customer: Customer | None = None


def list_items(
    session: Session,
    identity: Identity,
    remote_rows: Sequence[RemoteRow],
    counts: AttentionCounts,
    blocked_sites: Sequence[BlockedSite],
    now: datetime,
) -> list[AttentionItem]:
    """Everything that needs attention now, the most serious first. Stopped sending has a notice of its own."""
    differing_ids = set(session.scalars(select(Difference.remote_id).distinct()))
    return [
        *_sending_items(session, remote_rows, differing_ids),
        *_movement_items(remote_rows, counts),
        *_comparison_items(session, [row.remote for row in remote_rows if row.remote.id in differing_ids]),
        *_fetch_back_items(session),
        *_change_items(session),
        *_shop_items(session, now),
        *_connected_shop_items(session, now),
        *_hook_items(session, now),
        *_mail_items(session),
        *_webhook_items(session),
        *_people_items(session),
        *_setup_items(identity, remote_rows),
        *_blocked_items(blocked_sites, now),
    ]


def _sending_items(
    session: Session, remote_rows: Sequence[RemoteRow], differing_ids: Collection[int]
) -> Iterator[AttentionItem]:
    problem = sending_problem.find(session)
    if remote_rows and sending_problem.find_reason(session) in sending_problem.SERVER_REASONS:
        yield AttentionItem("nobody_sends", "error", message=problem or "")
    # A problem of the whole site is one item, not one for each remote.
    red_items = [
        AttentionItem("red", "error", [row.remote], message=message)
        for row in remote_rows
        if row.shown.status == status.ERROR
        and (message := row.shown.text.removeprefix(problem or "").strip())
        and not _needs_only_decisions(row, differing_ids)
    ]
    yield from red_items[:MAX_RED_REMOTES]
    if more_count := len(red_items[MAX_RED_REMOTES:]):
        yield AttentionItem("more_red", "error", count=more_count)


def _movement_items(remote_rows: Sequence[RemoteRow], counts: AttentionCounts) -> Iterator[AttentionItem]:
    if refusing_remotes := [row.remote for row in remote_rows if row.waiting_by_state[DeliveryState.FAILED]]:
        yield AttentionItem("refused", "error", refusing_remotes, counts.refused.number, counts.refused.is_more)
    # Balances are counted, not movements: a balance can return to zero without anybody resolving its movements.
    if overdrawn_count := counts.balances_below_zero.number:
        yield AttentionItem("below_zero", "warning", count=overdrawn_count, is_more=counts.balances_below_zero.is_more)


def _comparison_items(session: Session, differing: Sequence[Remote]) -> Iterator[AttentionItem]:
    if differing:
        yield AttentionItem("differences", "error", differing, comparison_list.count_differences(session))
    integrity = comparison_list.read_integrity(session)
    if integrity.altered_count:
        yield AttentionItem("altered", "warning", count=integrity.altered_count)
    if integrity.wrong_total_count:
        yield AttentionItem("wrong_totals", "warning", count=integrity.wrong_total_count)


def _fetch_back_items(session: Session) -> Iterator[AttentionItem]:
    fetch_back = progress.read(session)
    if fetch_back.running or any(each.state == "skipped" for each in fetch_back.remotes):
        severity = "error" if fetch_back.running else "warning"
        yield AttentionItem("fetch_back", severity, message=progress.describe(fetch_back))
    if fetch_back.decisions:
        yield AttentionItem("returned", "warning", count=fetch_back.decisions)


def _change_items(session: Session) -> Iterator[AttentionItem]:
    waiting_count, disputed_count = approval.count_open(session)
    if waiting_count:
        yield AttentionItem("changes_waiting", "warning", count=waiting_count)
    if disputed_count:
        yield AttentionItem("changes_disputed", "warning", count=disputed_count)
    for customer in approval.list_out_of_bounds(session, MAX_CUSTOMERS):
        yield AttentionItem("out_of_bounds", "warning", customer=customer)


def _hook_items(session: Session, now: datetime) -> Iterator[AttentionItem]:
    silent_days = settings.read(session).hook_silent_days
    for problem in problems.list_problems(session, silent_days, now)[:MAX_HOOK_PROBLEMS]:
        yield AttentionItem("hook", problem.severity, count=problem.count, hook_problem=problem)


def _shop_items(session: Session, now: datetime) -> Iterator[AttentionItem]:
    for unread in outages.list_unread(session)[:MAX_SHOPS]:
        yield AttentionItem("outage", "error", outage=unread)
    for each in reading_status.list_failing(session, now)[:MAX_SHOPS]:
        yield AttentionItem("shop_reading", "error", shop=each)


def _connected_shop_items(session: Session, now: datetime) -> Iterator[AttentionItem]:
    """The most serious problem of each shop, and the shops with the most serious ones first."""
    silent_days = settings.read(session).hook_silent_days
    statuses = [each for each in shop_status.load_all(session, silent_days, now) if each.problems]
    serious = [each for each in statuses if each.problems[0].severity != Severity.NONE]
    serious.sort(key=lambda each: each.problems[0].severity != Severity.ERROR)
    for each in serious[:MAX_CONNECTED_SHOPS]:
        problem = each.problems[0]
        yield AttentionItem("connected_shop", problem.severity.value, connected_shop=each, shop_problem=problem)
    if more := serious[MAX_CONNECTED_SHOPS:]:
        yield AttentionItem("more_connected_shops", more[0].problems[0].severity.value, count=len(more))


def _mail_items(session: Session) -> Iterator[AttentionItem]:
    counts = mails.count_attention(session)
    if counts.failing_server:
        yield AttentionItem("mail_server", "error", message=counts.failing_server.message or "")
    if counts.failed.number:
        yield AttentionItem("mails_failed", "warning", count=counts.failed.number, is_more=counts.failed.is_more)


def _webhook_items(session: Session) -> Iterator[AttentionItem]:
    if off_count := endpoints.count_off(session):
        yield AttentionItem("webhooks_off", "error", count=off_count)


def _people_items(session: Session) -> Iterator[AttentionItem]:
    if waiting := erasures.list_waiting(session):
        yield AttentionItem("erasures_wait", "warning", count=len(waiting))
    if asked_count := pairs.count_asked(session):
        yield AttentionItem("customers_asked", "warning", count=asked_count)


def _setup_items(identity: Identity, remote_rows: Sequence[RemoteRow]) -> Iterator[AttentionItem]:
    if identity.url is None:
        yield AttentionItem("no_url", "warning")
    if not remote_rows:
        yield AttentionItem("no_remotes", "help")
    reachable = [
        row.remote
        for row in remote_rows
        if row.remote.dialect == ping.POINTSYNC and row.remote.check_code in OK_CHECK_CODES
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


def _needs_only_decisions(row: RemoteRow, differing_ids: Collection[int]) -> bool:
    """Whether a remote is red only for movements that were refused or that differ, which have items of their own."""
    is_fine = row.remote.attempt_code in OK_CHECK_CODES and row.remote.check_code in OK_CHECK_CODES
    return is_fine and bool(row.waiting_by_state[DeliveryState.FAILED] or row.remote.id in differing_ids)


def _one_per_site(remotes: Iterable[Remote]) -> list[Remote]:
    """One remote per site, even if several remotes lead to it."""
    return list({remote.auth: remote for remote in remotes}.values())
