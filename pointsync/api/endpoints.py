"""The calls of the shop API, each declared once: what routes it, describes it and documents it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from msgspec import Struct

from pointsync.api import errors
from pointsync.api.auth import require_key

View = Callable[..., ResponseReturnValue]

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
errors.register(blueprint)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a call takes beside its body; `schema` is JSON Schema."""

    name: str
    about: str
    place: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error: in words, and the shapes it may have (none: told by words alone)."""

    about: str
    shapes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `path` is below the API's root, with parameters in braces.

    `answers` and `errors` are by status, `body` lists the Structs that the body may be.
    """

    method: str
    path: str
    name: str
    title: str
    about: str
    answers: Mapping[int, Answer]
    errors: Mapping[int, str]
    parameters: tuple[Parameter, ...] = ()
    body: tuple[type[Struct], ...] = ()
    scope: str | None = None
    """What a key must be allowed; None: anybody may make the call."""


CALLS: list[Call] = []

CONVERTERS = {"{email}": "<email:email>", "{key}": "<key>", "{id}": "<int(max=2147483647):id>"}
"""What a path's parameters are to Flask; an id that no row can have leads nowhere."""

_KEY_ERRORS = {
    401: "No API key, or one that is unknown, revoked, or past its end.",
    403: "An API key that has no such scope; the header WWW-Authenticate names the one that it takes.",
    429: "Too many wrong keys from this address, or the key's rate is used up; the Retry-After header says when to try "
    "again.",
}
_ALWAYS = {503: "The database is busy; send the same again after the seconds in the Retry-After header."}


def call(
    method: str,
    path: str,
    *,
    title: str,
    about: str,
    answers: Mapping[int, Answer],
    errors: Mapping[int, str] | None = None,
    parameters: tuple[Parameter, ...] = (),
    body: tuple[type[Struct], ...] = (),
    scope: str | None = None,
) -> Callable[[View], View]:
    """Declare the view below as the answer to this call: for keys that have `scope`, or without one for anybody."""
    told = dict(errors or {}) | (_KEY_ERRORS | _ALWAYS if scope else {})

    def declare(view: View) -> View:
        name = view.__name__
        CALLS.append(
            Call(
                method,
                path,
                name,
                title,
                about,
                answers,
                dict(sorted(told.items())),
                parameters,
                body,
                scope,
            )
        )

        def guarded(**values: Any) -> ResponseReturnValue:
            if scope:
                require_key(scope)
            return view(**values)

        blueprint.add_url_rule(
            _rule(path),
            name,
            guarded,
            methods=[method],
            provide_automatic_options=False,
            merge_slashes=False,
        )
        return view

    return declare


def _rule(path: str) -> str:
    for parameter, converter in CONVERTERS.items():
        path = path.replace(parameter, converter)
    return path
