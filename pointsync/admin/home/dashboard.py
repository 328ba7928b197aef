"""The Dashboard: all sites at a glance."""

from collections.abc import Sequence

from flask import request
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.home import attention
from pointsync.admin.shell.chart import Chart, build_stacked
from pointsync.admin.shell.chart_series import Series, by_origin
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.models.delivery import OPEN_STATES
from pointsync.reports import overview
from pointsync.reports.overview import DailyTotals
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import blocked_origins, queue
from pointsync.sync.site import local_site, names, settings
from pointsync.sync.site.names import SiteNames
from pointsync.tasks import tasks

TAB = "admin.dashboard"
PERIOD_CHOICES_DAYS = (14, 31)
FETCHING_BACK = ("fetch_back", "error")
"""The item about lost movements, while nothing is sent."""


@blueprint.get("/")
def dashboard() -> ResponseReturnValue:
    """What needs attention, the status of each remote, and the movements of the last days."""
    session, state, now = db.session(), get_runtime(), clock.now()
    days = PERIOD_CHOICES_DAYS[1] if request.args.get("days") == str(PERIOD_CHOICES_DAYS[1]) else PERIOD_CHOICES_DAYS[0]
    current_settings = settings.read(session)
    identity = local_site.load_identity(session, state.vault, state.config, now)
    remote_rows = queue.list_rows(session, current_settings, now)
    site_names = names.read(session, state.config)
    blocked_sites = blocked_origins.list_blocked(session, site_names)
    attention_items = attention.list_items(
        session, identity, remote_rows, overview.count_attention(session), blocked_sites, now
    )
    traffic = overview.get_daily_totals(session, get_time_zone(), days, now)
    origin_series = _build_origin_series(traffic, site_names, identity.auth)
    return render_page(
        "home/dashboard.html",
        TAB,
        identity=identity,
        remote_rows=remote_rows,
        oldest_waiting_at=queue.oldest_waiting_at(session),
        waiting_by_state={each: sum(row.waiting_by_state[each] for row in remote_rows) for each in OPEN_STATES},
        attention_items=attention_items,
        running_tasks=tasks.list_unfinished(session),
        sending=_describe_sending(identity, remote_rows, attention_items),
        days=days,
        origin_series=origin_series,
        chart=_build_chart(traffic, origin_series) if traffic.origins else None,
    )


def _describe_sending(
    identity: local_site.Identity,
    remote_rows: Sequence[queue.RemoteRow],
    attention_items: Sequence[attention.AttentionItem],
) -> str:
    """Whether this site sends its movements, in words."""
    if identity.sending_stopped_reason:
        return "Stopped, until you answer the question above."
    if not remote_rows:
        return "No remotes yet."
    if any(item.code == "nobody_sends" or (item.code, item.severity) == FETCHING_BACK for item in attention_items):
        return "Stopped, as described above."
    return "New movements, at once."


def _build_origin_series(traffic: DailyTotals, site_names: SiteNames, local_auth: str) -> list[Series]:
    """This site first, even without movements, then the sites with the most movements."""
    zero_totals = (HourTotals(),) * len(traffic.days)
    return by_origin(
        {local_auth: zero_totals} | traffic.origins, site_names, local_auth, lambda totals: totals.movements
    )


def _build_chart(traffic: DailyTotals, origin_series: Sequence[Series]) -> Chart:
    return build_stacked(
        traffic.days, [(each.name, [totals.movements for totals in each.totals]) for each in origin_series]
    )
