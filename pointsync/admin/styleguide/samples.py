"""Nouns made up for the page of components: none of them is in a database."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pointsync.admin.customers import delivery_summary
from pointsync.admin.customers.delivery_summary import Way
from pointsync.admin.home.attention import Need
from pointsync.admin.shell.chart import Chart, stacked
from pointsync.ledger.expiry.rule import Rule, period, yearly
from pointsync.ledger.forecast import Foreseen
from pointsync.ledger.hourly_totals import Came
from pointsync.ledger.record import Draft
from pointsync.models import (
    Attempt,
    Customer,
    Delivery,
    History,
    Hook,
    Level,
    Movement,
    Remote,
    Reserve,
    Reversal,
    State,
    Unlock,
    Work,
    WorkState,
)
from pointsync.reports.customer_history import Sent
from pointsync.reports.deliveries import Owed
from pointsync.sync.remotes.blocked_origins import Blocked
from pointsync.sync.remotes.queue import Line
from pointsync.sync.site.passes import Caller, OldPass

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_NAME = "The Honourable Company of Potters and Glaziers of Lower Wexham, Online Branch"
LONG_URL = "https://a-very-long-name-for-a-shop.example/with/a/path/that/goes/on/and/on/for/ever"
LONG_EMAIL = "maximiliane.von-und-zu-lichtenfels-hohenstein@mail.of-the-potters.example"
LONG_TEXT = (
    "shop-three.example did not answer within 10 seconds, after three other tries that ended in the same way. "
    "12,345 movements waiting. 7 movements for customers unknown there."
)

POINTS = Reserve(id=1, key="default", name="Points", is_active=True, may_go_below_zero=False)
OLD = Reserve(id=2, key="old", name=LONG_NAME, is_active=False, may_go_below_zero=True)
CUSTOMER = Customer(id=1, email=LONG_EMAIL)


def rules() -> list[Rule | None]:
    """A rule of expiry of each kind, and none."""
    day = AT.date()
    return [None, yearly(2, 29, day), period("transactional", 12, "months", day), period("inactivity", 1, "days", day)]


def lines() -> list[Line]:
    """A remote in each status, the last one with all that can stand beside it."""
    quiet = {State.PENDING: 0, State.UNKNOWN: 0, State.FAILED: 0}
    texts = {
        "none": "Nothing was sent yet; the last check was fine.",
        "green": "In step.",
        "warning": LONG_TEXT,
        "error": "shop-four.example refuses these credentials: paste its sharing key again. 1 movement waiting.",
    }
    found = [Line(_remote(number, *each), quiet, None, None) for number, each in enumerate(texts.items(), start=1)]
    found[2].remote.last_failure_at, found[2].remote.last_error = AT, LONG_TEXT[:80]
    full = _remote(5, "warning", "Paused: nothing is sent until it is resumed. 12,345 movements waiting.")
    full.name, full.url, full.paused_at, full.closing_at = LONG_NAME, LONG_URL, AT, AT
    full.last_failure_at, full.last_error = AT, "It closed the connection before its answer was whole."
    waiting = {State.PENDING: 12_345, State.UNKNOWN: 7, State.FAILED: 3}
    history = History(total=1000, done=400, started_at=AT)
    return [*found, replace(found[0], remote=full, waiting=waiting, average=1.25, history=history)]


def _remote(number: int, status: str, text: str) -> Remote:
    remote = Remote(id=number, url=f"https://shop-{number}.example", name=f"Shop {number}", target="default")
    remote.reserve, remote.status, remote.status_text = POINTS, status, text
    remote.last_success_at = AT if status == "green" else None
    return remote


def needs(remotes: list[Remote]) -> list[Need]:
    """All that can need a hand."""
    return [
        Need("nobody_sends", "error"),
        Need("red", "error", remotes[2:3]),
        Need("refused", "error", remotes, 12_345, is_more=True),
        Need("below_zero", "warning", count=1),
        Need("mail_server", "error", text="The mail server mail.example:465 hung up; look at its log."),
        Need("mails_failed", "warning", count=3),
        Need("no_url", "warning"),
        Need("not_listed", "warning", remotes[:2]),
        Need("pass_ends", "warning", remotes[:1]),
        Need("clock", "warning", remotes[:1], 7),
        Need("no_remotes", "help"),
        Need("reversal", "help", sites=[blocked_site()]),
        Need("blocked_calls", "help", sites=[blocked_site()], count=480),
    ]


def blocked_site() -> Blocked:
    """One that is blocked, its movements being taken back."""
    reversal = Reversal(id=1, since=AT, total=12_000, done=4_100, corrections=380, out_of_bounds=0)
    return Blocked("wrk_0123456789abcdef", LONG_NAME, AT, "Sold", "ada", 12_000, 480, AT, reversal)


def charts() -> dict[str, Chart]:
    """Few days, many days of as many sites as there are colours, and none with anything in it."""
    few, many = ([AT.date() + timedelta(days=at) for at in range(count)] for count in (14, 31))
    names = ["Mug shop", "Tea shop", "Print shop", "Book shop", LONG_NAME, "3 others"]
    return {
        "14 days": stacked(few, [("Mug shop", [at * 3 % 7 for at in range(14)]), ("Tea shop", [2] * 14)]),
        "31 days": stacked(many, [(name, _waves(shade)) for shade, name in enumerate(names)]),
        "Nothing yet": stacked(few, [("Mug shop", [0] * 14)]),
    }


def months() -> Chart:
    """Half a year."""
    days = [date(2025, month, 1) for month in range(7, 13)]
    return stacked(days, [("Mug shop", [at * 700 for at in range(6)]), (LONG_NAME, [900] * 6)], 1)


def settled() -> list[tuple[str, Came]]:
    """A site that owes, one that is owed, and one that no line names."""
    return [("wrk_1", Came(1200, 12_345_678, 4_000)), ("wrk_2", Came(3, 0, 5_000)), ("wrk_" + "3" * 16, Came(2, 7, 7))]


def called(auth: str) -> str:
    """The names of these."""
    return {"wrk_1": "Mug shop", "wrk_2": LONG_NAME}.get(auth, auth)


def _waves(shade: int) -> list[int]:
    return [(at + 1) * (shade + 3) % 11 * 400 for at in range(31)]


def movements() -> list[Movement]:
    """One of each kind, and of one that this version does not know."""
    kinds = ("earn", "spend", "refund", "manual", "import", "redeem", "opening", "correction", "expire", "unheard")
    return [_movement(kind, (-1) ** at * (at * 1250)) for at, kind in enumerate(kinds)]


def _movement(kind: str, points: int) -> Movement:
    reason = LONG_TEXT if kind == "spend" else "Order #17"
    return Movement(id="17", kind=kind, points=points, reason=reason, customer=CUSTOMER, reserve=POINTS)


def refused(remote: Remote) -> list[Owed]:
    """Movements that a remote has refused, with words and without."""
    delivery = Delivery(id=1, state=State.FAILED, code="conflict", message="It holds this id with other points.")
    silent = Delivery(id=2, state=State.FAILED)
    return [Owed(delivery, _movement("spend", -20), remote), Owed(silent, _movement("earn", 5), remote)]


def attempts() -> dict[str, Attempt]:
    """What can come of an attempt."""
    fine = Attempt(deliveries=1000, delivered=998, code="ok")
    failed = Attempt(deliveries=1000, code="timeout", message=LONG_TEXT)
    return {"delivered": fine, "partly": fine, "failed": failed, "under_way": fine, "broken_off": fine}


def ways() -> list[Way]:
    """What can become of a movement on its way."""
    sent = [
        Sent(1, 1, "Tea shop", State.DELIVERED, AT, None),
        Sent(2, 2, LONG_NAME, State.PENDING, None, None),
        Sent(3, 3, "Print shop", State.FAILED, None, "It holds this id with other points."),
        Sent(4, 4, "Book shop", State.ASIDE, None, "Set aside by an admin."),
        Sent(5, 5, "Woo shop", State.UNKNOWN, None, "No user with that email."),
    ]
    return [
        Way(delivery_summary.REFUSED, tuple(sent)),
        Way(delivery_summary.WAITING, tuple(sent[:2])),
        Way(delivery_summary.DELIVERED, tuple(sent[:1])),
        Way(delivery_summary.ASIDE, tuple(sent[3:4])),
        *map(Way, (delivery_summary.ELSEWHERE, delivery_summary.STAYS, delivery_summary.NOBODY)),
    ]


def dry_run() -> list[Foreseen]:
    """What would come of points by hand."""
    return [
        Foreseen(Draft("alice@example.com", 50, reason="Thank you"), 100, 150, is_new=False),
        Foreseen(Draft(LONG_EMAIL, -50, reason=LONG_TEXT), 20, -30, is_new=False),
        Foreseen(Draft("carol@example.com", set_to=0), 0, 0, is_new=True),
        Foreseen(Draft("dave@example.com", 1), 0, 0, is_new=False, fault="The balance would be too large."),
    ]


def reached() -> list[tuple[Unlock, Level, Reserve]]:
    """Levels that a customer has reached."""
    return [(Unlock(at=AT), Level(title="Silver"), POINTS), (Unlock(at=AT), Level(title=LONG_NAME), OLD)]


def old_passes() -> list[OldPass]:
    """The Pass of before: used by two sites, by nobody any more, and ended."""
    callers = (Caller("wrk_" + "1" * 16, LONG_NAME, AT), Caller("wrk_" + "2" * 16, "wrk_" + "2" * 16, AT))
    return [OldPass(AT, True, callers), OldPass(AT, True, ()), OldPass(AT, False, callers[:1])]


def works() -> list[Work]:
    """Long work in each state."""
    facts = {"waiting": None, "stopped": "Stopped by Ada.", "failed": LONG_TEXT}
    return [
        Work(
            id=number,
            title=LONG_NAME if number % 2 else "Customers as CSV",
            state=state,
            done=400_000 * (state != "waiting"),
            total=None if state in ("stopping", "stopped") else 1_234_567,
            unit="lines",
            message=facts.get(state),
            finished_at=AT if state in ("done", "stopped", "failed") else None,
        )
        for number, state in enumerate(WorkState, start=1)
    ]


def hooks() -> list[Hook]:
    """A hook of each rule."""
    return [
        Hook(rule="movements"),
        Hook(rule="orders", rate=Decimal("1.000000"), status="completed"),
        Hook(rule="orders", rate=Decimal("0.250000"), status="processing"),
    ]


def imported() -> dict[str, Any]:
    """What a dry run of a file says."""
    return {
        "said": ["This was a dry run; nothing was recorded.", LONG_TEXT],
        "unit": "line",
        "tally": {"faulty": 12_345},
        "sums": [
            {"reserve": "default", "before": 1_234_567, "points": -12_345, "after": 1_222_222},
            {"reserve": "a-very-long-id-" * 4, "before": 0, "points": 0, "after": 0},
        ],
        "faults": [{"line": 7, "message": LONG_TEXT}, {"line": 1_000_000, "message": f"{LONG_EMAIL} is no address."}],
    }
