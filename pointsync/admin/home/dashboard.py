"""The Dashboard: the family at a glance."""

from collections.abc import Sequence

from flask import request
from flask.typing import ResponseReturnValue

from pointsync import clock
from pointsync.admin.home import attention
from pointsync.admin.shell.chart import Chart, stacked
from pointsync.admin.shell.chart_series import Series, by_origin
from pointsync.admin.shell.panel import blueprint, page
from pointsync.admin.shell.time_zone import zone
from pointsync.db import db
from pointsync.ledger.hourly_totals import Came
from pointsync.reports import overview
from pointsync.reports.overview import Traffic
from pointsync.runtime import runtime
from pointsync.sync.remotes import blocked_origins, queue
from pointsync.sync.site import local_site, names, settings
from pointsync.sync.site.names import Names
from pointsync.tasks import tasks

TAB = "admin.dashboard"
DAYS = (14, 31)


@blueprint.get("/", provide_automatic_options=False)
def dashboard() -> ResponseReturnValue:
    """How each remote stands, what needs a hand, and what the last days came to."""
    session, here, now = db.session(), runtime(), clock.now()
    days = DAYS[1] if request.args.get("days") == str(DAYS[1]) else DAYS[0]
    known = settings.read(session)
    identity = local_site.identity(session, here.vault, here.config, now)
    lines = queue.lines(session, known, now.date())
    shown = names.read(session, here.config)
    blocked = blocked_origins.blocked(session, shown)
    found = attention.find(session, identity, lines, overview.hands(session, known, now), blocked, now)
    traffic = overview.traffic(session, zone(), days, now)
    made_at = _origins(traffic, shown, identity.auth)
    return page(
        "home/dashboard.html",
        TAB,
        identity=identity,
        lines=lines,
        oldest=queue.oldest_waiting(session),
        waiting=sum(line.all_waiting for line in lines),
        found=found,
        works=tasks.unfinished(session),
        sends=_sends(identity, lines, found),
        days=days,
        origins=made_at,
        chart=_chart(traffic, made_at) if traffic.origins else None,
    )


def _sends(identity: local_site.Identity, lines: Sequence[queue.Line], found: Sequence[attention.Need]) -> str:
    """What this site does with what is made here."""
    if identity.hold:
        return "Nothing, until you say what this database is."
    if not lines:
        return "Nothing: there are no remotes."
    if any(need.what == "nobody_sends" for need in found):
        return "Nothing: no process that sends is running."
    return "What is made here, at once."


def _origins(traffic: Traffic, shown: Names, own: str) -> list[Series]:
    """This site first, whatever it made, then those that made most."""
    nothing = (Came(),) * len(traffic.days)
    return by_origin({own: nothing} | traffic.origins, shown, own, lambda came: came.movements)


def _chart(traffic: Traffic, origins: Sequence[Series]) -> Chart:
    return stacked(traffic.days, [(each.name, [came.movements for came in each.steps]) for each in origins])
