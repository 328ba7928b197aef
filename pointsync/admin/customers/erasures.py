"""Erasing a person, and the receipts of erasures."""

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.forms import show_errors, validate_setting
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.email_address import normalise
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger import audit_recorder
from pointsync.ledger.people import people
from pointsync.ledger.people.erasure import erasures, known_movements, receipts
from pointsync.models import Customer, Remote
from pointsync.sync.site import settings


class EraseForm(FlaskForm):  # type: ignore[misc]
    """The customer's address, typed again."""

    address = StringField("Type the e-mail address to confirm")


class RetentionForm(FlaskForm):  # type: ignore[misc]
    """How long backups are kept."""

    backup_days = StringField("Backups are kept for (days)", [validate_setting])


@blueprint.get("/customers/<big_row_id:customer_id>/erase")
def erase_customer(customer_id: int) -> ResponseReturnValue:
    """Explain what happens, and ask for the address."""
    return _render_erase(get_customer(db.session(), customer_id), EraseForm())


@blueprint.post("/customers/<big_row_id:customer_id>/erase")
def submit_erase_customer(customer_id: int) -> ResponseReturnValue:
    """Erase the person."""
    form, now = EraseForm(), clock.now()
    customer = get_customer(db.session(), customer_id)
    try:
        if normalise(form.address.data or "") != customer.email:
            raise InvalidInput("address", f"Type {customer.email} to erase this person.")
        email = customer.email
        known = known_movements.read(db.session(), email)
        erasure_id = db.run_in_transaction(
            lambda session: erasures.erase(session, email, _actor_name(session), now, known).id
        )
    except DomainError as error:
        show_errors(form, InvalidInput("address", error.message))
        return _render_erase(get_customer(db.session(), customer_id), form), 422
    flash("The person was erased. This is the receipt.", "done")
    return redirect(url_for("admin.erasure", erasure_id=erasure_id), 303)


@blueprint.get("/customers/erasures")
def list_erasures() -> ResponseReturnValue:
    """Requests that wait, and receipts."""
    return _render_list(RetentionForm(backup_days=str(settings.read(db.session()).backup_days)))


@blueprint.post("/customers/erasures/backups")
def save_backup_days() -> ResponseReturnValue:
    """Store how long backups are kept."""
    form = RetentionForm()
    if not form.validate():
        return _render_list(form), 422
    value = form.backup_days.data or ""
    db.run_in_transaction(lambda session: settings.change(session, "backup_days", value))
    flash("Saved.", "done")
    return redirect(url_for("admin.list_erasures"), 303)


@blueprint.get("/customers/erasures/<row_id:erasure_id>")
def erasure(erasure_id: int) -> ResponseReturnValue:
    """The receipt of an erasure, which can be printed."""
    session = db.session()
    days = settings.read(session).backup_days
    document = receipts.describe(session, erasures.get(session, erasure_id), days)
    return render_page("customers/erasure.html", TAB, erasure=document, backup_days=days)


@blueprint.post("/customers/erasures/<row_id:erasure_id>/stop")
def stop_erasure(erasure_id: int) -> ResponseReturnValue:
    """Stop an erasure that waits."""
    now = clock.now()
    return _change(
        erasure_id,
        lambda session: erasures.stop(session, erasure_id, _actor_name(session), now),
        "The erasure was stopped. Nobody is erased.",
    )


@blueprint.post("/customers/erasures/<row_id:erasure_id>/owner-informed/<auth>")
def mark_owner_informed(erasure_id: int, auth: str) -> ResponseReturnValue:
    """Save that the owner of a site was asked to erase the person."""
    now = clock.now()
    return _change(erasure_id, lambda session: receipts.tick(session, erasure_id, auth, _actor_name(session), now))


def _change(erasure_id: int, change: Callable[[Session], Any], message: str | None = None) -> ResponseReturnValue:
    """Make the change, and say `message`, or what it returns."""
    erasures.get(db.session(), erasure_id)
    try:
        result = db.run_in_transaction(change)
    except DomainError as error:
        flash(error.message, "warning")
    else:
        flash(message or result, "done")
    return redirect(url_for("admin.erasure", erasure_id=erasure_id), 303)


def _actor_name(session: Session) -> str:
    return audit_recorder.get_actor(session).name


def _render_list(form: RetentionForm) -> str:
    session = db.session()
    days = settings.read(session).backup_days
    documents = receipts.describe_all(session, erasures.list_all(session), days)
    return render_page(
        "customers/erasures.html",
        TAB,
        erasures=documents,
        form=form,
        count_unfinished=receipts.count_unfinished,
        definition=settings.DEFINITIONS["backup_days"],
    )


def _render_erase(customer: Customer, form: EraseForm) -> str:
    session = db.session()
    listed = select(Remote).where(Remote.deleted_at.is_(None), Remote.closing_at.is_(None)).order_by(Remote.id)
    sites = {each.auth: each for each in session.scalars(listed)}.values()
    return render_page(
        "customers/erase.html",
        TAB,
        customer=customer,
        form=form,
        addresses=people.list_addresses(session, customer),
        informed=[each for each in sites if each.dialect is None or each.takes_changes],
        by_hand=[each for each in sites if each.dialect is not None and not each.takes_changes],
    )
