"""`GET /customers/{email}` and `GET /customers/{email}/movements`."""

from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from pointsync import db
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.request_bodies import MAX_DIGITS
from pointsync.api.responses import json_response
from pointsync.errors import InvalidInput
from pointsync.ledger import customers, reserves
from pointsync.ledger.customer_json import Customer
from pointsync.ledger.movement_json import MovementPage

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_EMAIL_PARAMETER = Parameter(
    "email",
    "The customer's e-mail address. Percent-encode it where needed; + may stay +.",
    "path",
    {"type": "string", "format": "email"},
)


class EmailConverter(BaseConverter):
    """An e-mail address in a path. It may contain slashes."""

    part_isolating = False
    regex = r"(?s:.+?)"


@endpoint(
    "GET",
    "/customers/{email}",
    scope="read",
    title="Get a customer's balances",
    description="The customer's points in each reserve in which they ever had points.",
    parameters=(_EMAIL_PARAMETER,),
    responses={200: SuccessResponse("The customer.", (Customer,))},
    errors={404: "No customer has this e-mail address.", 422: "The e-mail address is not valid."},
)
def customer_balances(email: str) -> ResponseReturnValue:
    """Answer with a customer and all balances."""
    session = db.session()
    customer = customers.get(session, email)
    return json_response(Customer(customer.email, customers.list_balances(session, customer)))


@endpoint(
    "GET",
    "/customers/{email}/movements",
    scope="read",
    title="List a customer's movements",
    description=(
        "Newest first, in pages. New movements do not shift the pages. For the next page, pass next as cursor, "
        "with the same reserve."
    ),
    parameters=(
        _EMAIL_PARAMETER,
        Parameter("reserve", "Only movements in this points reserve."),
        Parameter("cursor", "The value of next from the page before."),
        Parameter(
            "limit",
            f"The number of movements. Default: {DEFAULT_LIMIT}.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
    ),
    responses={200: SuccessResponse("The page.", (MovementPage,))},
    errors={
        404: "No customer has this e-mail address, or the reserve is unknown.",
        422: "The e-mail address, the cursor or the limit is not valid.",
    },
)
def customer_movements(email: str) -> ResponseReturnValue:
    """Answer with a page of a customer's movements."""
    session = db.session()
    limit = _parse_number("limit", MAX_LIMIT, f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    cursor = _parse_number("cursor", 10**MAX_DIGITS, "The cursor must be the value of next from the page before.")
    customer = customers.get(session, email)
    key = request.args.get("reserve")
    reserve = reserves.get(session, key) if key is not None else None
    return json_response(customers.list_movements(session, customer, reserve, cursor, limit or DEFAULT_LIMIT))


def _parse_number(name: str, max_value: int, message: str) -> int | None:
    """The number in the query parameter `name`, or None. Raises InvalidInput if it is not from 1 to `max_value`."""
    values = request.args.getlist(name)
    if not values:
        return None
    text = values[0]
    number = int(text) if len(values) == 1 and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0
    if not 1 <= number <= max_value:
        raise InvalidInput(name, message)
    return number
