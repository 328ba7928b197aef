"""Customers whose addresses differ only in letter case become one, and are listed in the audit log"""

import re
import unicodedata
from collections import defaultdict
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "5e8b40d1c7fa"
down_revision = "c41e7a90d5b2"
branch_labels = None
depends_on = None

EMAIL_TYPE = sa.String(320).with_variant(sa.String(320, collation="C"), "postgresql")


def _table(name: str, columns: str) -> sa.TableClause:
    return sa.table(name, *map(sa.column, columns.split()))


CUSTOMER = _table("customer", "id email spelling")
MOVEMENT = _table("movement", "seq customer_id reserve_id points balance sent_customer")
MOVEMENT_CHANGE = _table("movement_change", "id movement_seq")
BALANCE = _table("balance", "customer_id reserve_id points")
UNLOCK = _table("unlock", "customer_id level_id at")
ORDER_POINTS = _table("shop_order_points", "customer_id shop_order_id reserve_id points")
LEVEL = _table("level", "next_customer_id")
SHOP_ACCOUNT = _table("shop_account", "email")
MOVED = (MOVEMENT, _table("hold", "customer_id"), _table("mail", "customer_id"))
"""A customer may have many rows in these. In the other tables, a customer has one row for each reserve, order or level."""
AUDIT = sa.table(
    "audit",
    sa.column("at", sa.DateTime(timezone=True)),
    *map(sa.column, ("actor", "how", "address", "action", "noun", "thing_id", "thing")),
    *(sa.column(name, sa.JSON) for name in ("before", "after")),
)


def upgrade() -> None:
    op.add_column("customer", sa.Column("spelling", EMAIL_TYPE, nullable=True))
    connection = op.get_bind()
    for key, members in _list_changing(connection).items():
        _merge(connection, key, members)


def downgrade() -> None:
    op.execute("UPDATE customer SET email = spelling WHERE spelling IS NOT NULL")
    op.drop_column("customer", "spelling")


def _fold(address: str) -> str:
    """The key of an address, which was in lower case before, as this version computes it."""
    local, at_sign, domain = address.rpartition("@")
    folded = unicodedata.normalize("NFC", local).translate({0x130: "i", 0x131: "i"}).casefold()
    key = unicodedata.normalize("NFC", re.sub("i\u0307+", "i", folded))
    return f"{key}{at_sign}{domain}"


def _list_changing(connection: sa.Connection) -> dict[str, list[tuple[int, str]]]:
    """The customers (id and address) of each key that one of them does not have yet, sorted by id."""
    # Only addresses that are not ASCII change. Another one may be the key of some of them.
    length_bytes = (
        sa.func.length(sa.cast(CUSTOMER.c.email, sa.LargeBinary))
        if connection.dialect.name == "sqlite"
        else sa.func.octet_length(CUSTOMER.c.email)
    )
    query = sa.select(CUSTOMER.c.id, CUSTOMER.c.email)
    groups: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for customer_id, email in connection.execute(query.where(length_bytes != sa.func.length(CUSTOMER.c.email))):
        if (key := _fold(email)) != email:
            groups[key].append((customer_id, email))
    for key, members in groups.items():
        members += [(row.id, row.email) for row in connection.execute(query.where(CUSTOMER.c.email == key))]
        members.sort()
    return groups


