"""Reading bodies, of movements and of redemptions: every field that cannot be right is named, with its mend."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import request

from pointsync import clock
from pointsync.api.schemas import NewMovement, NewRedemption
from pointsync.errors import DomainError
from pointsync.ledger.record import MAX_MOVEMENTS, Draft
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.text_limits import MAX_POINTS

MAX_BODY_BYTES = 1024 * 1024
MAX_FIELD_ERRORS = 20
MAX_DIGITS = 18

_POINTS_RULE = f"must be a whole number within ±{MAX_POINTS:,}, such as 25 or -50, without quotes."
_FIELD_MESSAGES = {
    "customer": "The customer must be an e-mail address in quotes, such as alice@example.com.",
    "points": f"The points {_POINTS_RULE}",
    "set": f"The balance to set {_POINTS_RULE}",
    "reserve": "The reserve must be the key of a points reserve in quotes, such as default; or leave it out.",
    "kind": "The kind must be one of earn, spend, refund, manual, redeem; or leave it out.",
    "reason": "The reason must be text in quotes; or leave it out.",
    "ref": "The ref must be the shop's own id in quotes, such as order-17; or leave it out.",
    "at": "The moment must be text such as 2026-01-31T12:00:00Z, with its time zone; or leave it out.",
}
_LONE_SURROGATE_MESSAGE = (
    "The body holds a lone surrogate, an escape such as \\ud800 without its other half, which is no character; "
    "send both halves, or the character itself in UTF-8."
)


@dataclass(frozen=True, slots=True)
class _BodySchema:
    """A shape that a body has: what is said of one that is no such object, and of each field that cannot be."""

    struct: type[NewMovement] | type[NewRedemption]
    not_object_message: str
    field_messages: Mapping[str, str]

    @property
    def fields(self) -> dict[str, msgspec.structs.FieldInfo]:
        """By their names in the body."""
        return {each.encode_name: each for each in msgspec.structs.fields(self.struct)}


_MOVEMENT_SCHEMA = _BodySchema(
    NewMovement, "A movement must be an object, with customer and points or set.", _FIELD_MESSAGES
)
_REDEMPTION_SCHEMA = _BodySchema(
    NewRedemption,
    'The body must be an object, such as {"customer": "alice@example.com", "ref": "order-17"}.',
    {"customer": _FIELD_MESSAGES["customer"], "ref": "The ref must be the shop's own id in quotes, such as order-17."},
)


def read_json() -> Any:
    """The request's body, parsed. Raises DomainError where it is not JSON in UTF-8, or is not said to be."""
    request.max_content_length = MAX_BODY_BYTES
    if request.mimetype != "application/json" or _charset() not in ("utf-8", "utf8"):
        raise DomainError("wrong_content_type", "Send the body as JSON in UTF-8, with Content-Type: application/json.")
    raw = request.get_data()
    try:
        return _decode_json(raw)
    except UnicodeDecodeError as error:
        raise DomainError("malformed", "The body is not UTF-8; send JSON in UTF-8.") from error
    except RecursionError as error:
        raise DomainError("malformed", "The body is nested too deeply; send it as the API describes.") from error
    except ValueError as error:
        if _has_lone_surrogate(raw):
            raise DomainError("malformed", _LONE_SURROGATE_MESSAGE) from error
        raise DomainError(
            "malformed", f"The body is no JSON: {str(error).removeprefix('JSON is malformed: ')}."
        ) from error


