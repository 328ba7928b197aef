"""Reading bodies, of movements and of redemptions: every field that cannot be right is named, with its mend."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import request

from pointsync import clock
from pointsync.api.schemas import NewMovement, NewRedemption
from pointsync.errors import Refused
from pointsync.ledger.record import MOST, Draft
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.text_limits import MAX_POINTS

MAX_BODY_BYTES = 1024 * 1024
MOST_FAULTS = 20
MAX_DIGITS = 18

_POINTS = f"must be a whole number within ±{MAX_POINTS:,}, such as 25 or -50, without quotes."
_WANTED = {
    "customer": "The customer must be an e-mail address in quotes, such as alice@example.com.",
    "points": f"The points {_POINTS}",
    "set": f"The balance to set {_POINTS}",
    "reserve": "The reserve must be the key of a points reserve in quotes, such as default; or leave it out.",
    "kind": "The kind must be one of earn, spend, refund, manual, redeem; or leave it out.",
    "reason": "The reason must be text in quotes; or leave it out.",
    "ref": "The ref must be the shop's own id in quotes, such as order-17; or leave it out.",
    "at": "The moment must be text such as 2026-01-31T12:00:00Z, with its time zone; or leave it out.",
}
_LONE_SURROGATE = (
    "The body holds a lone surrogate, an escape such as \\ud800 without its other half, which is no character; "
    "send both halves, or the character itself in UTF-8."
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A shape that a body has: what is said of one that is no such object, and of each field that cannot be."""

    struct: type[NewMovement] | type[NewRedemption]
    whole: str
    wanted: Mapping[str, str]

    @property
    def fields(self) -> dict[str, msgspec.structs.FieldInfo]:
        """By their names in the body."""
        return {each.encode_name: each for each in msgspec.structs.fields(self.struct)}


_MOVEMENT = _Kind(NewMovement, "A movement must be an object, with customer and points or set.", _WANTED)
_REDEMPTION = _Kind(
    NewRedemption,
    'The body must be an object, such as {"customer": "alice@example.com", "ref": "order-17"}.',
    {"customer": _WANTED["customer"], "ref": "The ref must be the shop's own id in quotes, such as order-17."},
)


def read_json() -> Any:
    """The request's body, parsed. Raises Refused where it is not JSON in UTF-8, or is not said to be."""
    request.max_content_length = MAX_BODY_BYTES
    if request.mimetype != "application/json" or _charset() not in ("utf-8", "utf8"):
        raise Refused("wrong_content_type", "Send the body as JSON in UTF-8, with Content-Type: application/json.")
    raw = request.get_data()
    try:
        return _parsed(raw)
    except UnicodeDecodeError as error:
        raise Refused("malformed", "The body is not UTF-8; send JSON in UTF-8.") from error
    except RecursionError as error:
        raise Refused("malformed", "The body is nested too deeply; send it as the API describes.") from error
    except ValueError as error:
        if _has_lone_surrogate(raw):
            raise Refused("malformed", _LONE_SURROGATE) from error
        raise Refused("malformed", f"The body is no JSON: {str(error).removeprefix('JSON is malformed: ')}.") from error


def drafts_of(body: Any) -> tuple[list[Draft], bool]:
    """What `body` asks to record, and whether it is a list. Raises Refused naming all faulty fields."""
    if not isinstance(body, dict):
        raise Refused("invalid", 'The body must be an object, such as {"customer": …, "points": 25}.')
    if "movements" not in body:
        faults = _faults(body, "")
        items, is_list = [body], False
    else:
        items, is_list = body["movements"], True
        faults = {_shown(name): _no_such(name, ("movements",)) for name in body if name != "movements"}
        if not isinstance(items, list) or not 1 <= len(items) <= MOST:
            faults["movements"] = f"The movements must be a list of 1 to {MOST:,}."
            items = []
        for index, item in enumerate(items):
            if len(faults) >= MOST_FAULTS:
                break
            faults |= _faults(item, f"movements[{index}]")
    if faults:
        faults = dict(list(faults.items())[:MOST_FAULTS])
        raise Refused("invalid", next(iter(faults.values())), faults)
    return [
        _draft(msgspec.convert(item, NewMovement), f"movements[{index}]." if is_list else "")
        for index, item in enumerate(items)
    ], is_list


def redemption_of(body: Any) -> NewRedemption:
    """For whom `body` asks to redeem, under which ref. Raises Refused naming all faulty fields."""
    if not isinstance(body, dict):
        raise Refused("invalid", _REDEMPTION.whole)
    if faults := dict(list(_faults(body, "", _REDEMPTION).items())[:MOST_FAULTS]):
        raise Refused("invalid", next(iter(faults.values())), faults)
    return msgspec.convert(body, NewRedemption)


def _parsed(raw: bytes) -> Any:
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


def _faults(item: Any, where: str, kind: _Kind = _MOVEMENT) -> dict[str, str]:
    """What cannot be right about one movement or redemption, by field; empty for most, after one look."""
    try:
        asked = msgspec.convert(item, kind.struct)
    except msgspec.ValidationError:
        pass
    else:
        return _moment_fault(asked.at, where) if isinstance(asked, NewMovement) else {}
    if not isinstance(item, dict):
        return {where: kind.whole}
    prefix, fields = f"{where}." if where else "", kind.fields
    faults = {f"{prefix}{_shown(name)}": _no_such(name, tuple(fields)) for name in item if name not in fields}
    for name, each in fields.items():
        if name not in item:
            if each.required:
                faults[f"{prefix}{name}"] = f"It is missing. {kind.wanted[name]}"
            continue
        try:
            value = msgspec.convert(item[name], each.type)
        except msgspec.ValidationError:
            faults[f"{prefix}{name}"] = kind.wanted[name]
        else:
            faults |= _moment_fault(value, where) if name == "at" else {}
    return faults


def _moment_fault(at: str | None, where: str) -> dict[str, str]:
    try:
        _moment(at)
    except ValueError:
        return {f"{where}.at" if where else "at": _WANTED["at"]}
    return {}


def _moment(at: str | None) -> Any:
    return None if at is None else clock.from_text(at)


def _draft(movement: NewMovement, where: str) -> Draft:
    return Draft(
        customer=movement.customer,
        points=movement.points,
        set_to=movement.set_to,
        reserve=DEFAULT_RESERVE if movement.reserve is None else movement.reserve,
        kind=movement.kind,
        reason=movement.reason or "",
        ref=movement.ref,
        at=_moment(movement.at),
        where=where,
    )


def _no_such(name: str, there: tuple[str, ...]) -> str:
    return f"There is no field {_shown(name)}; there is {', '.join(there)}."


def _shown(name: str) -> str:
    """A field's name from outside, fit to stand in an answer."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:40])
