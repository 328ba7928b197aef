"""The Dashboard: the family at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from flask.typing import ResponseReturnValue

from pointsync import clock
from pointsync.admin import needs
from pointsync.admin.chart import Chart, stacked
from pointsync.admin.panel import blueprint, page
from pointsync.admin.zone import zone
from pointsync.db import db
from pointsync.runtime import runtime
from pointsync.sync import names, overview, settings, site, standing
from pointsync.sync.names import Names
from pointsync.sync.overview import Came, Traffic

TAB = "admin.dashboard"
DAYS = (14, 31)
MOST_ORIGINS = 6
"""As many as there are colours; the smallest share the last one."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What was made at a site, by day and in all; or at several small ones together."""

    name: str
    days: tuple[Came, ...]

    @property
    def all(self) -> Came:
        """The whole period."""
        return sum(self.days, Came())


@blueprint.get("/", provide_automatic_options=False)
def dashboard() -> ResponseReturnValue:
    """How each remote stands, what needs a hand, and what the last days came to."""
    session, here, now = db.session(), runtime(), clock.now()
    days = DAYS[1] if request.args.get("days") == str(DAYS[1]) else DAYS[0]
    known = settings.read(session)
    identity = site.identity(session, here.vault, here.config, now)
    lines = standing.lines(session, known, now.date())
    found = needs.find(session, identity, lines, overview.hands(session, known, now))
    traffic = overview.traffic(session, zone(), days, now)
    origins = _origins(traffic, names.read(session, here.config), identity.auth)
    return page(
        "dashboard.html",
        TAB,
        identity=identity,
        lines=lines,
        oldest=standing.oldest_waiting(session),
        waiting=sum(line.all_waiting for line in lines),
        found=found,
        sends=_sends(identity, lines, found),
        days=days,
        origins=origins,
        chart=_chart(traffic, origins) if traffic.origins else None,
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


def _origins(traffic: Traffic, shown: Names, own: str) -> list[Origin]:
    """This site first, whatever it made, then those that made most, by name, so that each keeps its colour from day
    to day; the smallest together where they are many."""
    nothing = (Came(),) * len(traffic.days)
    others = [auth for auth in traffic.origins if auth != own]
    most = len(others) if len(others) < MOST_ORIGINS else MOST_ORIGINS - 2
    alone = sorted(others[:most], key=lambda auth: (shown.origin(auth).casefold(), auth))
    origins = [Origin(shown.origin(auth), traffic.origins.get(auth, nothing)) for auth in (own, *alone)]
    if rest := others[most:]:
        together = zip(*(traffic.origins[auth] for auth in rest), strict=True)
        origins.append(Origin(f"{len(rest)} others", tuple(sum(came, Came()) for came in together)))
    return origins


def _chart(traffic: Traffic, origins: Sequence[Origin]) -> Chart:
    return stacked(traffic.days, [(each.name, [came.movements for came in each.days]) for each in origins])
