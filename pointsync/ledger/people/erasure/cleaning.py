"""Taking an erased person out of texts, mails, kept deliveries and accounts, part by part.

Each part is one short transaction, and says where the next one continues.
"""

import json
import zlib
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any

from msgspec.structs import replace
from sqlalchemy import RowMapping, and_, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.email_address import parse
from pointsync.errors import InvalidInput
from pointsync.ledger.people.erased.texts import Replacement
from pointsync.ledger.people.erasure import erasure_details, position
from pointsync.ledger.people.erasure.named_columns import REPLACED, NamedColumns
from pointsync.ledger.people.erasure.position import FILES_DELAY, Position
from pointsync.models import (
    AuditEntry,
    AuditPermit,
    Customer,
    ErasedAddress,
    Erasure,
    KeptDelivery,
    Mail,
    Movement,
    ReturnedMovement,
    ShopAccount,
)

PART_SECONDS = 0.02
"""Of one transaction: others who write wait for it."""
PART_ROWS = 200
"""Read at once. A transaction has as many of these as its time allows."""
_NO_SYNC = {"synchronize_session": False}


class _Part:
    """One part of the cleaning: what it needs, and the last row that was looked at."""

    def __init__(self, session: Session, erasure: Erasure) -> None:
        self.session, self.after = session, 0
        assert erasure.effective_at is not None
        self.erasure, self.until = erasure, erasure.effective_at
        rows = session.execute(
            select(ErasedAddress.token, Customer.id)
            .join(Customer, Customer.email == ErasedAddress.token)
            .where(ErasedAddress.erasure_id == erasure.id)
        )
        self.row_ids = [row_id for _, row_id in rows]
        self.tokens = erasure_details.map_tokens(session, erasure)
        self.texts = Replacement(self.tokens)

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the person."""
        return self.texts.addresses.is_named_in(text)

    def count(self, name: str, number: int) -> None:
        """Add to the numbers of the receipt."""
        self.erasure.counts = {**self.erasure.counts, name: self.erasure.counts.get(name, 0) + number}


def clean_next_part(session: Session, erasure_id: int) -> bool:
    """Clean the next part. Return whether more remain; the files on disk are not part of this."""
    until = monotonic() + PART_SECONDS
    erasure = session.get(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    if erasure is None or erasure.carried_out_at is None or erasure.cleaned_at is not None:
        return False
    current = position.read(erasure)
    if current.is_scanning or current.step >= len(_STEPS):
        return False
    part = _Part(session, erasure)
    while current.step < len(_STEPS):
        part.after = current.after
        following = _STEPS[current.step](part)
        current = Position(step=current.step, after=following) if following else Position(step=current.step + 1)
        if monotonic() >= until:
            break
    position.save(erasure, current)
    session.flush()
    return True


def progress(erasure: Erasure) -> tuple[int, int]:
    """How many steps are done, and how many there are."""
    return (len(_STEPS) if erasure.cleaned_at else min(position.read(erasure).step, len(_STEPS))), len(_STEPS)


def wait_for_files(session: Session, erasure_id: int, now: datetime) -> None:
    """Look at the files again later."""
    erasure = session.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    position.save(erasure, replace(position.read(erasure), files_at=now + FILES_DELAY))
    session.flush()


def finish(session: Session, erasure_id: int, files: int, now: datetime) -> None:
    """Nothing here names the person any more; `files` is how many files on disk did."""
    erasure = session.get_one(Erasure, erasure_id, with_for_update=True, populate_existing=True)
    current = position.read(erasure)
    if current.step >= len(_STEPS) and not current.is_scanning:  # it did not begin again meanwhile
        position.save(erasure, Position())
        erasure.cleaned_at = now
        erasure.counts = {**erasure.counts, "files": erasure.counts.get("files", 0) + files}
        session.flush()


def _delete_mails(part: _Part) -> int | None:
    """The person's mails. Those of a new customer with the same address, which are dated later, stay."""
    may_be_to_person = and_(Mail.at < part.until, part.texts.addresses.may_name(Mail.address.expression))
    rows = part.session.execute(
        select(Mail.id, Mail.customer_id, Mail.address)
        .where(Mail.id > part.after, or_(Mail.customer_id.in_(part.row_ids), may_be_to_person))
        .order_by(Mail.id)
        .limit(PART_ROWS)
    ).all()
    ids_to_delete = [row.id for row in rows if row.customer_id in part.row_ids or part.is_named_in(row.address)]
    part.session.execute(delete(Mail).where(Mail.id.in_(ids_to_delete)), execution_options=_NO_SYNC)
    return rows[-1].id if len(rows) == PART_ROWS else None


def _empty_movements(part: _Part) -> int | None:
    """The texts of the person's own movements. Digests do not contain them."""
    rows = part.session.execute(
        select(Movement.seq, Movement.ref)
        .where(Movement.customer_id.in_(part.row_ids), Movement.seq > part.after)
        .order_by(Movement.seq)
        .limit(PART_ROWS)
    ).all()
    if not rows:
        return None
    seqs = [row.seq for row in rows]
    in_part = Movement.seq.between(seqs[0], seqs[-1])
    has_text = or_(Movement.reason != "", Movement.sent_customer.is_not(None))
    statement = update(Movement).where(Movement.customer_id.in_(part.row_ids), in_part, has_text)
    part.session.execute(statement.values(reason="", sent_customer=None), execution_options=_NO_SYNC)
    return seqs[-1] if len(rows) == PART_ROWS else None


