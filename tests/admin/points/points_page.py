"""Adjust points: creating customers, filling in the form, and reading what was recorded."""

import re
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement
from tests.support.panel_client import PanelClient
from tests.support.site_template import run_in_transaction

PAGE = "/customers/points"


def create_customers(app: Flask, **points: int) -> list[int]:
    """Create customers NAME@shop.test with these points. Returns their row ids."""

    def change(session: Session) -> list[int]:
        drafts = [Draft(f"{name}@shop.test", points=number) for name, number in points.items()]
        return [each.movement.customer_id for each in record(session, drafts, "test", clock.now())]

    return run_in_transaction(app, change)


def balances(app: Flask) -> dict[str, int]:
    """The balances in the reserve `default`, by the part of the e-mail before the @."""
    with app.app_context():
        rows = db.session.execute(
            select(Customer.email, Balance.points).join(Balance).where(Balance.reserve_id == 1).order_by(Customer.id)
        )
        return {email.partition("@")[0]: points for email, points in rows}


def manual_movements(app: Flask) -> list[Movement]:
    """The movements that an admin recorded, oldest first."""
    with app.app_context():
        return list(db.session.scalars(select(Movement).where(Movement.source.like("admin:%")).order_by(Movement.seq)))


def hidden_fields(text: str) -> dict[str, list[str]]:
    """The hidden fields of the page's form."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(
        r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', text.partition("<main")[2]
    ):
        found.setdefault(name, []).append(value)
    return found


def filled_form(ada: PanelClient, query: str = "", **typed: Any) -> dict[str, Any]:
    """The form's fields as a browser would send them."""
    usual = {"email": "eve@shop.test", "reserve": "default", "what": "add", "points": "50", "reason": "Thanks"}
    return usual | hidden_fields(ada.get(PAGE + query).text) | typed


def confirm_dry_run(ada: PanelClient, dry_run: str) -> Any:
    """Press Confirm on a dry run."""
    return ada.post(PAGE, hidden_fields(dry_run))


def selection_query(numbers: list[int]) -> str:
    """The query of the list's form with these customers selected."""
    return "?" + "&".join(f"customer={number}" for number in numbers)
