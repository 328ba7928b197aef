"""`DELETE /customers/{email}`, `POST /customers/erased`, and the erasures: `GET /erasures`, and `GET` and `DELETE
/erasures/{id}`."""

from contextlib import suppress

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.api.customers import EMAIL_PARAMETER, SCHEMA_OF_CUSTOMERS
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import BodySchema, parse_object, read_json
from pointsync.api.responses import json_response
from pointsync.api.schemas import AskedAddresses, ErasedCustomer, ErasedCustomers, ErasureAnswer, ErasureList
from pointsync.email_address import normalise
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger import audit_recorder
from pointsync.ledger.people.erased import lives
from pointsync.ledger.people.erasure import erasures, receipts
from pointsync.ledger.people.erasure.erasure_json import ErasureDocument
from pointsync.models import Erasure
from pointsync.sync.site import settings

_SCHEMA = BodySchema(AskedAddresses, SCHEMA_OF_CUSTOMERS.not_object_message, SCHEMA_OF_CUSTOMERS.field_messages)
_ID_PARAMETER = Parameter("erasure", "The id of the erasure.", "path", {"type": "integer", "minimum": 1})


@endpoint(
    "DELETE",
    "/customers/{email}",
    scope="people",
    title="Request an erasure",
    description=(
        "The person is erased after a day: all addresses of the customer are removed, and all texts that name the "
        "person are cleaned, here and on the other sites of the family. The points stay, without a name. Until then, "
        "DELETE /erasures/{id}, an admin or a command can stop it. If it was requested before, the answer is that "
        "request."
    ),
    parameters=(EMAIL_PARAMETER,),
    responses={202: SuccessResponse("The request.", (ErasureAnswer,))},
    errors={404: "No customer has this e-mail address.", 422: "The e-mail address is not valid."},
)
def erase_customer(email: str) -> ResponseReturnValue:
    """Store the request."""
    now = clock.now()
    erasure = db.run_in_transaction(
        lambda session: erasures.request(session, email, audit_recorder.get_actor(session).name, now)
    )
    return json_response(ErasureAnswer(_describe(db.session(), erasure.id)), 202)


@endpoint(
    "POST",
    "/customers/erased",
    scope="people",
    title="Ask who was erased",
    description=(
        "Which of these addresses belonged to people who were erased, so that the shop removes them from its own data, "
        "too. Only what is dated before until: who uses the address again is another customer. What is not a valid "
        "address belonged to nobody."
    ),
    body=(AskedAddresses,),
    responses={
        200: SuccessResponse("Those that were erased, in the order in which they were sent.", (ErasedCustomers,))
    },
    errors={413: "The body is larger than 1 MB.", 422: "The body is not valid JSON, or a field is not valid."},
)
def find_erased_customers() -> ResponseReturnValue:
    """Answer with the addresses of erased people among those of the body."""
    try:
        wanted = parse_object(read_json(), _SCHEMA).customers
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    keys: dict[str, str] = {}
    for text in wanted:
        with suppress(InvalidInput):
            keys[text] = normalise(text)
    until = lives.find_until(db.session(), set(keys.values()))
    found = [ErasedCustomer(text, clock.to_text(until[key])) for text, key in keys.items() if key in until]
    return json_response(ErasedCustomers(found))


@endpoint(
    "GET",
    "/erasures",
    scope="people",
    title="List erasures",
    description=f"The newest first, at most {erasures.MAX_LISTED}: requests that wait, and receipts.",
    responses={200: SuccessResponse("The erasures.", (ErasureList,))},
)
def list_erasures() -> ResponseReturnValue:
    """Answer with the erasures."""
    session = db.session()
    days = settings.read(session).backup_days
    return json_response(ErasureList(receipts.describe_all(session, erasures.list_all(session), days)))


@endpoint(
    "GET",
    "/erasures/{erasure}",
    scope="people",
    title="Get the receipt of an erasure",
    description=(
        "What was erased here and when, what each other site has reported, and which backups still have the person. "
        "The address is gone by then: the id is what you keep."
    ),
    parameters=(_ID_PARAMETER,),
    responses={200: SuccessResponse("The receipt.", (ErasureAnswer,))},
    errors={404: "There is no such erasure."},
)
def get_erasure(erasure: int) -> ResponseReturnValue:
    """Answer with the receipt."""
    return json_response(ErasureAnswer(_describe(db.session(), erasure)))


@endpoint(
    "DELETE",
    "/erasures/{erasure}",
    scope="people",
    title="Stop an erasure that waits",
    description="It does no harm to repeat it.",
    parameters=(_ID_PARAMETER,),
    responses={200: SuccessResponse("The stopped request.", (ErasureAnswer,))},
    errors={404: "There is no such erasure.", 409: "erased: the person was erased already."},
)
def stop_erasure(erasure: int) -> ResponseReturnValue:
    """Stop it."""
    now = clock.now()

    def stop(session: Session) -> Erasure:
        return erasures.stop(session, erasure, audit_recorder.get_actor(session).name, now)

    db.run_in_transaction(stop)
    return json_response(ErasureAnswer(_describe(db.session(), erasure)))


def _describe(session: Session, erasure_id: int) -> ErasureDocument:
    return receipts.describe(session, erasures.get(session, erasure_id), settings.read(session).backup_days)
