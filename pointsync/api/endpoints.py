"""The calls of the shop API, each declared once: what routes it, describes it and documents it."""

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
    """What a call takes beside its body; `schema` is JSON Schema."""

    name: str
    description: str
    location: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class SuccessResponse:
    """An answer that is no error: in words, and the shapes it may have (none: told by words alone)."""

    description: str
    schemas: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call: `path` is below the API's root, with parameters in braces.

    `responses` and `errors` are by status, `body` lists the Structs that the body may be.
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
    """What a key must be allowed; None: anybody may make the call."""


ENDPOINTS: list[Endpoint] = []

CONVERTERS = {"{email}": "<email:email>", "{key}": "<key>", "{id}": "<int(max=2147483647):id>"}
"""What a path's parameters are to Flask; an id that no row can have leads nowhere."""

_KEY_ERRORS = {
    401: "No API key, or one that is unknown, revoked, or past its end.",
    403: "An API key that has no such scope; the header WWW-Authenticate names the one that it takes.",
    429: "Too many wrong keys from this address, or the key's rate is used up; the Retry-After header says when to try "
    "again.",
}
_BUSY_ERROR = {503: "The database is busy; send the same again after the seconds in the Retry-After header."}


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
) -> Callable[[ViewFunction], ViewFunction]:
    """Declare the view below as the answer to this call: for keys that have `scope`, or without one for anybody."""
    all_errors = dict(errors or {}) | (_KEY_ERRORS | _BUSY_ERROR if scope else {})

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
                require_key(scope)
            return view(**values)

        blueprint.add_url_rule(
            _url_rule(path),
            name,
            authorized_view,
            methods=[method],
            provide_automatic_options=False,
            merge_slashes=False,
        )
        return view

    return decorate


def _url_rule(path: str) -> str:
    for parameter, converter in CONVERTERS.items():
        path = path.replace(parameter, converter)
    return path
