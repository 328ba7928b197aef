"""`GET /customers/{email}/report`."""

from flask import Response, request
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.api.customers import EMAIL_PARAMETER
from pointsync.api.endpoints import Parameter, SuccessResponse, endpoint
from pointsync.api.query_parameters import parse_text
from pointsync.errors import InvalidInput
from pointsync.reports.person_report import documents, report
from pointsync.runtime import get_runtime
from pointsync.sync.people.report_json import PersonReport

_FORMATS = (documents.JSON, documents.CSV)


@endpoint(
    "GET",
    "/customers/{email}/report",
    scope="people",
    title="Get the stored data about a person",
    description=(
        "Addresses, balances, movements, orders, holds, redemptions, levels, mails, shop accounts, and texts and files "
        "that name the person. As JSON, or as CSV with format=csv or the header Accept: text/csv. With sites=all, the "
        "other sites of the family are asked, too; a site that does not answer has a problem. This can take a minute."
    ),
    parameters=(
        EMAIL_PARAMETER,
        Parameter("sites", "all: of all sites that answer.", schema={"type": "string", "enum": [report.ALL_SITES]}),
        Parameter("format", "json or csv.", schema={"type": "string", "enum": list(_FORMATS)}),
    ),
    responses={200: SuccessResponse("The report.", (PersonReport,), has_csv=True)},
    errors={404: "No customer here has this e-mail address.", 422: "The e-mail address or a parameter is not valid."},
)
def report_customer(email: str) -> ResponseReturnValue:
    """Answer with the report."""
    form = parse_text("format", "Give format once.")
    if form is None:
        best = request.accept_mimetypes.best_match([documents.MIMETYPES[each] for each in _FORMATS])
        form = documents.CSV if best == documents.MIMETYPES[documents.CSV] else documents.JSON
    if form not in _FORMATS:
        raise InvalidInput("format", "The format must be json or csv.")
    is_of_all_sites = report.parse_sites(parse_text("sites", "Give sites once."))
    found = report.make(db.session(), get_runtime().config, email, clock.now(), is_of_all_sites=is_of_all_sites)
    return Response(b"".join(found.iter_document(form)), mimetype=documents.MIMETYPES[form])
