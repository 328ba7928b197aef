"""Sample objects for the page of components. None of them is in a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pointsync.admin.customers import delivery_summary
from pointsync.admin.customers.delivery_summary import DeliverySummary
from pointsync.admin.home.attention import AttentionItem
from pointsync.admin.points.settlement import SettlementPage
from pointsync.admin.shell.chart import Chart, build_stacked
from pointsync.ledger.expiry.rule import ExpiryRule, make_period_rule, make_yearly_rule
from pointsync.ledger.forecast import Forecast
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.ledger.record import Draft
from pointsync.ledger.settlement_sums import MonthTotals, Settlement
from pointsync.models import (
    Attempt,
    Backfill,
    Customer,
    Delivery,
    DeliveryState,
    Hold,
    Level,
    LevelUnlock,
    Movement,
    Remote,
    Reserve,
    Reversal,
    Task,
    TaskState,
)
from pointsync.reports.customer_history import RemoteDelivery
from pointsync.reports.deliveries import DeliveryRow
from pointsync.sync.remotes import sending_problem
from pointsync.sync.remotes.blocked_origins import BlockedSite
from pointsync.sync.remotes.queue import RemoteRow
from pointsync.sync.remotes.shown_status import ShownStatus
from pointsync.sync.site.names import SiteNames
from pointsync.sync.site.passes import Caller, OldPass

SAMPLE_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_NAME = "The Honourable Company of Potters and Glaziers of Lower Wexham, Online Branch"
LONG_URL = "https://a-very-long-name-for-a-shop.example/with/a/path/that/goes/on/and/on/for/ever"
LONG_EMAIL = "maximiliane.von-und-zu-lichtenfels-hohenstein@mail.of-the-potters.example"
LONG_TEXT = (
    "shop-three.example did not answer within 10 seconds, like three attempts before. "
    "12,345 movements waiting. 7 movements for customers unknown there."
)
RESERVE = Reserve(id=1, key="default", name="Points", is_active=True, may_go_below_zero=False)
INACTIVE_RESERVE = Reserve(id=2, key="old", name=LONG_NAME, is_active=False, may_go_below_zero=True)
CUSTOMER = Customer(id=1, email=LONG_EMAIL)


def rules() -> list[ExpiryRule | None]:
    """An expiry rule of each kind, and none."""
    day = SAMPLE_TIME.date()
    return [
        None,
        make_yearly_rule(2, 29, day),
        make_period_rule("transactional", 12, "months", day),
        make_period_rule("inactivity", 1, "days", day),
    ]


def remote_rows() -> list[RemoteRow]:
    """A remote in each status, and one with all details."""
    nothing_waiting = {DeliveryState.PENDING: 0, DeliveryState.UNKNOWN: 0, DeliveryState.FAILED: 0}
    texts = {
        "none": "Nothing was sent yet; the last check succeeded.",
        "green": "Equal, compared 8 s ago, 18,233 movements.",
        "warning": LONG_TEXT,
        "error": "shop-four.example refuses these credentials: paste its sharing key again. 1 movement waiting.",
    }
    rows = [
        RemoteRow(_remote(number, *each), nothing_waiting, None, None, ShownStatus(*each))
        for number, each in enumerate(texts.items(), start=1)
    ]
    rows[2].remote.last_failure_at, rows[2].remote.last_error = SAMPLE_TIME, LONG_TEXT[:80]
    full_remote = _remote(5, "warning", "Paused: nothing is sent until it is resumed. 12,345 movements waiting.")
    full_remote.name, full_remote.url, full_remote.paused_at, full_remote.closing_at = (
        LONG_NAME,
        LONG_URL,
        SAMPLE_TIME,
        SAMPLE_TIME,
    )
    full_remote.last_failure_at, full_remote.last_error = (
        SAMPLE_TIME,
        "The connection was closed before the response was complete.",
    )
    waiting = {DeliveryState.PENDING: 12_345, DeliveryState.UNKNOWN: 7, DeliveryState.FAILED: 3}
    backfill = Backfill(total=1000, done=400, started_at=SAMPLE_TIME)
    return [
        *rows,
        replace(
            rows[0],
            remote=full_remote,
            shown=ShownStatus(full_remote.status, full_remote.status_text),
            waiting_by_state=waiting,
            average_attempts=1.25,
            backfill=backfill,
        ),
    ]


def _remote(number: int, status: str, text: str) -> Remote:
    remote = Remote(id=number, url=f"https://shop-{number}.example", name=f"Shop {number}", target="default")
    remote.reserve, remote.status, remote.status_text = RESERVE, status, text
    remote.last_success_at = SAMPLE_TIME if status == "green" else None
    return remote


def attention_items(remotes: list[Remote]) -> list[AttentionItem]:
    """Every item that can need attention."""
    return [
        AttentionItem("nobody_sends", "error", message=sending_problem.SENTENCES["no_worker"]),
        AttentionItem("red", "error", remotes[2:3], message=LONG_TEXT),
        AttentionItem("more_red", "error", count=2),
        AttentionItem("refused", "error", remotes, 12_345, is_more=True),
        AttentionItem("differences", "error", remotes[:1], count=2),
        AttentionItem("altered", "warning", count=1),
        AttentionItem("wrong_totals", "warning", count=12),
        AttentionItem("below_zero", "warning", count=1),
        AttentionItem(
            "mail_server", "error", message="The mail server mail.example:465 closed the connection. Look at its log."
        ),
        AttentionItem("mails_failed", "warning", count=3),
        AttentionItem("customers_asked", "warning", count=2),
        AttentionItem("no_url", "warning"),
        AttentionItem("not_listed", "warning", remotes[:2]),
        AttentionItem("pass_ends", "warning", remotes[:1]),
        AttentionItem("clock", "warning", remotes[:1], 7),
        AttentionItem("no_remotes", "help"),
        AttentionItem("reversal", "help", sites=[blocked_site()]),
        AttentionItem("blocked_calls", "help", sites=[blocked_site()], count=480),
    ]


def blocked_site() -> BlockedSite:
    """A blocked site whose movements are being reversed."""
    reversal = Reversal(id=1, since=SAMPLE_TIME, total=12_000, done=4_100, corrections=380, out_of_bounds=0)
    return BlockedSite(
        "wrk_0123456789abcdef", LONG_NAME, SAMPLE_TIME, "Sold", "ada", 12_000, 480, SAMPLE_TIME, reversal
    )


def charts() -> dict[str, Chart]:
    """A chart with few days, one with many days and all colours, and one without movements."""
    few, many = ([SAMPLE_TIME.date() + timedelta(days=index) for index in range(count)] for count in (14, 31))
    names = ["Mug shop", "Tea shop", "Print shop", "Book shop", LONG_NAME, "3 others"]
    return {
        "14 days": build_stacked(few, [("Mug shop", [index * 3 % 7 for index in range(14)]), ("Tea shop", [2] * 14)]),
        "31 days": build_stacked(many, [(name, _sample_values(color_index)) for color_index, name in enumerate(names)]),
        "Nothing yet": build_stacked(few, [("Mug shop", [0] * 14)]),
    }


def month_chart() -> Chart:
    """Half a year."""
    days = [date(2025, month, 1) for month in range(7, 13)]
    return build_stacked(days, [("Mug shop", [index * 700 for index in range(6)]), (LONG_NAME, [900] * 6)], 1)


def settlement_page() -> SettlementPage:
    """A month with a site that gave more points than it took, one that took more, and one without a name."""
    totals = {
        "wrk_1": HourTotals(1200, 12_345_678, 4_000),
        "wrk_2": HourTotals(3, 0, 5_000),
        "wrk_" + "3" * 16: HourTotals(2, 7, 7),
    }
    month = MonthTotals(SAMPLE_TIME.date(), SAMPLE_TIME, SAMPLE_TIME, totals, {})
    return SettlementPage(
        RESERVE, Settlement((month,), False), SiteNames({"wrk_1": "Mug shop", "wrk_2": LONG_NAME}, {}), "wrk_1"
    )


def _sample_values(color_index: int) -> list[int]:
    return [(index + 1) * (color_index + 3) % 11 * 400 for index in range(31)]


def movements() -> list[Movement]:
    """A movement of each kind, and of a kind that this version does not know."""
    kinds = ("earn", "spend", "refund", "manual", "import", "redeem", "opening", "correction", "expire", "unknown")
    return [_movement(kind, (-1) ** index * (index * 1250)) for index, kind in enumerate(kinds)]


def _movement(kind: str, points: int) -> Movement:
    reason = LONG_TEXT if kind == "spend" else "Order #17"
    return Movement(id="17", kind=kind, points=points, reason=reason, customer=CUSTOMER, reserve=RESERVE)


def refused_deliveries(remote: Remote) -> list[DeliveryRow]:
    """Refused movements with a message and without."""
    delivery = Delivery(id=1, state=DeliveryState.FAILED, code="conflict", message="It has this id with other points.")
    without_message = Delivery(id=2, state=DeliveryState.FAILED)
    return [
        DeliveryRow(delivery, _movement("spend", -20), remote),
        DeliveryRow(without_message, _movement("earn", 5), remote),
    ]


def attempts() -> dict[str, Attempt]:
    """An attempt for each outcome, by outcome code."""
    fine = Attempt(deliveries=1000, delivered=998, code="ok")
    failed = Attempt(deliveries=1000, code="timeout", message=LONG_TEXT)
    return {"delivered": fine, "partly": fine, "failed": failed, "under_way": fine, "broken_off": fine}


def delivery_summaries() -> list[DeliverySummary]:
    """A summary for each state."""
    deliveries = [
        RemoteDelivery(1, 1, "Tea shop", DeliveryState.DELIVERED, SAMPLE_TIME, None),
        RemoteDelivery(2, 2, LONG_NAME, DeliveryState.PENDING, None, None),
        RemoteDelivery(3, 3, "Print shop", DeliveryState.FAILED, None, "It has this id with other points."),
        RemoteDelivery(4, 4, "Book shop", DeliveryState.SET_ASIDE, None, "Set aside by an admin."),
        RemoteDelivery(5, 5, "Woo shop", DeliveryState.UNKNOWN, None, "No user with that email."),
    ]
    return [
        DeliverySummary(delivery_summary.REFUSED, tuple(deliveries)),
        DeliverySummary(delivery_summary.WAITING, tuple(deliveries[:2])),
        DeliverySummary(delivery_summary.DELIVERED, tuple(deliveries[:1])),
        DeliverySummary(delivery_summary.SET_ASIDE, tuple(deliveries[3:4])),
        *map(DeliverySummary, (delivery_summary.RECEIVED, delivery_summary.LOCAL_ONLY, delivery_summary.NO_REMOTES)),
    ]


def dry_run() -> list[Forecast]:
    """The dry run of an adjustment."""
    return [
        Forecast(Draft("alice@example.com", 50, reason="Thank you"), 100, 150, is_new=False),
        Forecast(Draft(LONG_EMAIL, -50, reason=LONG_TEXT), 20, -30, is_new=False),
        Forecast(Draft("carol@example.com", set_to=0), 0, 0, is_new=True),
        Forecast(Draft("dave@example.com", 1), 0, 0, is_new=False, problem="The balance would be too large."),
    ]


def reached_levels() -> list[tuple[LevelUnlock, Level, Reserve]]:
    """Levels that a customer has reached."""
    return [
        (LevelUnlock(at=SAMPLE_TIME), Level(title="Silver"), RESERVE),
        (LevelUnlock(at=SAMPLE_TIME), Level(title=LONG_NAME), INACTIVE_RESERVE),
    ]


def holds() -> list[tuple[Hold, str]]:
    """Holds with what has placed them."""
    until = SAMPLE_TIME + timedelta(minutes=30)
    return [
        (Hold(id=1, ref="cart-17", points=1, held_at=SAMPLE_TIME, until_at=until, reserve=RESERVE), "API key shop"),
        (Hold(id=2, ref=LONG_NAME, points=249, held_at=SAMPLE_TIME, until_at=until, reserve=INACTIVE_RESERVE), ""),
    ]


def old_passes() -> list[OldPass]:
    """An old Pass that two sites still use, one that nobody uses, and one that has ended."""
    callers = (
        Caller("wrk_" + "1" * 16, LONG_NAME, SAMPLE_TIME),
        Caller("wrk_" + "2" * 16, "wrk_" + "2" * 16, SAMPLE_TIME),
    )
    return [
        OldPass(SAMPLE_TIME, True, callers),
        OldPass(SAMPLE_TIME, True, ()),
        OldPass(SAMPLE_TIME, False, callers[:1]),
    ]


def tasks() -> list[Task]:
    """A background task in each state."""
    messages = {"waiting": None, "stopped": "Stopped by Ada.", "failed": LONG_TEXT}
    return [
        Task(
            id=number,
            title=LONG_NAME if number % 2 else "Customers as CSV",
            state=state,
            done=400_000 * (state != "waiting"),
            total=None if state in ("stopping", "stopped") else 1_234_567,
            unit="lines",
            message=messages.get(state),
            finished_at=SAMPLE_TIME if state in ("done", "stopped", "failed") else None,
        )
        for number, state in enumerate(TaskState, start=1)
    ]


def import_result() -> dict[str, Any]:
    """The result of a dry run of a file, as the task stores it."""
    return {
        "said": ["This was a dry run. Nothing was recorded.", LONG_TEXT],
        "unit": "line",
        "tally": {"faulty": 12_345},
        "sums": [
            {"reserve": "default", "before": 1_234_567, "points": -12_345, "after": 1_222_222},
            {"reserve": "a-very-long-id-" * 4, "before": 0, "points": 0, "after": 0},
        ],
        "faults": [
            {"line": 7, "message": LONG_TEXT},
            {"line": 1_000_000, "message": f'"{LONG_EMAIL}" is not a valid e-mail address.'},
        ],
    }
