"""How each connected shop is doing: what is wrong, and what an admin can do about it, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.models import ApiKey, ConnectedShop, Hook
from pointsync.shops import codes, connected_shops, double_counting, plugin_report, plugin_zip
from pointsync.shops.plugin_report import PluginReport
from pointsync.woocommerce import hooks

MAX_OUTBOX_AGE = timedelta(hours=1)
"""Orders that have waited for longer do not arrive: the shop sends them after each request, and every few minutes."""

RECENT = timedelta(hours=1)
"""An error from longer before the last report is over: the plugin reports every hour."""


class Severity(StrEnum):
    """How serious a problem is, named like the kinds of a status."""

    ERROR = "error"
    WARNING = "warning"
    NONE = "none"
    """An admin has something to do, but nothing is wrong."""


@dataclass(frozen=True, slots=True)
class ShopProblem:
    """Something to do about a shop. `title` is a sentence without its end, and `remedy` says what to do."""

    code: str
    severity: Severity
    title: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ShopStatus:
    """One shop. The most serious problem comes first; without any, it is connected and fine."""

    shop: ConnectedShop
    report: PluginReport | None
    rule: Hook | None
    last_contact_at: datetime | None
    problems: tuple[ShopProblem, ...]
    double_hooks: tuple[Hook, ...]

    @property
    def severity(self) -> str:
        """The kind of its status."""
        return self.problems[0].severity.value if self.problems else "green"

    @property
    def label(self) -> str:
        """Its status in a few words."""
        return self.problems[0].title if self.problems else "Connected"


def load_all(session: Session, silent_days: int, now: datetime) -> list[ShopStatus]:
    """All shops, sorted by name. One that has not called for `silent_days` is silent; 0 turns that off."""
    shops = connected_shops.list_all(session)
    if not shops:
        return []
    query = select(ApiKey).where(ApiKey.id.in_([each.key_id for each in shops if each.key_id is not None]))
    keys = {each.id: each for each in session.scalars(query)}
    active_hooks = hooks.list_all(session)
    rules = {each.key_shop: each for each in active_hooks if each.key_shop is not None}
    double = double_counting.find_hooks(session, shops, active_hooks)
    return [
        _build(each, keys.get(each.key_id or 0), rules.get(each.name), double[each.id], silent_days, now)
        for each in shops
    ]


def load(session: Session, row_id: int, silent_days: int, now: datetime) -> ShopStatus:
    """The shop with this id. Raises NotFound."""
    shop = connected_shops.get(session, row_id)
    return next(each for each in load_all(session, silent_days, now) if each.shop.id == shop.id)


def _build(
    shop: ConnectedShop, key: ApiKey | None, rule: Hook | None, double: list[Hook], silent_days: int, now: datetime
) -> ShopStatus:
    report = plugin_report.read(shop)
    times = [shop.state.reported_at if shop.state else None, key.use.used_at if key and key.use else None]
    last_contact_at = max((each for each in times if each is not None), default=None)
    is_connected = key is not None and key.revoked_at is None and not key.has_expired(now)
    problems = [] if is_connected else [_why_not_connected(shop, now)]
    if rule is None:
        problems.append(_NO_RULE)
    if double:
        problems.append(_double(double))
    if is_connected:
        silence = now - (last_contact_at or shop.connected_at or shop.created_at)
        if silent_days and silence > timedelta(days=silent_days):
            problems.append(_silent(silence.days))
        if report is not None and shop.state is not None:
            problems.extend(_list_reported(report, shop.state.reported_at, now))
    problems.sort(key=lambda problem: list(Severity).index(problem.severity))
    return ShopStatus(shop, report, rule, last_contact_at, tuple(problems), tuple(double))


def _why_not_connected(shop: ConnectedShop, now: datetime) -> ShopProblem:
    if codes.is_waiting(shop, now):
        remedy = "Paste the code in the shop: WooCommerce › PointSync."
        return ShopProblem("waiting", Severity.NONE, "Waiting for the code", remedy)
    another = "Get a new code, and paste it in the shop: WooCommerce › PointSync."
    if shop.disconnected_at is not None:
        title = "Disconnected in the shop"
        return ShopProblem("disconnected", Severity.WARNING, title, f"{another} If it stays so, disconnect it here.")
    if shop.connected_at is None:
        return ShopProblem("code_ended", Severity.NONE, "The code was not used in time", another)
    return ShopProblem("revoked", Severity.ERROR, "Its API key was revoked", another)


_NO_RULE = ShopProblem(
    "no_rule",
    Severity.ERROR,
    "Nothing says how its orders count",
    "Choose it under System › API keys › Orders. The shop then sends the orders that were refused meanwhile.",
)


def _double(double: list[Hook]) -> ShopProblem:
    names = ", ".join(each.name for each in double)
    return ShopProblem(
        "double_counting",
        Severity.ERROR,
        f"The hook {names} counts its orders already",
        "What the shop reports itself is refused, so that nothing counts twice. Remove the hook: orders that have "
        "counted keep their points.",
    )


def _silent(days: int) -> ShopProblem:
    return ShopProblem(
        "silent",
        Severity.ERROR,
        f"It has not called for {_days(days)}",
        "Look in the shop under WooCommerce › PointSync: is the plugin active, and does WordPress run its scheduled "
        "tasks (WP-Cron)? Can the shop reach this site?",
    )


def _list_reported(report: PluginReport, reported_at: datetime, now: datetime) -> Iterator[ShopProblem]:
    """What is wrong by the plugin's own report."""
    outbox = report.outbox
    oldest_at = clock.from_text(outbox.oldest_at) if outbox.oldest_at else None
    if outbox.waiting and oldest_at is not None and now - oldest_at > MAX_OUTBOX_AGE:
        title = f"{_orders(outbox.waiting)} for more than {_age(now - oldest_at)}"
        remedy = "They are not lost. See why in the shop: WooCommerce › PointSync."
        yield ShopProblem("outbox", Severity.ERROR, title, remedy)
    if outbox.failed:
        title = "1 order was refused" if outbox.failed == 1 else f"{outbox.failed:,} orders were refused"
        yield ShopProblem("refused", Severity.WARNING, title, "See why in the shop: WooCommerce › PointSync.")
    if report.woocommerce_version is None:
        title = "WooCommerce is not active in the shop"
        yield ShopProblem("no_woocommerce", Severity.WARNING, title, "Activate it there under Plugins.")
    if report.errors and reported_at - clock.from_text(report.errors[0].at) < RECENT:
        newest = report.errors[0].message.rstrip(".")
        yield ShopProblem("errors", Severity.WARNING, "The plugin reports an error", f"{newest}.")
    if plugin_zip.is_older(report.plugin_version):
        title = f"Version {report.plugin_version} of the plugin is older than {plugin_zip.get_version()}"
        remedy = "Download the plugin here, and install it in the shop: Plugins › Add New › Upload Plugin."
        yield ShopProblem("old_version", Severity.WARNING, title, remedy)


def _orders(count: int) -> str:
    return "1 order waits to be sent" if count == 1 else f"{count:,} orders wait to be sent"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _age(age: timedelta) -> str:
    hours = age // timedelta(hours=1)
    return _days(age.days) if age.days else "1 hour" if hours == 1 else f"{hours} hours"
