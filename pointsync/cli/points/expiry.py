"""`pointsync expiry`: the rules by which points expire."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import PERIOD, RESERVE_KEY, YEAR_DAY
from pointsync.cli.framework.site_context import site_context, transact

if TYPE_CHECKING:
    from pointsync.ledger.expiry.rule import ExpiryRule
    from pointsync.models import ExpirySettings, Reserve

ONE_YEAR = timedelta(days=366)


@click.group(cls=Group)
def expiry() -> None:
    """Expiry: whether and when points of a reserve expire. Each site has its own rules."""


def rule_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for a rule, of which one can be given."""
    for option in (
        click.option("--yearly", type=YEAR_DAY, help="All points expire each year on this day, such as 12-31."),
        click.option(
            "--inactivity",
            type=PERIOD,
            help="All points expire after this time without a movement, such as 90d or 12m.",
        ),
        click.option("--transactional", type=PERIOD, help="Points expire this time after they were given, such as 9m."),
    ):
        command = option(command)
    return command


@expiry.command("list")
@site_context()
def list_expiries() -> None:
    """List the expiry rules. Reserves whose points never expire are left out."""
    from pointsync import db
    from pointsync.ledger.expiry import rules

    rows = [_to_json(*each) for each in rules.list_enabled(db.session())]
    columns = {"reserve": "Reserve", "kind": "Kind", "after": "After", "on": "On", "since": "Since", "done": "Done"}
    print_result(
        rows,
        table_printer(rows, columns, "Points never expire. Set a rule: pointsync expiry set KEY --transactional 12m"),
    )


@expiry.command("set")
@click.argument("key", type=RESERVE_KEY, metavar="KEY")
@rule_options
@click.option("--none", "is_none", is_flag=True, help="No more points expire. Expired points stay expired.")
@site_context()
def set_expiry(key: str, is_none: bool, **options: Any) -> None:
    """Set the expiry rule of the reserve KEY. Use `preview` first to see who would lose what."""
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.expiry import rules

    rule = _parse_rule(options)
    if is_none == (rule is not None):
        raise CommandError("Give one of --transactional, --inactivity, --yearly and --none.", EXIT_USAGE)
    if rule is None:
        transact(lambda session: rules.disable(session, reserves.get(session, key), _today()))
        print_result({"reserve": key, "kind": "none"}, f"Points of {key} no longer expire.")
        return
    transact(lambda session: rules.set_rule(session, reserves.get(session, key), rule))
    document = next(_to_json(*each) for each in rules.list_enabled(db.session()) if each[1].key == key)
    print_result(
        document,
        f"From today on, points of {key} expire by this rule: {document['kind']}, "
        f"{document['after'] or document['on']}.",
    )


@expiry.command("preview")
@click.argument("key", type=RESERVE_KEY, metavar="KEY")
@rule_options
@site_context()
def preview_expiry(key: str, **options: Any) -> None:
    """Show who would lose what within a year, if nothing moved until then.

    Without an option it uses the current rule.
    """
    from pointsync import db
    from pointsync.ledger import reserves
    from pointsync.ledger.expiry import expire, rules
    from pointsync.sync.site import general

    session = db.session()
    reserve = reserves.get(session, key)
    rule = _parse_rule(options) or rules.get_rule(session, reserve)
    if rule is None:
        raise CommandError(f"{key} has no rule. Give one of --transactional, --inactivity and --yearly.", EXIT_USAGE)
    until = _today() + ONE_YEAR
    rows: list[dict[str, Any]] = [
        {"customer": email, "day": loss.day.isoformat(), "points": loss.points}
        for email, losses in expire.forecast(session, reserve, rule, general.get_time_zone(session), until)
        for loss in losses
    ]
    rows.sort(key=lambda row: (row["day"], row["customer"]))
    total = sum(row["points"] for row in rows)
    document = {"reserve": key, "until": until.isoformat(), "points": total, "losses": rows}
    columns = {"day": "Day", "customer": "Customer", "points": "Points"}
    print_result(
        document, table_printer(rows, columns, f"Nobody would lose points until {until}.", number_columns=("points",))
    )


def _parse_rule(options: dict[str, Any]) -> "ExpiryRule | None":
    from pointsync.ledger.expiry.rule import make_period_rule, make_yearly_rule

    given = [(kind, value) for kind, value in options.items() if value is not None]
    if len(given) > 1:
        raise CommandError("Give only one of --transactional, --inactivity and --yearly.", EXIT_USAGE)
    if not given:
        return None
    [(kind, (first, second))] = given
    return (
        make_yearly_rule(first, second, _today())
        if kind == "yearly"
        else make_period_rule(kind, first, second, _today())
    )


def _today() -> date:
    from pointsync import clock, db
    from pointsync.clock import local_date
    from pointsync.sync.site import general

    return local_date(clock.now(), general.get_time_zone(db.session()))


def _to_json(expiry: "ExpirySettings", reserve: "Reserve") -> dict[str, Any]:
    return {
        "reserve": reserve.key,
        "kind": expiry.kind,
        "after": f"{expiry.count} {expiry.unit}" if expiry.count else None,
        "on": f"{expiry.month:02}-{expiry.day:02}" if expiry.month else None,
        "since": expiry.since.isoformat(),
        "done": expiry.done_day.isoformat() if expiry.done_day else None,
    }
