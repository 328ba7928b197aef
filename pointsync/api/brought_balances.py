"""`POST /balances/bring`."""

import re
from typing import Annotated, Literal

from flask.typing import ResponseReturnValue
from msgspec import Meta, Struct

from pointsync import clock, db
from pointsync.api.auth import current_source
from pointsync.api.endpoints import SuccessResponse, endpoint
from pointsync.api.errors import BodyRefused
from pointsync.api.request_bodies import (
    FIELD_MESSAGES,
    MAX_FIELD_ERRORS,
    BodySchema,
    convert_object,
    invalid_fields,
    parse_object,
    read_json,
)
from pointsync.api.responses import json_response
from pointsync.api.schemas import ErrorDetail, Points
from pointsync.errors import DomainError
from pointsync.imports import brought_balances
from pointsync.imports.brought_balances import BroughtBalance, BroughtResult, Program
from pointsync.ledger.movement_json import Email
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.runtime import get_runtime
from pointsync.text_limits import MAX_REASON_LENGTH

MAX_BALANCES = 1000
_PROGRAM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
_PROGRAM_MESSAGE = "The program must be its name in quotes: 1 to 40 of a-z, 0-9, ., _ and -, such as myrewards."


class BalanceToBring(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a customer had in another program."""

    customer: Email
    points: Annotated[Points, Meta(description="Whole points, not 0.", examples=[340])]
    reserve: Annotated[str | None, Meta(description="The key of the points reserve.")] = DEFAULT_RESERVE


class BalancesToBring(Struct, kw_only=True, forbid_unknown_fields=True):
    """Balances from another program."""

    program: Annotated[
        str,
        Meta(
            description="The name of the program. Give it the same name in each shop whose customers had the same "
            "points there.",
            examples=["myrewards"],
            extra_json_schema={"pattern": "^[a-z0-9][a-z0-9._-]{0,39}$"},
        ),
    ]
    was_in_step: Annotated[
        bool,
        Meta(
            description="true: customers had the same points in all shops of the family, so these are opening "
            "balances, which stay on this site. false: they are this shop's own, and new points for the whole family."
        ),
    ]
    reason: Annotated[
        str | None,
        Meta(description="A text for the customers.", extra_json_schema={"maxLength": MAX_REASON_LENGTH}),
    ] = ""
    dry_run: Annotated[bool | None, Meta(description="Record nothing, and say what would happen.")] = False
    balances: Annotated[
        list[BalanceToBring],
        Meta(description="One for each customer and reserve.", min_length=1, max_length=MAX_BALANCES),
    ]


class BroughtBalanceResult(Struct, kw_only=True, omit_defaults=True):
    """what happened to one balance."""

    status: Annotated[
        Literal["recorded", "new", "duplicate", "refused"],
        Meta(
            description="new: a dry run, and it would be recorded. duplicate: it was recorded before with the same "
            "points. refused: see error."
        ),
    ]
    balance: Annotated[
        int | None, Meta(description="The customer's points in the reserve before this call; left out if refused.")
    ] = None
    error: ErrorDetail | None = None


class BroughtBalanceResults(Struct):
    """The results, in the order of the balances."""

    results: list[BroughtBalanceResult]


_SCHEMA = BodySchema(
    BalancesToBring,
    'The body must be an object, such as {"program": "myrewards", "was_in_step": true, "balances": […]}.',
    {
        "program": _PROGRAM_MESSAGE,
        "was_in_step": "Give true if customers had the same points in all shops of the family, else false.",
        "reason": FIELD_MESSAGES["reason"],
        "dry_run": "Give true to record nothing. You can leave it out.",
        "balances": f"The balances must be a list of 1 to {MAX_BALANCES:,} objects with customer and points.",
    },
)
_ITEM_SCHEMA = BodySchema(BalanceToBring, "A balance must be an object with customer and points.", FIELD_MESSAGES)


@endpoint(
    "POST",
    "/balances/bring",
    scope="shop",
    title="Bring balances from another program",
    description=(
        "Records what customers had in another program: once for each customer, reserve and program, however often it "
        "is sent. If the shops of a family were in step, each of them brings the same balances, and they count once on "
        "each site, also if several of the shops are connected with this site. A balance that is refused does not "
        "stop the others."
    ),
    body=(BalancesToBring,),
    responses={
        201: SuccessResponse("At least one balance was recorded.", (BroughtBalanceResults,)),
        200: SuccessResponse("Nothing new was recorded.", (BroughtBalanceResults,)),
    },
    errors={413: "The body is larger than 1 MB.", 422: "The body is not valid JSON, or a field is not valid."},
)
def bring_balances() -> ResponseReturnValue:
    """Record the balances of the body that are new, and wake the couriers."""
    source, now = current_source(), clock.now()
    try:
        body = _parse(read_json())
        lines = [BroughtBalance(each.customer, each.points, each.reserve or DEFAULT_RESERVE) for each in body.balances]
        program = Program(body.program, body.was_in_step, body.reason or "")
        outcomes = db.run_in_transaction(
            lambda session: brought_balances.bring(session, lines, program, source, now, is_dry_run=bool(body.dry_run))
        )
    except DomainError as refusal:
        raise BodyRefused(refusal) from refusal
    results = [_to_json(each) for each in outcomes]
    has_recorded = any(each.status == "recorded" for each in results)
    if has_recorded:
        get_runtime().wake_couriers()
    return json_response(BroughtBalanceResults(results), 201 if has_recorded else 200)


def _parse(body: object) -> BalancesToBring:
    """The body. Raises DomainError that names all invalid fields."""
    items = body.get("balances") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(items, list) or not 1 <= len(items) <= MAX_BALANCES:
        parse_object(body, _SCHEMA)
        raise invalid_fields({"balances": _SCHEMA.field_messages["balances"]})
    errors: dict[str, str] = {}
    balances: list[BalanceToBring] = []
    for index, item in enumerate(items):
        balance = convert_object(item, f"balances[{index}]", _ITEM_SCHEMA, errors)
        if balance:
            balances.append(balance)
        if len(errors) >= MAX_FIELD_ERRORS:
            break
    if errors:
        raise invalid_fields(errors)
    document = parse_object(body | {"balances": balances}, _SCHEMA)
    if not _PROGRAM_NAME.match(document.program):
        raise invalid_fields({"program": _PROGRAM_MESSAGE})
    return document


def _to_json(outcome: BroughtResult | DomainError) -> BroughtBalanceResult:
    if isinstance(outcome, BroughtResult):
        return BroughtBalanceResult(status=outcome.status, balance=outcome.balance)  # type: ignore[arg-type]
    error = ErrorDetail(outcome.code, outcome.message, outcome.fields or None)
    return BroughtBalanceResult(status="refused", error=error)
