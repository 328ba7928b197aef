"""Accounts of customers in shops: an order of a customer who was signed in belongs to the address of the account.

It does not matter what a shop reports first, the order or the account: an order that is reported later looks its
account up, and the orders that were reported before are moved by a job.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, aliased

from pointsync.db.upsert import insert_or_ignore
from pointsync.email_address import Address, parse
from pointsync.ledger.orders.report import OrderReport
from pointsync.models import Shop, ShopAccount, ShopOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """An account as its shop knows it at one moment."""

    id: int
    email: str | None = None
    """The normalised address; None if it has none, or if it was deleted."""
    modified_at: datetime | None = None
    is_deleted: bool = False


def lock(session: Session, shop_id: int, account_id: int | None, *, for_change: bool = False) -> ShopAccount | None:
    """The row of an account, locked until the transaction ends, so that its address stays the same. None for a guest.

    A new account gets a row, so that a report of the account waits for a report of its order, and the other way round.
    Lock it before the order.
    """
    if not account_id:
        return None
    query = select(ShopAccount).where(ShopAccount.shop_id == shop_id, ShopAccount.account_id == account_id)
    query = query.with_for_update(read=not for_change).execution_options(populate_existing=True)
    account = session.scalar(query)
    if account is None:
        values = {"is_deleted": False, "is_settling": False, "after_order_id": 0}
        insert_or_ignore(session, ShopAccount, [{"shop_id": shop_id, "account_id": account_id} | values])
        account = session.scalars(query).one()
    return account


def save(session: Session, shop: Shop, report: AccountReport) -> bool:
    """Take in a report of an account. Return whether it changes anything; an older report does not.

    If the address has changed, a job moves the account's orders. If the account was deleted, its address is forgotten,
    and its orders stay with the customers that they belong to.
    """
    account = lock(session, shop.id, report.id, for_change=True)
    assert account
    if report.is_deleted:
        if account.is_deleted:
            return False
        account.is_deleted = True
        if not account.is_settling:  # the job needs the address; it forgets it at its end
            account.email = None
        session.flush()
        return True
    if _is_older(report, account):
        return False
    account.modified_at = report.modified_at or account.modified_at
    has_changed = account.is_deleted or account.email != report.email
    if has_changed:
        account.email, account.is_deleted = report.email, False
        account.is_settling, account.after_order_id = report.email is not None, 0
    session.flush()
    return has_changed


def choose_customer(
    session: Session, report: OrderReport, row: ShopOrder, account: ShopAccount | None, holder: Address | None
) -> OrderReport:
    """The report with the customer to whom the order belongs; `holder` is the one who has points from it.

    The address of the account if it is known, else the one in the order. When a shop deletes an account, it makes its
    orders those of guests: they stay where they are.
    """
    if report.is_deleted:
        return report
    if account is not None and account.email and not account.is_deleted:
        return replace(report, customer=parse(account.email), customer_problem="")
    if holder is not None and _is_of_deleted_account(session, report, row, account):
        return replace(report, customer=holder, customer_problem="", account_id=row.account_id)
    return report


def merge(session: Session, gone: Shop, kept: Shop) -> None:
    """Let the accounts of a shop belong to another one, which keeps what it knows itself."""
    other = aliased(ShopAccount)
    of_gone = ShopAccount.shop_id == gone.id
    update_all = {"synchronize_session": False}
    query = select(ShopAccount, other).join(other, other.account_id == ShopAccount.account_id)
    for account, own in session.execute(query.where(of_gone, other.shop_id == kept.id).with_for_update()).all():
        if own.email is None and not own.is_deleted:
            own.email, own.modified_at, own.is_deleted = account.email, account.modified_at, account.is_deleted
        session.flush()
        session.execute(
            delete(ShopAccount).where(of_gone, ShopAccount.account_id == own.account_id).execution_options(**update_all)
        )
    session.execute(update(ShopAccount).where(of_gone).values(shop_id=kept.id).execution_options(**update_all))
    has_address = (ShopAccount.shop_id == kept.id) & ShopAccount.email.is_not(None)
    values = {"is_settling": True, "after_order_id": 0}
    session.execute(update(ShopAccount).where(has_address).values(**values).execution_options(**update_all))


def _is_older(report: AccountReport, account: ShopAccount) -> bool:
    """Whether the report tells of an earlier state than the one seen. What was deleted needs a later time."""
    if report.modified_at is None or account.modified_at is None:
        return False
    if account.is_deleted:
        return report.modified_at <= account.modified_at
    return report.modified_at < account.modified_at


def _is_of_deleted_account(session: Session, report: OrderReport, row: ShopOrder, account: ShopAccount | None) -> bool:
    if account is not None:
        return account.is_deleted
    if report.account_id != 0 or not row.account_id:
        return False
    before = session.get(ShopAccount, (row.shop_id, row.account_id))
    return before is not None and before.is_deleted
