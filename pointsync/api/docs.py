"""The API's description for programs, and the same for people."""

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from pointsync.api.endpoints import PREFIX, SuccessResponse, endpoint
from pointsync.api.openapi import build_document
from pointsync.runtime import get_runtime
from pointsync.scopes import SCOPES

EXAMPLE_URL = "http://127.0.0.1:8080"

blueprint = Blueprint("api_docs", __name__, url_prefix="/api")


@endpoint(
    "GET",
    "/openapi.json",
    title="This description",
    description="The API in OpenAPI 3.1, for programs. Anybody may read it.",
    responses={200: SuccessResponse("The description.", (dict,))},
)
def openapi() -> ResponseReturnValue:
    """The description, with the address that it was asked at."""
    return jsonify(build_document() | {"servers": [{"url": f"{request.script_root}{PREFIX}"}]})


@blueprint.get("/docs", provide_automatic_options=False)
def show_docs() -> ResponseReturnValue:
    """The description for people; its example names this site's public URL, never the caller's Host."""
    site_url = get_runtime().config.public_url or EXAMPLE_URL
    return render_template(
        "api/docs.html",
        openapi=build_document(),
        prefix=f"{request.script_root}{PREFIX}",
        api_url=f"{site_url}{PREFIX}",
        scopes=SCOPES,
    )
