"""The Dashboard: the family at a glance."""

from collections.abc import Sequence

from flask import request
from flask.typing import ResponseReturnValue

from pointsync import clock
from pointsync.admin import needs
from pointsync.admin.chart import Chart, stacked
from pointsync.admin.panel import blueprint, page
from pointsync.admin.series import Series, by_origin
from pointsync.admin.zone import zone
from pointsync.db import db
from pointsync.ledger.flows import Came
from pointsync.runtime import runtime
from pointsync.sync import names, origins, overview, settings, site, standing, work
from pointsync.sync.names import Names
from pointsync.sync.overview import Traffic

TAB = "admin.dashboard"
DAYS = (14, 31)


@blueprint.get("/", provide_automatic_options=False)
def dashboard() -> ResponseReturnValue:
    """How each remote stands, what needs a hand, and what the last days came to."""
    session, here, now = db.session(), runtime(), clock.now()
    days = DAYS[1] if request.args.get("days") == str(DAYS[1]) else DAYS[0]
    known = settings.read(session)
    identity = site.identity(session, here.vault, here.config, now)
    lines = standing.lines(session, known, now.date())
    shown = names.read(session, here.config)
    blocked = origins.blocked(session, shown)
    found = needs.find(session, identity, lines, overview.hands(session, known, now), blocked, now)
    traffic = overview.traffic(session, zone(), days, now)
    made_at = _origins(traffic, shown, identity.auth)
    return page(
        "dashboard.html",
        TAB,
        identity=identity,
        lines=lines,
        oldest=standing.oldest_waiting(session),
        waiting=sum(line.all_waiting for line in lines),
        found=found,
        works=work.unfinished(session),
        sends=_sends(identity, lines, found),
        days=days,
        origins=made_at,
        chart=_chart(traffic, made_at) if traffic.origins else None,
    )


def _sends(identity: site.Identity, lines: Sequence[standing.Line], found: Sequence[needs.Need]) -> str:
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
