"""`pointsync key`: API keys for the shop's own software."""

from typing import Any

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_note, print_result, table_printer
from pointsync.cli.framework.param_types import LOCAL_DATE_TIME, WholeNumber
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.scopes import MAX_KEPT_HOURS, MAX_PER_MINUTE, SCOPES

COLUMNS = {
    "name": "Name",
    "shop": "Shop",
    "scopes": "Scopes",
    "created_at": "Created",
    "used_at": "Last used",
    "expires_at": "Expires",
    "per_minute": "Calls per minute",
}
SAVE_NOTE = "Save this key now. It cannot be shown again, because only its hash is stored."


@click.group(cls=Group)
def key() -> None:
    """API keys: the shop's own software uses them to call the shop API."""


@key.command("create")
@click.argument("name", metavar="NAME")
@click.option(
    "--shop",
    metavar="S",
    help="The shop to which the key, and the refs that it sends, belong. Default: the shop of the other keys.",
)
@click.option(
    "--scope", "scopes", type=click.Choice(list(SCOPES)), multiple=True, help="What it may do. Default: everything."
)
@click.option("--expires", type=LOCAL_DATE_TIME, help="When it stops working. Default: never.")
@click.option(
    "--per-minute",
    type=WholeNumber(1, MAX_PER_MINUTE),
    help="The highest number of calls per minute. Default: no limit.",
)
@site_context()
def create_key(
    name: str, shop: str | None, scopes: tuple[str, ...], expires: str | None, per_minute: int | None
) -> None:
    """Create an API key. It is shown only once.

    A key belongs to a shop. A ref that the shop sends counts once, with whichever of its keys. Without --shop, it is
    the shop of the keys that are there already. If they belong to several shops, or if there are none, the shop is
    named like the key.

    Scopes: shop (all that a shop's plugin needs: what record and read allow, reporting orders, and webhooks), record
    (record movements, redeem rewards, hold points), read (read balances, movements, reserves, rewards and the site),
    people (rename, merge and erase customers), admin (read this site's remotes, and its metrics at /metrics). Give
    --scope once for each.
    """
    from pointsync import clock, db
    from pointsync.accounts import api_keys
    from pointsync.errors import InvalidInput
    from pointsync.sync.site import general

    try:
        expires_at = clock.parse_input(expires, general.get_time_zone(db.session())) if expires else None
    except ValueError as error:  # year 9999, in a zone west of Greenwich
        raise InvalidInput("expires_at", "The expiry date is out of range. Choose an earlier day.") from error
    row, secret = transact(
        lambda session: api_keys.create(
            session, name, clock.now(), shop=shop, scopes=scopes or SCOPES, expires_at=expires_at, per_minute=per_minute
        )
    )
    if not shop and row.shop != row.name:
        print_note(
            f"The key belongs to the shop {row.shop}, like the others: a ref counts once, with whichever key. "
            f"If it is for a program that uses the same refs for something else, revoke it, and give --shop {row.name}."
        )
    print_note(SAVE_NOTE)
    print_result({"name": row.name, "key": secret, "shop": row.shop, "scopes": row.scopes.split()}, secret)


@key.command("rotate")
@click.argument("name", metavar="NAME")
@click.option(
    "--keep-old",
    "keep_old_hours",
    type=WholeNumber(0, MAX_KEPT_HOURS),
    default=0,
    metavar="HOURS",
    help="How long the old key still works. Default: it ends now.",
)
@site_context()
def rotate_key(name: str, keep_old_hours: int) -> None:
    """Replace an API key by a new one, which is shown only once. Its shop, refs, scopes and limits stay."""
    from pointsync import clock
    from pointsync.accounts import api_keys

    row, secret = transact(lambda session: api_keys.rotate(session, name, clock.now(), keep_old_hours=keep_old_hours))
    ends_at = clock.to_text(row.old_ends_at) if row.old_ends_at else None
    print_note(f"{SAVE_NOTE} The old key {f'works until {ends_at}' if ends_at else 'is refused now'}.")
    print_result({"name": row.name, "key": secret, "shop": row.shop, "old_ends_at": ends_at}, secret)


@key.command("list")
@site_context()
def list_keys() -> None:
    """List the API keys that are not revoked. The secret keys themselves are not stored."""
    from pointsync import clock, db
    from pointsync.accounts import api_keys

    now = clock.now()
    rows: list[dict[str, Any]] = [
        {
            "name": row.name,
            "shop": row.shop,
            "scopes": row.scopes.split(),
            "created_at": clock.to_text(row.created_at),
            "used_at": clock.to_text(row.use.used_at) if row.use else None,
            "expires_at": clock.to_text(row.expires_at) if row.expires_at else None,
            "per_minute": row.per_minute,
            "old_ends_at": clock.to_text(row.old_ends_at) if row.old_ends_at and row.old_ends_at > now else None,
        }
        for row in api_keys.list_all(db.session())
    ]
    table_rows = [row | {"scopes": " ".join(row["scopes"])} for row in rows]
    empty_message = "There are no API keys yet. Create one: pointsync key create NAME"
    print_result(rows, table_printer(table_rows, COLUMNS, empty_message, number_columns=("per_minute",)))


@key.command("revoke")
@click.argument("name", metavar="NAME")
@site_context()
def revoke_key(name: str) -> None:
    """Revoke an API key at once."""
    from pointsync import clock
    from pointsync.accounts import api_keys

    transact(lambda session: api_keys.revoke(session, name, clock.now()))
    print_result({"name": name, "revoked": True}, f"The API key {name} was revoked.")
