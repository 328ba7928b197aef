"""A customer's balances and movements."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from pointsync.api.endpoints import Answer, Parameter, call
from pointsync.api.schemas import Customer, MovementPage
from pointsync.db import db
from pointsync.errors import Invalid
from pointsync.ledger import customers, reserves

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_DIGITS = 18

_EMAIL = Parameter(
    "email",
    "The customer's e-mail address; percent-encoded where needed, and + may stay +.",
    "path",
    {"type": "string", "format": "email"},
)
_ERRORS = {404: "No customer has this e-mail address, or there is no such reserve.", 422: "No e-mail address."}


class EmailConverter(BaseConverter):
    """An e-mail address in a path: it may hold slashes."""

    part_isolating = False
    regex = r"(?s:.+?)"


@call(
    "GET",
    "/customers/{email}",
    scope="read",
    title="A customer's balances",
    about="The points in each reserve that the customer ever had points in.",
    parameters=(_EMAIL,),
    answers={200: Answer("The customer.", (Customer,))},
    errors=_ERRORS,
)
def customer_balances(email: str) -> ResponseReturnValue:
    """A customer with all balances."""
    customer = customers.get(db.session(), email)
    return jsonify(customer=customer.email, balances=customers.balances(db.session(), customer))


@call(
    "GET",
    "/customers/{email}/movements",
    scope="read",
    title="A customer's movements",
    about=(
        "Newest first, in pages; what is recorded meanwhile does not shift them. To go on, pass next as cursor, "
        "with the same reserve."
    ),
    parameters=(
        _EMAIL,
        Parameter("reserve", "Only movements in this points reserve."),
        Parameter("cursor", "What the page before gave as next."),
        Parameter(
            "limit",
            f"How many movements; {DEFAULT_LIMIT} when left out.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
    ),
    answers={200: Answer("The page.", (MovementPage,))},
    errors=_ERRORS | {422: "No e-mail address, or a cursor or limit that cannot be."},
)
def customer_movements(email: str) -> ResponseReturnValue:
    """A page of a customer's movements."""
    session = db.session()
    limit = _number("limit", MAX_LIMIT, f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    before = _number("cursor", 10**MAX_DIGITS, "The cursor must be what the page before gave as next.")
    customer = customers.get(session, email)
    key = request.args.get("reserve")
    reserve = reserves.get(session, key) if key is not None else None
    page, following = customers.movements(session, customer, reserve, before, limit or DEFAULT_LIMIT)
    return jsonify(movements=page, next=None if following is None else str(following))


def _number(name: str, most: int, fault: str) -> int | None:
    """The query's number of that name, or None. Raises Invalid for anything but 1 to `most`."""
    given = request.args.getlist(name)
    if not given:
        return None
    text = given[0]
    number = int(text) if len(given) == 1 and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0
    if not 1 <= number <= most:
        raise Invalid(name, fault)
    return number
