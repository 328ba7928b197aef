"""`GET /customers/duplicates`."""

from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.query_parameters import MAX_DIGITS, parse_number
from pointsync.api.responses import json_response
from pointsync.ledger.customer_json import DuplicatePage
from pointsync.ledger.people import pairs

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


@endpoint(
    "GET",
    "/customers/duplicates",
    scope="people",
    title="List customers who may be the same person",
    description=(
        "The newest first, in pages. Nobody is merged automatically. A pair ends when the two are merged, or when an "
        "admin says that they are not the same."
    ),
    parameters=(
        Parameter("cursor", "The value of next from the page before."),
        Parameter(
            "limit",
            f"The number of pairs. Default: {DEFAULT_LIMIT}.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        ),
    ),
    responses={200: SuccessResponse("The page.", (DuplicatePage,))},
    errors={422: "The cursor or the limit is not valid."},
)
def list_duplicates() -> ResponseReturnValue:
    """Answer with a page of pairs."""
    limit = parse_number("limit", 1, MAX_LIMIT, f"The limit must be a whole number from 1 to {MAX_LIMIT}.")
    cursor = parse_number("cursor", 1, 10**MAX_DIGITS, "The cursor must be the value of next from the page before.")
    return json_response(pairs.list_documents(db.session(), cursor, limit or DEFAULT_LIMIT))
