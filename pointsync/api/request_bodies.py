"""Reads request bodies. An error names every invalid field and says what to send instead."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from flask import request

from pointsync import clock, whole_number
from pointsync.api.schemas import MOVEMENT_KINDS, NewMovement, NewRedemption
from pointsync.errors import DomainError
from pointsync.ledger.record import MAX_MOVEMENTS, Draft
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.text_limits import MAX_POINTS

API_MAX_BODY_BYTES = 1024 * 1024
MAX_FIELD_ERRORS = 20
ON_ERROR_CHOICES = ("stop", "continue")
_LIST_FIELDS = ("movements", "on_error")
WHOLE_NUMBER_FIELDS = ("points", "set")
"""Fields whose value may also be a text that says a whole number, such as "50.00"."""

_POINTS_RULE = f"must be a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}, such as 25 or -50."
FIELD_MESSAGES = {
    "customer": "The customer must be an e-mail address in quotes, such as alice@example.com.",
    "points": f"The points {_POINTS_RULE}",
    "set": f"The balance to set {_POINTS_RULE}",
    "reserve": "The reserve must be the key of a points reserve in quotes, such as default. You can leave it out.",
    "kind": f"The kind must be one of {', '.join(MOVEMENT_KINDS)}. You can leave it out.",
    "reason": "The reason must be text in quotes. You can leave it out.",
    "ref": "The ref must be the shop's own id in quotes, such as order-17. You can leave it out.",
    "at": "The time must have a time zone, such as 2026-01-31T12:00:00Z, in quotes. You can leave it out.",
    "done": "Give true if it has happened already, else false. You can leave it out.",
}
_LONE_SURROGATE_MESSAGE = (
    "The body contains a lone surrogate, an escape such as \\ud800 without its other half, which is not a character. "
    "Send both halves, or the character itself in UTF-8."
)

Body = TypeVar("Body", bound=msgspec.Struct)


class BodySchema(Generic[Body]):
    """The Struct of an object in a body, and the messages for a value that does not fit."""

    def __init__(self, struct: type[Body], not_object_message: str, field_messages: Mapping[str, str]) -> None:
        self.struct = struct
        self.not_object_message = not_object_message
        self.field_messages = field_messages
        self.fields = {each.encode_name: each for each in msgspec.structs.fields(struct)}


_MOVEMENT_SCHEMA = BodySchema(
    NewMovement, "A movement must be an object with customer, and points or set.", FIELD_MESSAGES
)
_REDEMPTION_SCHEMA = BodySchema(
    NewRedemption,
    'The body must be an object, such as {"customer": "alice@example.com", "ref": "order-17"}.',
    {"customer": FIELD_MESSAGES["customer"], "ref": "The ref must be the shop's own id in quotes, such as order-17."},
)


def read_json() -> Any:
    """The request's body, decoded. Raises DomainError if it is not JSON in UTF-8 or has another content type."""
    return decode_body(read_body(API_MAX_BODY_BYTES))


def read_body(max_bytes: int) -> bytes:
    """The request's body. Raises DomainError if it has another content type than JSON in UTF-8."""
    request.max_content_length = max_bytes
    if request.mimetype != "application/json" or _charset() not in ("utf-8", "utf8"):
        raise DomainError("wrong_content_type", "Send the body as JSON in UTF-8, with Content-Type: application/json.")
    return request.get_data()


def decode_body(raw: bytes) -> Any:
    """A body, decoded. Raises DomainError if it is not JSON in UTF-8."""
    try:
        return _decode_json(raw)
    except UnicodeDecodeError as error:
        raise DomainError("malformed", "The body is not valid UTF-8. Send JSON in UTF-8.") from error
    except RecursionError as error:
        raise DomainError("malformed", "The body has too many nested levels. /api/docs describes it.") from error
    except ValueError as error:
        if _has_lone_surrogate(raw):
            raise DomainError("malformed", _LONE_SURROGATE_MESSAGE) from error
        raise DomainError(
            "malformed", f"The body is not valid JSON: {str(error).removeprefix('JSON is malformed: ')}."
        ) from error


@dataclass(frozen=True, slots=True)
class MovementsBody:
    """What a body asks to record. With `continues`, the movements that cannot be read have an error in their place."""

    drafts: list[Draft | DomainError]
    is_list: bool
    continues: bool


