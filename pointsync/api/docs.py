"""The API's description for programs, and the same for people."""

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from pointsync.api.endpoints import PREFIX, Answer, call
from pointsync.api.openapi import document
from pointsync.runtime import runtime
from pointsync.scopes import SCOPES

EXAMPLE_URL = "http://127.0.0.1:8080"

docs = Blueprint("api_docs", __name__, url_prefix="/api")


@call(
    "GET",
    "/openapi.json",
    title="This description",
    about="The API in OpenAPI 3.1, for programs. Anybody may read it.",
    answers={200: Answer("The description.", (dict,))},
)
def openapi() -> ResponseReturnValue:
    """The description, with the address that it was asked at."""
    return jsonify(document() | {"servers": [{"url": f"{request.script_root}{PREFIX}"}]})


@docs.get("/docs", provide_automatic_options=False)
def page() -> ResponseReturnValue:
    """The description for people; its example names this site's public URL, never the caller's Host."""
    root = runtime().config.public_url or EXAMPLE_URL
    return render_template(
        "api/docs.html",
        api=document(),
        prefix=f"{request.script_root}{PREFIX}",
        address=f"{root}{PREFIX}",
        scopes=SCOPES,
    )