def parse_movements(body: Any) -> tuple[list[Draft], bool]:
    """What `body` asks to record, and whether it is a list. Raises DomainError naming all faulty fields."""
    if not isinstance(body, dict):
        raise DomainError("invalid", 'The body must be an object, such as {"customer": …, "points": 25}.')
    if "movements" not in body:
        field_errors = _check_fields(body, "")
        items, is_list = [body], False
    else:
        items, is_list = body["movements"], True
        field_errors = {
            _printable(name): _unknown_field_message(name, ("movements",)) for name in body if name != "movements"
        }
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_MOVEMENTS:
            field_errors["movements"] = f"The movements must be a list of 1 to {MAX_MOVEMENTS:,}."
            items = []
        for index, item in enumerate(items):
            if len(field_errors) >= MAX_FIELD_ERRORS:
                break
            field_errors |= _check_fields(item, f"movements[{index}]")
    if field_errors:
        field_errors = dict(list(field_errors.items())[:MAX_FIELD_ERRORS])
        raise DomainError("invalid", next(iter(field_errors.values())), field_errors)
    return [
        _to_draft(msgspec.convert(item, NewMovement), f"movements[{index}]." if is_list else "")
        for index, item in enumerate(items)
    ], is_list


def parse_redemption(body: Any) -> NewRedemption:
    """For whom `body` asks to redeem, under which ref. Raises DomainError naming all faulty fields."""
    if not isinstance(body, dict):
        raise DomainError("invalid", _REDEMPTION_SCHEMA.not_object_message)
    if field_errors := dict(list(_check_fields(body, "", _REDEMPTION_SCHEMA).items())[:MAX_FIELD_ERRORS]):
        raise DomainError("invalid", next(iter(field_errors.values())), field_errors)
    return msgspec.convert(body, NewRedemption)


def _decode_json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        # A number that no field takes: read again in a way that keeps its place, so that it can be named.
        return json.loads(raw, parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else float("inf"))


def _has_lone_surrogate(raw: bytes) -> bool:
    """Whether that is all that keeps `raw` from being JSON; Python's own reader lets it pass, and its writer not."""
    try:
        json.dumps(json.loads(raw), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


def _charset() -> str:
    return request.mimetype_params.get("charset", "utf-8").lower()


def _check_fields(item: Any, location: str, schema: _BodySchema = _MOVEMENT_SCHEMA) -> dict[str, str]:
    """What cannot be right about one movement or redemption, by field; empty for most, after one look."""
    try:
        converted = msgspec.convert(item, schema.struct)
    except msgspec.ValidationError:
        pass
    else:
        return _check_time(converted.at, location) if isinstance(converted, NewMovement) else {}
    if not isinstance(item, dict):
        return {location: schema.not_object_message}
    prefix, fields = f"{location}." if location else "", schema.fields
    field_errors = {
        f"{prefix}{_printable(name)}": _unknown_field_message(name, tuple(fields))
        for name in item
        if name not in fields
    }
    for name, each in fields.items():
        if name not in item:
            if each.required:
                field_errors[f"{prefix}{name}"] = f"It is missing. {schema.field_messages[name]}"
            continue
        try:
            value = msgspec.convert(item[name], each.type)
        except msgspec.ValidationError:
            field_errors[f"{prefix}{name}"] = schema.field_messages[name]
        else:
            field_errors |= _check_time(value, location) if name == "at" else {}
    return field_errors


def _check_time(at: str | None, location: str) -> dict[str, str]:
    try:
        _parse_time(at)
    except ValueError:
        return {f"{location}.at" if location else "at": _FIELD_MESSAGES["at"]}
    return {}


def _parse_time(at: str | None) -> Any:
    return None if at is None else clock.from_text(at)


def _to_draft(movement: NewMovement, field_prefix: str) -> Draft:
    return Draft(
        customer=movement.customer,
        points=movement.points,
        set_to=movement.set_to,
        reserve=DEFAULT_RESERVE if movement.reserve is None else movement.reserve,
        kind=movement.kind,
        reason=movement.reason or "",
        ref=movement.ref,
        at=_parse_time(movement.at),
        field_prefix=field_prefix,
    )


def _unknown_field_message(name: str, known_fields: tuple[str, ...]) -> str:
    return f"There is no field {_printable(name)}; there is {', '.join(known_fields)}."


def _printable(name: str) -> str:
    """A field's name from outside, fit to stand in an answer."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:40])
