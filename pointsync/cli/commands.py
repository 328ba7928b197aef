"""All commands, in the order in which a new user needs them."""

import click

from pointsync import __version__
from pointsync.cli.demo.command import demo
from pointsync.cli.framework.command import Group
from pointsync.cli.ops import audit, backup, restore, rotate_key, upgrade, vacuum, verify
from pointsync.cli.points import (
    customer,
    customer_changes,
    erasures,
    expiry,
    export_csv,
    hold,
    import_csv,
    level,
    people,
    record,
    reserve,
    reward,
    settlement,
    why,
)
from pointsync.cli.remotes import actions, change, differences, hand_on, origin, pinned_key, refused, remote, resend
from pointsync.cli.server import serve, worker
from pointsync.cli.site import (
    admin,
    api_key,
    fetch_back,
    hook,
    identity,
    mail,
    order_rule,
    setting,
    shop,
    site_pass,
    webhook,
)

ROOT = Group(
    "pointsync",
    help="Keep customers' loyalty points in step between shops. Every command takes --json.",
    commands=[
        serve.serve,
        worker.worker,
        demo,
        upgrade.upgrade,
        backup.backup,
        restore.restore,
        rotate_key.rotate_key,
        vacuum.vacuum,
        identity.site,
        identity.confirm,
        fetch_back.fetch_back,
        site_pass.site_pass,
        reserve.reserve,
        expiry.expiry,
        reward.reward,
        level.level,
        hold.hold,
        mail.mail,
        remote.remote,
        refused.refused,
        origin.origin,
        record.record,
        customer.balance,
        customer.history,
        people.customer,
        import_csv.import_points,
        why.why,
        export_csv.export,
        settlement.settlement,
        setting.setting,
        api_key.key,
        hook.hook,
        shop.shop,
        webhook.webhook,
        admin.admin,
        audit.audit,
        verify.verify,
    ],
)

click.version_option(__version__, message="%(version)s", help="Show the version and exit.")(ROOT)
for each in (
    *actions.COMMANDS,
    resend.resend,
    differences.list_differences,
    differences.decide,
    change.change_remote,
    *pinned_key.COMMANDS,
):
    remote.remote.add_command(each)
shop.shop.add_command(order_rule.rule)
for each in (*customer_changes.COMMANDS, *erasures.COMMANDS):
    people.customer.add_command(each)
for each in hand_on.COMMANDS:
    origin.origin.add_command(each)
