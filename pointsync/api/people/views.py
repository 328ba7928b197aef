"""`POST /customers/{email}/rename`, `/aliases` and `/unmerge`, `POST /customers/merge`, and
`GET /customers/{email}/changes`."""

from collections.abc import Callable

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.auth import current_source
from pointsync.api.customers import EMAIL_PARAMETER
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import BodySchema, parse_object, read_json
from pointsync.api.responses import json_response
from pointsync.api.schemas import ChangesOfCustomer, CustomersToMerge, NewAddress
from pointsync.errors import DomainError
from pointsync.ledger import customers
from pointsync.ledger.customer_json import Customer, UnmergedCustomers
from pointsync.ledger.holds.customer_balances import list_by_email
from pointsync.ledger.people import pairs, people
from pointsync.models import Customer as CustomerRow
from pointsync.reports import changes

_ADDRESS_SCHEMA = BodySchema(
    NewAddress,
    'The body must be an object, such as {"to": "alice@example.com"}.',
    {"to": "The new address must be an e-mail address in quotes, such as alice@example.com."},
)
_MERGE_SCHEMA = BodySchema(
    CustomersToMerge,
    'The body must be an object, such as {"from": "alice@old.example", "into": "alice@example.com"}.',
    {
        "from": "The customer who is merged must be an e-mail address in quotes, such as alice@old.example.",
        "into": "The customer who stays must be an e-mail address in quotes, such as alice@example.com.",
    },
)
_LOCAL = "The other sites of the family get the change. GET /customers/{email}/changes shows which of them have it."
_UNKNOWN = "No customer has this e-mail address."
_TOO_MANY = "too_many_addresses, too_many_changes: the customer can have no more of them."
_TRY_LATER = "fetching_back: lost movements come back first. Try again later."


@endpoint(
    "POST",
    "/customers/{email}/rename",
    scope="people",
    title="Give a customer another address",
    description=(
        "The customer keeps points, history, levels, holds and orders. The old address stays an alias for ever: what "
        f"arrives under it later belongs to the customer, too. {_LOCAL}"
    ),
    parameters=(EMAIL_PARAMETER,),
    body=(NewAddress,),
    responses={200: SuccessResponse("The customer, with the new address.", (Customer,))},
    errors={
        404: _UNKNOWN,
        409: f"customer_exists: another customer has the new address. Nobody is merged; an admin of the site decides. "
        f"{_TOO_MANY}",
        422: "The body is not valid JSON, or an address is not valid.",
        503: _TRY_LATER,
    },
)
def rename_customer(email: str) -> ResponseReturnValue:
    """Rename the customer."""
    to, now = _read_address(), clock.now()
    return _answer_noting(email, to, lambda session: people.rename(session, email, to, now))


@endpoint(
    "POST",
    "/customers/{email}/aliases",
    scope="people",
    title="Add an address of a customer",
    description=f"What arrives under this address belongs to the customer, who is shown as before. {_LOCAL}",
    parameters=(EMAIL_PARAMETER,),
    body=(NewAddress,),
    responses={200: SuccessResponse("The customer.", (Customer,))},
    errors={
        404: _UNKNOWN,
        409: f"customer_exists: another customer has the address. {_TOO_MANY}",
        422: "The body is not valid JSON, or an address is not valid.",
        503: _TRY_LATER,
    },
)
def add_customer_alias(email: str) -> ResponseReturnValue:
    """Add the address."""
    to, now = _read_address(), clock.now()
    return _answer_noting(email, to, lambda session: people.add_alias(session, email, to, now))


@endpoint(
    "POST",
    "/customers/merge",
    scope="people",
    title="Merge two customers",
    description=(
        "The points of both are added up, and the customer who stays gets the addresses of the other one. You can undo "
        f"it with unmerge. {_LOCAL}"
    ),
    body=(CustomersToMerge,),
    responses={200: SuccessResponse("The customer who stays.", (Customer,))},
    errors={
        404: "No customer has one of these e-mail addresses.",
        409: (
            "same_customer: both addresses belong to the same customer. balance_out_of_bounds: the sum of the points "
            f"is too large. {_TOO_MANY}"
        ),
        422: "The body is not valid JSON, or an address is not valid.",
        503: _TRY_LATER,
    },
)
def merge_customers() -> ResponseReturnValue:
    """Merge the two."""
    try:
        body = parse_object(read_json(), _MERGE_SCHEMA)
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    now = clock.now()
    return _answer(lambda session: people.merge(session, body.from_, body.into, now))


@endpoint(
    "POST",
    "/customers/{email}/unmerge",
    scope="people",
    title="Undo a merge",
    description=(
        "Undoes the newest merge that gave this address to another customer. Each of the two customers then has what "
        f"was recorded under their own addresses, before and after the merge. {_LOCAL}"
    ),
    parameters=(EMAIL_PARAMETER,),
    responses={200: SuccessResponse("Both customers.", (UnmergedCustomers,))},
    errors={
        404: "No customer has this e-mail address. unknown_merge: it was not merged into another customer.",
        409: "balance_out_of_bounds: a balance would be too large. undone_before: the merge was undone meanwhile. "
        "too_many_changes: no more changes are possible.",
        422: "The e-mail address is not valid.",
        503: _TRY_LATER,
    },
)
def unmerge_customer(email: str) -> ResponseReturnValue:
    """Undo the merge."""
    now = clock.now()
    unmerged = db.run_in_transaction(lambda session: people.unmerge_address(session, email, now))
    customer, other = (_describe(each) for each in unmerged)
    return json_response(UnmergedCustomers(customer, other))


@endpoint(
    "GET",
    "/customers/{email}/changes",
    scope="people",
    title="List the changes of a customer",
    description=(
        f"The newest {changes.MAX_OF_CUSTOMER} changes about any of the customer's addresses, newest first, made here "
        "or on other sites, and which sites have those that were made here."
    ),
    parameters=(EMAIL_PARAMETER,),
    responses={200: SuccessResponse("The changes.", (ChangesOfCustomer,))},
    errors={404: _UNKNOWN, 422: "The e-mail address is not valid."},
)
def customer_changes(email: str) -> ResponseReturnValue:
    """Answer with the changes."""
    session = db.session()
    rows = changes.list_of_customer(session, customers.get(session, email))
    return json_response(ChangesOfCustomer([row.json for row in rows]))


def _read_address() -> str:
    try:
        return parse_object(read_json(), _ADDRESS_SCHEMA).to
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal


def _answer_noting(email: str, to: str, change: Callable[[Session], CustomerRow]) -> ResponseReturnValue:
    """The same, but if the address belongs to another customer, the two are listed as duplicates for an admin."""
    with pairs.noting_refusals(db.run_in_transaction, email, to, current_source(), clock.now()):
        return _answer(change)


def _answer(change: Callable[[Session], CustomerRow]) -> ResponseReturnValue:
    return json_response(_describe(db.run_in_transaction(change)))


def _describe(customer: CustomerRow) -> Customer:
    balances = list_by_email(db.session(), [customer.email], clock.now())
    return Customer(customer.email, balances.get(customer.email, []))
