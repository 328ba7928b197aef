"""The rules that orders were counted by, stored once for all orders with the same rule."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.crypto import sha256_hex
from pointsync.db.upsert import insert_or_ignore
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import StoredOrderRule


def store(session: Session, rule: OrderRule) -> int:
    """The id of this rule, which is stored if it is new."""
    text = rule.to_text()
    digest = sha256_hex(text)
    query = select(StoredOrderRule.id).where(StoredOrderRule.digest == digest)
    found = session.scalar(query)
    if found is None:
        insert_or_ignore(session, StoredOrderRule, [{"digest": digest, "content": text}])
        found = session.scalars(query).one()
    return found


def load(session: Session, rule_id: int) -> OrderRule:
    """The rule with this id."""
    return OrderRule.from_text(session.get_one(StoredOrderRule, rule_id).content)
