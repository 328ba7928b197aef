"""The endpoints of the shop API. Each is declared once, which adds its route and its description."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from msgspec import Struct

from pointsync.api import errors
from pointsync.api.auth import require_key

ViewFunction = Callable[..., ResponseReturnValue]

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
errors.register(blueprint)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the path or the query; `schema` is JSON Schema."""

    name: str
    description: str
    location: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class SuccessResponse:
    """An answer that is not an error: a description, and the types that the body may have."""

    description: str
    schemas: tuple[Any, ...] = ()
    has_csv: bool = False
    """Whether the caller may ask for the same as CSV."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path below the API's root, with parameters in braces.

    `responses` and `errors` are by status. `body` lists the Structs that the body may be.
    """

    method: str
    path: str
    name: str
    title: str
    description: str
    responses: Mapping[int, SuccessResponse]
    errors: Mapping[int, str]
    parameters: tuple[Parameter, ...] = ()
    body: tuple[type[Struct], ...] = ()
    scope: str | None = None
    """The scope that a key needs; None if no key is needed."""


ENDPOINTS: list[Endpoint] = []

CONVERTERS = {
    "{email}": "<email:email>",
    "{ref}": "<ref:ref>",
    "{key}": "<key>",
    "{id}": "<row_id:id>",
    "{erasure}": "<int:erasure>",
}
"""Flask's converters for the parameters of paths. An id above the database's range answers 404, for which a path with
several methods needs a check of its own: if one of two rules refuses a value, Werkzeug answers 405."""

_KEY_ERRORS = {
    401: "The API key is missing, unknown, revoked or expired.",
    403: "The API key does not have the needed scope. The WWW-Authenticate header names the scope.",
    409: "other_address: the key is bound to a connected shop, and the headers pointsync-shop and pointsync-home are "
    "not those of this shop.",
    429: "Too many wrong keys from this address, or too many calls with this key. The Retry-After header says when to "
    "try again.",
}
BUSY_ERROR = {
    503: "busy: the database is busy. fetching_back: this site was restored, and must get its lost movements back "
    "before it can set or spend points, or record a new ref. sending_stopped: it counts no orders until an admin has "
    "said what its database is. Send the same call again after the seconds in the Retry-After header."
}


def endpoint(
    method: str,
    path: str,
    *,
    title: str,
    description: str,
    responses: Mapping[int, SuccessResponse],
    errors: Mapping[int, str] | None = None,
    parameters: tuple[Parameter, ...] = (),
    body: tuple[type[Struct], ...] = (),
    scope: str | None = None,
    may_move: bool = False,
) -> Callable[[ViewFunction], ViewFunction]:
    """Declare a view as the endpoint at `path`. It needs a key with `scope`, or no key if that is None.

    With `may_move`, the view itself checks from which address a connected shop calls.
    """
    all_errors = dict(errors or {})
    for status, text in (_KEY_ERRORS | BUSY_ERROR if scope else {}).items():
        all_errors[status] = f"{all_errors[status]} {text}" if status == 409 and status in all_errors else text

    def decorate(view: ViewFunction) -> ViewFunction:
        name = view.__name__
        ENDPOINTS.append(
            Endpoint(
                method,
                path,
                name,
                title,
                description,
                responses,
                dict(sorted(all_errors.items())),
                parameters,
                body,
                scope,
            )
        )

        def authorized_view(**values: Any) -> ResponseReturnValue:
            if scope:
                require_key(scope, may_move=may_move)
            return view(**values)

        blueprint.add_url_rule(
            _url_rule(path),
            name,
            authorized_view,
            methods=[method],
            merge_slashes=False,
        )
        return view

    return decorate


def _url_rule(path: str) -> str:
    for parameter, converter in CONVERTERS.items():
        path = path.replace(parameter, converter)
    return path