def _forget_accounts(part: _Part) -> int | None:
    may_be_person = part.texts.addresses.may_name(ShopAccount.email.expression)
    query = select(ShopAccount).where(may_be_person, ShopAccount.is_deleted.is_(False))
    for account in part.session.scalars(query).all():
        if account.email and part.is_named_in(account.email):
            account.email, account.is_settling = None, False
    part.session.flush()
    return None


def _clean_kept_deliveries(part: _Part) -> int | None:
    """An order that waits will belong to the erased person; a report of an account is forgotten."""
    query = select(KeptDelivery).where(KeptDelivery.id > part.after).order_by(KeptDelivery.id).limit(PART_ROWS)
    rows = part.session.scalars(query).all()
    for row in rows:
        text = zlib.decompress(row.body).decode()
        if not part.is_named_in(text):
            continue
        if row.topic_kind == "account":
            part.session.delete(row)
        else:
            body = part.texts.apply_to_json(json.loads(text))
            row.body = zlib.compress(json.dumps(_without_names(body)).encode())
    part.session.flush()
    return rows[-1].id if len(rows) == PART_ROWS else None


def _without_names(body: Any) -> Any:
    """A delivery without names, addresses and telephone numbers."""
    if not isinstance(body, dict):
        return body
    kept = {name: value for name, value in body.items() if name not in ("shipping", "customer_note", "meta_data")}
    kept |= {name: "" for name in ("customer_ip_address", "customer_user_agent") if name in kept}
    if isinstance(kept.get("billing"), dict):
        kept["billing"] = {"email": kept["billing"].get("email", "")}
    return kept


def _clean_returned(part: _Part) -> int | None:
    """What remotes have returned of this site's lost movements, if it is dated before the erasure."""
    query = select(ReturnedMovement).where(ReturnedMovement.id > part.after).order_by(ReturnedMovement.id)
    rows = part.session.scalars(query.limit(PART_ROWS)).all()
    for row in rows:
        try:
            key = parse(row.customer).key
        except InvalidInput:
            continue
        at = row.at or ids.time_of(row.movement_id)
        if key in part.tokens and at < part.until:
            row.customer, row.reason = part.tokens[key], ""
            row.ref = part.texts.apply(row.ref) if row.ref else row.ref
    part.session.flush()
    return rows[-1].id if len(rows) == PART_ROWS else None


def _replace_in(columns: NamedColumns) -> Callable[[_Part], int | None]:
    def run(part: _Part) -> int | None:
        return _replace_part(part, columns)

    return run


def _replace_part(part: _Part, columns: NamedColumns) -> int | None:
    """Replace the addresses in the next rows of a table, or in all rows of one without a numbered key."""
    session, table = part.session, columns.table
    keys = list(table.primary_key.columns)
    is_numbered = len(keys) == 1 and keys[0].type.python_type is int
    names = (*columns.texts, *columns.json)
    found = part.texts.addresses.may_name(*(table.c[name] for name in names))
    query = select(*keys, *(table.c[name] for name in names)).where(found)
    last: int | None = None
    if is_numbered:
        last_in_part = select(keys[0]).where(keys[0] > part.after).order_by(keys[0]).offset(PART_ROWS - 1).limit(1)
        last = session.scalar(last_in_part)
        query = query.where(keys[0] > part.after)
        query = query if last is None else query.where(keys[0] <= last)
    replaced = [
        (row, values) for row in session.execute(query).mappings() if (values := _replace_row(part, columns, row))
    ]
    permit = _permit(session) if replaced and columns.model is AuditEntry else None
    for row, values in replaced:
        session.execute(update(table).where(*(key == row[key.name] for key in keys)).values(**values))
    if permit is not None:
        session.execute(delete(AuditPermit).where(AuditPermit.id == permit), execution_options=_NO_SYNC)
    if replaced:
        part.count("texts", len(replaced))
    return last


def _replace_row(part: _Part, columns: NamedColumns, row: RowMapping) -> dict[str, Any]:
    """The values that change in a row."""
    values: dict[str, Any] = {name: part.texts.apply(row[name]) for name in columns.texts if row[name]}
    values |= {name: part.texts.apply_to_json(row[name]) for name in columns.json if row[name] is not None}
    changed = {name: value for name, value in values.items() if value != row[name]}
    limits = {name: getattr(columns.table.c[name].type, "length", None) for name in changed}
    return {name: value[: limits[name]] if limits[name] else value for name, value in changed.items()}


def _permit(session: Session) -> int:
    """Let this transaction change texts of the audit log."""
    permit_id: int = session.execute(insert(AuditPermit).returning(AuditPermit.id)).scalar_one()
    return permit_id


_STEPS: tuple[Callable[[_Part], int | None], ...] = (
    _delete_mails,
    _empty_movements,
    _forget_accounts,
    _clean_kept_deliveries,
    _clean_returned,
    *map(_replace_in, REPLACED),
)
