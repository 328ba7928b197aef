"""A customer's balances and movements."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from pointsync import db
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.schemas import Customer, MovementPage
from pointsync.errors import InvalidInput
from pointsync.ledger import customers, reserves

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_DIGITS = 18

_EMAIL_PARAMETER = Parameter(
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


@endpoint(
    "GET",
    "/customers/{email}",
    scope="read",
    title="A customer's balances",
    description="The points in each reserve that the customer ever had points in.",
    parameters=(_EMAIL_PARAMETER,),
    responses={200: SuccessResponse("The customer.", (Customer,))},
    errors=_ERRORS,
)
def customer_balances(email: str) -> ResponseReturnValue:
    """A customer with all balances."""
    customer = customers.get(db.session(), email)
    return jsonify(customer=customer.email, balances=customers.list_balances(db.session(), customer))


@endpoint(
    "GET",
    "/customers/{email}/movements",
    scope="read",
    title="A customer's movements",
    description=(
        "Newest first, in pages; what is recorded meanwhile does not shift them. To go on, pass next as cursor, "
        "with the same reserve."
    ),
    parameters=(
        _EMAIL_PARAMETER,
        Parameter("reserve", "Only movements in this points reserve."),
        Parameter("cursor", "What the page before gave as next."),
        Parameter(
            "limit",
            f"How many movements; {DEFAULT_LIMIT} when left out.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
    ),
    responses={200: SuccessResponse("The page.", (MovementPage,))},
    errors=_ERRORS | {422: "No e-mail address, or a cursor or limit that cannot be."},
)
def customer_movements(email: str) -> ResponseReturnValue:
    """A page of a customer's movements."""
    session = db.session()
    limit = _parse_number("limit", MAX_LIMIT, f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    cursor = _parse_number("cursor", 10**MAX_DIGITS, "The cursor must be what the page before gave as next.")
    customer = customers.get(session, email)
    key = request.args.get("reserve")
    reserve = reserves.get(session, key) if key is not None else None
    page, next_cursor = customers.list_movements(session, customer, reserve, cursor, limit or DEFAULT_LIMIT)
    return jsonify(movements=page, next=None if next_cursor is None else str(next_cursor))


def _parse_number(name: str, max_value: int, message: str) -> int | None:
    """The query's number of that name, or None. Raises InvalidInput for anything but 1 to `max_value`."""
    values = request.args.getlist(name)
    if not values:
        return None
    text = values[0]
    number = int(text) if len(values) == 1 and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0
    if not 1 <= number <= max_value:
        raise InvalidInput(name, message)
    return number