def parse_movements(body: Any) -> MovementsBody:
    """The movements in `body`. Raises DomainError that names all invalid fields."""
    if not isinstance(body, dict):
        raise DomainError("invalid", 'The body must be an object, such as {"customer": …, "points": 25}.')
    if "movements" not in body:
        errors: dict[str, str] = {}
        draft = _parse_movement(body, "", errors)
        if draft is None:
            raise invalid_fields(errors)
        return MovementsBody([draft], is_list=False, continues=False)
    errors = {_printable(name): _unknown_field_message(name, _LIST_FIELDS) for name in body if name not in _LIST_FIELDS}
    if body.get("on_error") not in (None, *ON_ERROR_CHOICES):
        errors["on_error"] = "Give stop, to record all movements or none, or continue. You can leave it out."
    items = body["movements"]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_MOVEMENTS:
        errors["movements"] = f"The movements must be a list of 1 to {MAX_MOVEMENTS:,} movements."
        items = []
    if body.get("on_error") == "continue" and not errors:
        return MovementsBody([_parse_alone(item) for item in items], is_list=True, continues=True)
    drafts: list[Draft | DomainError] = []
    for index, item in enumerate(items):
        if len(errors) >= MAX_FIELD_ERRORS:
            break
        draft = _parse_movement(item, f"movements[{index}]", errors)
        if draft:
            drafts.append(draft)
    if errors:
        raise invalid_fields(errors)
    return MovementsBody(drafts, is_list=True, continues=False)


def parse_redemption(body: Any) -> NewRedemption:
    """The redemption in `body`. Raises DomainError that names all invalid fields."""
    return parse_object(body, _REDEMPTION_SCHEMA)


def parse_object(body: Any, schema: BodySchema[Body]) -> Body:
    """`body` as the schema's Struct. Raises DomainError that names all invalid fields."""
    if not isinstance(body, dict):
        raise DomainError("invalid", schema.not_object_message)
    errors: dict[str, str] = {}
    document = convert_object(body, "", schema, errors)
    if document is None:
        raise invalid_fields(errors)
    return document


def _decode_json(raw: bytes) -> Any:
    try:
        return whole_number.decode_json(raw)
    except msgspec.ValidationError:
        # A number is too large. Decode again with a value that no field takes in its place, so that an error can
        # name the field.
        return whole_number.decode_loose_json(raw)


def _has_lone_surrogate(raw: bytes) -> bool:
    """Whether `raw` is valid JSON except for a lone surrogate, which Python's decoder accepts."""
    try:
        json.dumps(json.loads(raw), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


def _charset() -> str:
    return request.mimetype_params.get("charset", "utf-8").lower()


def _parse_alone(item: Any) -> Draft | DomainError:
    """The draft of a movement, or the error that names its invalid fields."""
    errors: dict[str, str] = {}
    draft = _parse_movement(item, "", errors)
    return draft if draft else invalid_fields(errors)


def _parse_movement(item: Any, location: str, errors: dict[str, str]) -> Draft | None:
    """The draft of one movement, or None after adding its invalid fields to `errors`.

    `location` is the place of the movement in the body: `movements[3]`, or empty for the body itself.
    """
    prefix = f"{location}." if location else ""
    movement = convert_object(item, location, _MOVEMENT_SCHEMA, errors)
    at_text = movement.at if movement else item.get("at") if isinstance(item, dict) else None
    try:
        at = clock.from_text(at_text) if isinstance(at_text, str) else None
    except ValueError:
        errors[f"{prefix}at"] = FIELD_MESSAGES["at"]
        return None
    if movement is None:
        return None
    return Draft(
        customer=movement.customer,
        points=movement.points,
        set_to=movement.set_to,
        reserve=DEFAULT_RESERVE if movement.reserve is None else movement.reserve,
        kind=movement.kind,
        reason=movement.reason or "",
        ref=movement.ref,
        at=at,
        field_prefix=prefix,
        has_happened=bool(movement.done),
        is_entered=True,
    )


def convert_object(item: Any, location: str, schema: BodySchema[Body], errors: dict[str, str]) -> Body | None:
    """`item` as the schema's Struct, or None after adding its invalid fields to `errors`."""
    item = whole_number.with_numbers(item, WHOLE_NUMBER_FIELDS)
    # The exception names only the first invalid field, so the fields are checked one by one below.
    with suppress(msgspec.ValidationError):
        return msgspec.convert(item, schema.struct)
    if not isinstance(item, dict):
        errors[location] = schema.not_object_message
        return None
    prefix = f"{location}." if location else ""
    errors |= {
        f"{prefix}{_printable(name)}": _unknown_field_message(name, schema.fields)
        for name in item
        if name not in schema.fields
    }
    for name, field in schema.fields.items():
        if name in item:
            try:
                msgspec.convert(item[name], field.type)
            except msgspec.ValidationError:
                errors[f"{prefix}{name}"] = schema.field_messages[name]
        elif field.required:
            errors[f"{prefix}{name}"] = f"This field is missing. {schema.field_messages[name]}"
    return None


def invalid_fields(errors: Mapping[str, str]) -> DomainError:
    fields = dict(list(errors.items())[:MAX_FIELD_ERRORS])
    return DomainError("invalid", next(iter(fields.values())), fields)


def _unknown_field_message(name: str, known_fields: Iterable[str]) -> str:
    return f"Unknown field {_printable(name)}. The fields are: {', '.join(known_fields)}."


def _printable(name: str) -> str:
    """The name of a field from a request, safe to show in an answer."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:40])