def _merge(connection: sa.Connection, key: str, members: list[tuple[int, str]]) -> None:
    """Let the customers be one. The highest id stays: no job that goes through the customers has passed it."""
    *gone, (kept, kept_email) = members
    last_change = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(MOVEMENT_CHANGE.c.id), 0)))
    for customer_id, email in members:
        if email != key:
            # So the digests of its movements stay what they are, here and on all other sites.
            unsent = (MOVEMENT.c.customer_id == customer_id, MOVEMENT.c.sent_customer.is_(None))
            connection.execute(sa.update(MOVEMENT).where(*unsent).values(sent_customer=email))
            connection.execute(sa.update(SHOP_ACCOUNT).where(SHOP_ACCOUNT.c.email == email).values(email=key))
    for customer_id, _ in gone:
        for table in MOVED:
            connection.execute(sa.update(table).where(table.c.customer_id == customer_id).values(customer_id=kept))
        _move_sums(connection, BALANCE, ("reserve_id",), customer_id, kept)
        _move_sums(connection, ORDER_POINTS, ("shop_order_id", "reserve_id"), customer_id, kept)
        _move_unlocks(connection, customer_id, kept)
        connection.execute(sa.delete(CUSTOMER).where(CUSTOMER.c.id == customer_id))
    spelling = None if any(email == key for _, email in members) else kept_email
    connection.execute(sa.update(CUSTOMER).where(CUSTOMER.c.id == kept).values(email=key, spelling=spelling))
    if not gone:
        return
    seqs = _recount_history(connection, kept)
    # The triggers have noted these movements, but nobody has edited them.
    noted = (MOVEMENT_CHANGE.c.id > last_change, MOVEMENT_CHANGE.c.movement_seq == sa.bindparam("seq"))
    if seqs:
        connection.execute(sa.delete(MOVEMENT_CHANGE).where(*noted), [{"seq": seq} for seq in seqs])
    # The sum of the balances may reach a level.
    is_past = sa.or_(LEVEL.c.next_customer_id.is_(None), LEVEL.c.next_customer_id > kept)
    connection.execute(sa.update(LEVEL).where(is_past).values(next_customer_id=kept))
    entry = {"actor": "", "how": "site", "address": "", "action": "merged", "noun": "customer", "thing": key[:191]}
    entry |= {"at": datetime.now(UTC), "thing_id": str(kept)}
    emails = ", ".join(email for _, email in members)
    connection.execute(sa.insert(AUDIT).values(**entry, before={"customers": emails}, after={"customer": key}))


def _move_sums(
    connection: sa.Connection, table: sa.TableClause, columns: tuple[str, ...], customer_id: int, kept: int
) -> None:
    """Move rows with points, which are added to those of `kept` where the rest of the primary key is the same."""
    for row in connection.execute(sa.select(table).where(table.c.customer_id == customer_id)).all():
        place = [table.c[name] == getattr(row, name) for name in columns]
        added = sa.update(table).where(*place, table.c.customer_id == kept).values(points=table.c.points + row.points)
        own = (*place, table.c.customer_id == customer_id)
        if connection.execute(added).rowcount:
            connection.execute(sa.delete(table).where(*own))
        else:
            connection.execute(sa.update(table).where(*own).values(customer_id=kept))


def _move_unlocks(connection: sa.Connection, customer_id: int, kept: int) -> None:
    """Move unlocked levels. Of a level that both have unlocked, the first time counts."""
    for row in connection.execute(sa.select(UNLOCK).where(UNLOCK.c.customer_id == customer_id)).all():
        same_level = UNLOCK.c.level_id == row.level_id
        of_kept, own = UNLOCK.c.customer_id == kept, UNLOCK.c.customer_id == customer_id
        kept_at = connection.scalar(sa.select(UNLOCK.c.at).where(same_level, of_kept))
        if kept_at is not None:
            connection.execute(sa.delete(UNLOCK).where(same_level, of_kept if row.at < kept_at else own))
        connection.execute(sa.update(UNLOCK).where(same_level, own).values(customer_id=kept))


def _recount_history(connection: sa.Connection, customer_id: int) -> list[int]:
    """Write the balance after each movement, as the customer's history shows it. Return their `seq`."""
    sums: defaultdict[int, int] = defaultdict(int)
    changes: list[dict[str, int]] = []
    query = sa.select(MOVEMENT).where(MOVEMENT.c.customer_id == customer_id).order_by(MOVEMENT.c.seq)
    for row in connection.execute(query).all():
        sums[row.reserve_id] += row.points
        changes.append({"this": row.seq, "total": sums[row.reserve_id]})
    if changes:
        statement = sa.update(MOVEMENT).where(MOVEMENT.c.seq == sa.bindparam("this"))
        connection.execute(statement.values(balance=sa.bindparam("total")), changes)
    return [each["this"] for each in changes]
