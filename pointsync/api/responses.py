"""How the API encodes its answers."""

from typing import Any

import msgspec
from flask import Response


def json_response(document: Any, status: int = 200) -> Response:
    """Answer with `document`: a Struct, or a dict or list that may hold Structs."""
    return Response(msgspec.json.encode(document), status, mimetype="application/json")
