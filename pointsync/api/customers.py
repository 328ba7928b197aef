"""`GET /customers/{email}`, what expires, `POST /balances` and `GET /customers/{email}/movements`."""

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from pointsync import clock, db
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.query_parameters import MAX_DIGITS, parse_number, parse_text
from pointsync.api.request_bodies import (
    MAX_FIELD_ERRORS,
    BodySchema,
    invalid_fields,
    parse_object,
    read_json,
)
from pointsync.api.responses import json_response
from pointsync.api.schemas import (
    MAX_CUSTOMERS,
    BalancesOfCustomers,
    ExpiringPoints,
    FoundCustomer,
    PointsLoss,
    WantedCustomers,
)
from pointsync.email_address import normalise
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger import customers, reserves
from pointsync.ledger.customer_json import Customer
from pointsync.ledger.expiry.upcoming import list_losses
from pointsync.ledger.holds.customer_balances import list_by_email
from pointsync.ledger.movement_json import MovementPage
from pointsync.sync.site import general

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

SCHEMA_OF_CUSTOMERS = BodySchema(
    WantedCustomers,
    'The body must be an object, such as {"customers": ["alice@example.com"]}.',
    {"customers": f"The customers must be a list of 1 to {MAX_CUSTOMERS:,} e-mail addresses in quotes."},
)
EMAIL_PARAMETER = Parameter(
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
    parameters=(EMAIL_PARAMETER,),
    responses={200: SuccessResponse("The customer.", (Customer,))},
    errors={404: "No customer has this e-mail address.", 422: "The e-mail address is not valid."},
)
def customer_balances(email: str) -> ResponseReturnValue:
    """Answer with a customer and all balances."""
    session = db.session()
    customer = customers.get(session, email)
    return json_response(
        Customer(customer.email, list_by_email(session, [customer.email], clock.now())[customer.email])
    )


@endpoint(
    "GET",
    "/customers/{email}/expiring",
    scope="read",
    title="List what expires for a customer",
    description=(
        "The points of a reserve that this customer loses in the next 366 days if nothing moves any more, one entry "
        "for each day, the first one first. Days are in the site's time zone; points expire when the day begins."
    ),
    parameters=(EMAIL_PARAMETER, Parameter("reserve", "The points reserve. Default: default.")),
    responses={200: SuccessResponse("What expires.", (ExpiringPoints,))},
    errors={
        404: "No customer has this e-mail address, or the reserve is unknown.",
        422: "The e-mail address or the reserve is not valid.",
    },
)
def list_expiring_points(email: str) -> ResponseReturnValue:
    """Answer with what one customer loses in the next year."""
    session = db.session()
    customer = customers.get(session, email)
    key = parse_text("reserve", "Name one points reserve.")
    reserve = reserves.get(session, key if key is not None else reserves.DEFAULT_RESERVE)
    zone = general.get_time_zone(session)
    losses = list_losses(session, customer, reserve, zone, clock.local_date(clock.now(), zone))
    expiring = [PointsLoss(loss.day.isoformat(), loss.points) for loss in losses]
    return json_response(ExpiringPoints(customer.email, reserve.key, expiring))


@endpoint(
    "POST",
    "/balances",
    scope="read",
    title="Get the balances of many customers",
    description=(
        "The balances of up to 1,000 customers, in the order in which they were sent. A customer who is unknown here "
        "has no balances, and known is false."
    ),
    body=(WantedCustomers,),
    responses={200: SuccessResponse("The customers.", (BalancesOfCustomers,))},
    errors={413: "The body is larger than 1 MB.", 422: "The body is not valid JSON, or an address is not valid."},
)
def list_balances() -> ResponseReturnValue:
    """Answer with the balances of the customers in the body."""
    try:
        emails = _parse_emails(read_json())
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    found = list_by_email(db.session(), emails, clock.now())
    documents = [FoundCustomer(email, email in found, found.get(email, [])) for email in emails]
    return json_response(BalancesOfCustomers(documents))


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
        EMAIL_PARAMETER,
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
    limit = parse_number("limit", 1, MAX_LIMIT, f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    cursor = parse_number("cursor", 1, 10**MAX_DIGITS, "The cursor must be the value of next from the page before.")
    customer = customers.get(session, email)
    key = request.args.get("reserve")
    reserve = reserves.get(session, key) if key is not None else None
    return json_response(customers.list_movements(session, customer, reserve, cursor, limit or DEFAULT_LIMIT))


def _parse_emails(body: Any) -> list[str]:
    """The normalised addresses in `body`. Raises DomainError that names all invalid ones, at most 20."""
    emails: list[str] = []
    errors: dict[str, str] = {}
    for index, text in enumerate(parse_object(body, SCHEMA_OF_CUSTOMERS).customers):
        try:
            emails.append(normalise(text))
        except InvalidInput as error:
            errors[f"customers[{index}]"] = error.message
        if len(errors) >= MAX_FIELD_ERRORS:
            break
    if errors:
        raise invalid_fields(errors)
    return emails
