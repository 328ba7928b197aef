"""The API's description: OpenAPI for programs, a page for people."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.api.endpoints import PREFIX, SuccessResponse, endpoint
from pointsync.api.openapi import build_document
from pointsync.api.responses import json_response
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.scopes import SCOPES
from pointsync.sync.site import general

EXAMPLE_URL = "http://127.0.0.1:8080"

blueprint = Blueprint("api_docs", __name__, url_prefix="/api")


@endpoint(
    "GET",
    "/openapi.json",
    title="Get this description",
    description="The API in OpenAPI 3.1, for programs. No key is needed.",
    responses={200: SuccessResponse("The description.", (dict,))},
)
def openapi() -> ResponseReturnValue:
    """Answer with the description. Its server URL has the prefix of this request."""
    return json_response(build_document() | {"servers": [{"url": f"{request.script_root}{PREFIX}"}]})


@blueprint.get("/docs")
def show_docs() -> ResponseReturnValue:
    """Show the description to people. The example uses this site's public URL, never the Host of the request."""
    site_url = general.get_effective_url(db.session().get_one(Site, 1), get_runtime().config) or EXAMPLE_URL
    return render_template(
        "api/docs.html",
        openapi=build_document(),
        prefix=f"{request.script_root}{PREFIX}",
        api_url=f"{site_url}{PREFIX}",
        scopes=SCOPES,
    )
