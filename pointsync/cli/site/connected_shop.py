"""`pointsync shop connect` and `pointsync shop disconnect`: WordPress shops with the plugin."""

from typing import Any

import click
from sqlalchemy.orm import Session

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.param_types import RESERVE_KEY
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.cli.site.order_rule import read_rule, rule_options

COLUMNS = {
    "name": "Shop",
    "address": "Address",
    "status": "Status",
    "last_contact_at": "Last contact",
    "waiting": "Orders to send",
    "plugin_version": "Plugin",
}


@click.command("connect", cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--reserve", "reserve_key", type=RESERVE_KEY, metavar="KEY", help="Where the points of its orders go.")
@click.option(
    "--replace-rule", is_flag=True, help="If the orders of the shop count already, let them count by this rule."
)
@rule_options
@site_context()
def connect(name: str | None, reserve_key: str | None, replace_rule: bool, **options: Any) -> None:
    """Get a code with which a WordPress shop connects. It is valid for 15 minutes, and can be used once.

    An admin of the shop pastes it there: WooCommerce › PointSync. NAME is your name for the shop; by default, it is
    the shop of the API keys if there is only one. A new shop needs --reserve, unless its API keys report orders
    already: then leave it out to keep their rule, or add --replace-rule. For a shop that is in the list, this is
    another code: then leave the options out.
    """
    from pointsync import clock
    from pointsync.accounts import api_keys
    from pointsync.models import ConnectedShop
    from pointsync.runtime import get_runtime
    from pointsync.shops import connected_shops
    from pointsync.shops.connected_shops import ExistingRule

    state, rule = get_runtime(), read_rule(**options)
    existing = ExistingRule.REPLACE if replace_rule else ExistingRule.REFUSE
    if rule and reserve_key is None:
        raise click.UsageError("Give --reserve as well: it says where the points of the orders go.")
    if replace_rule and reserve_key is None:
        raise click.UsageError("Give --reserve and the new rule as well.")

    def begin(session: Session) -> tuple[ConnectedShop, str]:
        wanted, now = name or api_keys.default_shop(session, "shop"), clock.now()
        known = connected_shops.find_by_name(session, wanted)
        if known is not None and reserve_key is None:
            return connected_shops.renew_code(session, state.config, known.id, now)
        return connected_shops.begin(
            session, state.vault, state.config, wanted, now, reserve_key=reserve_key, existing=existing, **rule
        )

    shop, code = transact(begin)
    assert shop.code_ends_at is not None
    document = {"name": shop.name, "code": code, "ends_at": clock.to_text(shop.code_ends_at)}
    print_result(document, code)


@click.command("disconnect", cls=Command)
@click.argument("name", metavar="NAME")
@site_context()
def disconnect(name: str) -> None:
    """Disconnect the WordPress shop NAME: its calls are refused, and its orders do not count any more."""
    from pointsync import clock
    from pointsync.models import ConnectedShop
    from pointsync.shops import connected_shops

    def run(session: Session) -> ConnectedShop:
        return connected_shops.disconnect(session, connected_shops.get_by_name(session, name).id, clock.now())

    shop = transact(run)
    print_result({"name": shop.name, "disconnected": True}, f"The shop {shop.name} is disconnected.")


def list_json(session: Session) -> list[dict[str, Any]]:
    """The connected shops, for `pointsync shop list`."""
    from pointsync import clock
    from pointsync.shops import status
    from pointsync.sync.site import settings

    return [
        {
            "name": each.shop.name,
            "address": each.shop.home_url,
            "status": each.label,
            "problems": [
                {"code": problem.code, "severity": problem.severity.value, "title": problem.title}
                | {"remedy": problem.remedy}
                for problem in each.problems
            ],
            "last_contact_at": clock.to_text(each.last_contact_at) if each.last_contact_at else None,
            "waiting": each.report.outbox.waiting if each.report else None,
            "plugin_version": each.report.plugin_version if each.report else None,
        }
        for each in status.load_all(session, settings.read(session).hook_silent_days, clock.now())
    ]
