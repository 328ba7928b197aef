"""All commands, in the order in which a newcomer meets them."""

from pointsync.cli import (
    admin,
    customer,
    demo,
    expiry,
    export,
    hook,
    key,
    level,
    mail,
    record,
    refused,
    remote,
    remote_change,
    remote_key,
    remote_steps,
    reserve,
    reward,
    serve,
    setting,
    site,
    site_pass,
    upgrade,
    verify,
    worker,
)
from pointsync.cli.command import Group

COMMANDS = Group(
    "pointsync",
    help="PointSync keeps customers' loyalty points in step between shops. Every command takes --json.",
    commands=[
        serve.serve,
        worker.worker,
        demo.demo,
        upgrade.upgrade,
        site.site,
        site.confirm,
        site_pass.site_pass,
        reserve.reserve,
        expiry.expiry,
        reward.reward,
        level.level,
        mail.mail,
        remote.remote,
        refused.refused,
        record.record,
        customer.balance,
        customer.history,
        export.export,
        setting.setting,
        key.key,
        hook.hook,
        admin.admin,
        verify.verify,
    ],
)

for each in (*remote_steps.COMMANDS, remote_change.change, *remote_key.COMMANDS):
    remote.remote.add_command(each)
