"""A customer's addresses: give the customer another one, merge another customer, and undo a merge."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, parse_row_id, render_page
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.errors import Conflict, DomainError, InvalidInput
from pointsync.errors import NotFound as UnknownCustomer
from pointsync.ledger import customers
from pointsync.ledger.people import people
from pointsync.ledger.people.people import Merge
from pointsync.models import Customer

RENAME_PATH = "/customers/<big_row_id:customer_id>/rename"
MERGE_PATH = "/customers/<big_row_id:customer_id>/merge"
UNDO_MERGE_PATH = "/customers/<big_row_id:customer_id>/undo-merge/<origin>/<change_id>"


class RenameForm(FlaskForm):  # type: ignore[misc]
    """The new address."""

    to = StringField("New e-mail")


class MergeForm(FlaskForm):  # type: ignore[misc]
    """The customer who is merged into the one of the page."""

    other = StringField("E-mail of the other customer")


@blueprint.get(RENAME_PATH)
def rename_customer(customer_id: int) -> ResponseReturnValue:
    """The form for another address."""
    return _render("rename.html", get_customer(db.session(), customer_id), form=RenameForm())


@blueprint.post(RENAME_PATH)
def submit_rename_customer(customer_id: int) -> ResponseReturnValue:
    """Give the customer the address."""
    form, now, email = RenameForm(), clock.now(), get_customer(db.session(), customer_id).email
    to = (form.to.data or "").strip()
    try:
        renamed = db.run_in_transaction(lambda session: people.rename(session, email, to, now))
    except DomainError as error:
        return _show_error("rename.html", customer_id, form, "to", error)
    flash(f"{strip_bidi(email)} was renamed to {strip_bidi(renamed.email)}. The old address stays an alias.", "done")
    return redirect(url_for("admin.customer", customer_id=renamed.id), 303)


@blueprint.get(MERGE_PATH)
def merge_customer(customer_id: int) -> ResponseReturnValue:
    """The form for the other customer, who may be known already."""
    session, form = db.session(), MergeForm()
    other_id = parse_row_id(request.args.get("other", ""))
    other = customers.find_by_row(session, other_id) if other_id else None
    customer = get_customer(session, customer_id)
    if other is not None and other.id == customer.id:
        other = None
    form.other.data = other.email if other else None
    return _render("merge.html", customer, form=form, other=other)


@blueprint.post(MERGE_PATH)
def submit_merge_customer(customer_id: int) -> ResponseReturnValue:
    """Merge the other customer into this one."""
    form, now, email = MergeForm(), clock.now(), get_customer(db.session(), customer_id).email
    other = (form.other.data or "").strip()
    try:
        merged = db.run_in_transaction(lambda session: people.merge(session, other, email, now))
    except DomainError as error:
        return _show_error("merge.html", customer_id, form, "other", error)
    flash(f"{strip_bidi(other)} was merged into {strip_bidi(merged.email)}.", "done")
    return redirect(url_for("admin.customer", customer_id=merged.id), 303)


@blueprint.get(UNDO_MERGE_PATH)
def undo_merge(customer_id: int, origin: str, change_id: str) -> ResponseReturnValue:
    """Ask for confirmation."""
    customer = get_customer(db.session(), customer_id)
    return _render("undo_merge.html", customer, merge=_get_merge(db.session(), customer, origin, change_id))


@blueprint.post(UNDO_MERGE_PATH)
def submit_undo_merge(customer_id: int, origin: str, change_id: str) -> ResponseReturnValue:
    """Undo the merge."""
    now = clock.now()

    def undo(session: Session) -> tuple[Customer, Customer]:
        customer = get_customer(session, customer_id)
        return people.unmerge(session, _get_merge(session, customer, origin, change_id).change.key, now)

    try:
        customer, other = db.run_in_transaction(undo)
    except DomainError as error:
        flash(error.message, "warning")
        return redirect(url_for("admin.customer", customer_id=customer_id), 303)
    flash(f"{strip_bidi(customer.email)} and {strip_bidi(other.email)} are two customers again.", "done")
    return redirect(url_for("admin.customer", customer_id=other.id), 303)


def _get_merge(session: Session, customer: Customer, origin: str, change_id: str) -> Merge:
    """The merge of this customer with this key. Raises 404 if it cannot be undone any more."""
    for each in people.list_merges(session, customer):
        if each.change.key == (origin, change_id):
            return each
    raise NotFound


def _show_error(
    template: str, customer_id: int, form: FlaskForm, field_name: str, error: DomainError
) -> ResponseReturnValue:
    """The form again, with the error at its only field."""
    is_shown = isinstance(error, InvalidInput | UnknownCustomer) or not error.fields.keys() & set(form.data)
    show_errors(form, InvalidInput(field_name, error.message) if is_shown else error)
    other = None
    if isinstance(error, Conflict) and error.code == people.CUSTOMER_EXISTS:
        other = customers.get(db.session(), form[field_name].data or "")
    return _render(template, get_customer(db.session(), customer_id), form=form, other=other), 422


def _render(template: str, customer: Customer, *, other: Customer | None = None, **values: Any) -> str:
    """`other` is another customer whom this one may be merged with."""
    return render_page(f"customers/{template}", TAB, customer=customer, other=other, **values)
