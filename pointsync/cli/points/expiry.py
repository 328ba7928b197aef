"""`pointsync expiry`: by which rule the points of a reserve are lost."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.errors import WRONG, Fault
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import RESERVE, Period, YearDay
from pointsync.cli.framework.site_context import change, on_site

if TYPE_CHECKING:
    from pointsync.ledger.expiry.rule import Rule
    from pointsync.models import Expiry, Reserve

A_YEAR = timedelta(days=366)


@click.group(cls=Group)
def expiry() -> None:
    """Expiry: whether, how and when the points of a reserve are lost. Each site has its own."""


def by_rule(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say a rule; one of them."""
    for option in (
        click.option("--yearly", type=YearDay(), help="All points, each year on that day, such as 12-31."),
        click.option(
            "--inactivity", type=Period(), help="All points, when none has moved for so long, such as 90d or 12m."
        ),
        click.option("--transactional", type=Period(), help="Points so long after they were given, such as 9m."),
    ):
        command = option(command)
    return command


@expiry.command("list")
@on_site()
def list_expiries() -> None:
    """List the rules; reserves whose points are never lost are left out."""
    from pointsync.db import db
    from pointsync.ledger.expiry import rules as expiry_rules

    rows = [_shape(*each) for each in expiry_rules.on(db.session())]
    columns = {"reserve": "Reserve", "kind": "Kind", "after": "After", "on": "On", "since": "Since", "done": "Done"}
    give(
        rows,
        table(rows, columns, "No points are ever lost. Set a rule by: pointsync expiry set KEY --transactional 12m"),
    )


@expiry.command("set")
@click.argument("key", type=RESERVE, metavar="KEY")
@by_rule
@click.option("--none", "is_none", is_flag=True, help="Points are lost no more; those that are lost stay so.")
@on_site()
def set_expiry(key: str, is_none: bool, **options: Any) -> None:
    """Let the points of the reserve KEY be lost by a rule. `preview` says before who would lose what."""
    from pointsync.db import db
    from pointsync.ledger import reserves
    from pointsync.ledger.expiry import rules as expiry_rules

    rule = _rule(options)
    if is_none == (rule is not None):
        raise Fault("Give one of --transactional, --inactivity, --yearly and --none.", WRONG)
    if rule is None:
        change(lambda session: expiry_rules.switch_off(session, reserves.get(session, key), _today()))
        give({"reserve": key, "kind": "none"}, f"Points of {key} are lost no more.")
        return
    change(lambda session: expiry_rules.set_rule(session, reserves.get(session, key), rule))
    shape = next(_shape(*each) for each in expiry_rules.on(db.session()) if each[1].key == key)
    give(
        shape, f"Points of {key} are lost by this rule from today on: {shape['kind']}, {shape['after'] or shape['on']}."
    )


@expiry.command("preview")
@click.argument("key", type=RESERVE, metavar="KEY")
@by_rule
@on_site()
def preview_expiry(key: str, **options: Any) -> None:
    """Show who would lose what in the year to come, if nothing moved any more.

    By the rule that is in force, unless another one is given.
    """
    from pointsync.db import db
    from pointsync.ledger import reserves
    from pointsync.ledger.expiry import expire
    from pointsync.ledger.expiry import rules as expiry_rules
    from pointsync.sync.site import general

    session = db.session()
    reserve = reserves.get(session, key)
    rule = _rule(options) or expiry_rules.get(session, reserve)
    if rule is None:
        raise Fault(f"{key} has no rule; give one of --transactional, --inactivity and --yearly.", WRONG)
    until = _today() + A_YEAR
    rows: list[dict[str, Any]] = [
        {"customer": email, "day": loss.day.isoformat(), "points": loss.points}
        for email, found in expire.foresee(session, reserve, rule, general.time_zone(session), until)
        for loss in found
    ]
    rows.sort(key=lambda row: (row["day"], row["customer"]))
    total = sum(row["points"] for row in rows)
    document = {"reserve": key, "until": until.isoformat(), "points": total, "losses": rows}
    columns = {"day": "Day", "customer": "Customer", "points": "Points"}
    give(document, table(rows, columns, f"Nobody would lose points until {until}.", numbers=("points",)))


def _rule(options: dict[str, Any]) -> "Rule | None":
    from pointsync.ledger.expiry.rule import period, yearly

    given = [(kind, value) for kind, value in options.items() if value is not None]
    if len(given) > 1:
        raise Fault("Give only one of --transactional, --inactivity and --yearly.", WRONG)
    if not given:
        return None
    [(kind, (first, second))] = given
    return yearly(first, second, _today()) if kind == "yearly" else period(kind, first, second, _today())


def _today() -> date:
    from pointsync import clock
    from pointsync.db import db
    from pointsync.ledger.expiry.rule import today
    from pointsync.sync.site import general

    return today(clock.now(), general.time_zone(db.session()))


def _shape(expiry: "Expiry", reserve: "Reserve") -> dict[str, Any]:
    return {
        "reserve": reserve.key,
        "kind": expiry.kind,
        "after": f"{expiry.count} {expiry.unit}" if expiry.count else None,
        "on": f"{expiry.month:02}-{expiry.day:02}" if expiry.month else None,
        "since": expiry.since.isoformat(),
        "done": expiry.done_day.isoformat() if expiry.done_day else None,
    }
