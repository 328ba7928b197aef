"""What rewards and levels have in common: a title that is unique in the reserve, a description, and points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound, combine
from pointsync.models import Level, Reserve, Reward
from pointsync.text_limits import MAX_DESCRIPTION_LENGTH, MAX_POINTS, MAX_TITLE_LENGTH, validate_text

Offer = TypeVar("Offer", Reward, Level)

MAX_PER_RESERVE = 200
"""The most rewards, and the most levels, that a reserve can have."""


@dataclass(frozen=True, slots=True)
class OfferTexts:
    """A valid title and description."""

    title: str
    description: str


def validate(title: str, description: str, points: int, field: str) -> OfferTexts:
    """The texts without surrounding spaces. `field` is the name of `points` in errors.

    Raises a DomainError that names all invalid fields.
    """
    errors: list[DomainError] = []
    texts: dict[str, str] = {}
    for name, text, limit in (("title", title, MAX_TITLE_LENGTH), ("description", description, MAX_DESCRIPTION_LENGTH)):
        try:
            texts[name] = validate_text(text, limit, name)
        except DomainError as error:
            errors.append(error)
    if texts.get("title") == "":
        errors.append(InvalidInput("title", "Type a title; customers and other sites see it."))
    if not 1 <= points <= MAX_POINTS:
        errors.append(InvalidInput(field, f"Type a whole number from 1 to {MAX_POINTS:,}, such as 500."))
    if errors:
        raise combine(errors)
    return OfferTexts(texts["title"], texts["description"])


def check_title_and_count(
    existing: Sequence[Reward] | Sequence[Level], title: str, reserve: Reserve, own_id: int | None = None
) -> None:
    """Raise Conflict if another one in the reserve has this title, or if the reserve has the most already."""
    others = [each for each in existing if each.id != own_id]
    if any(each.title == title for each in others):
        message = f"{reserve.key} already has one called {title}; change that one, or type another title."
        raise Conflict("title_taken", message, {"title": message})
    if len(others) >= MAX_PER_RESERVE:
        message = f"{reserve.key} already has {MAX_PER_RESERVE}, which is the limit; change an inactive one instead."
        raise Conflict("too_many", message, {"title": message})


def get(session: Session, model: type[Offer], reserve: Reserve, offer_id: int) -> Offer:
    """The reserve's reward or level with this id. Raises NotFound."""
    offer = session.get(model, offer_id)
    if offer is None or offer.reserve_id != reserve.id:
        noun = model.__tablename__
        message = f"The points reserve {reserve.key} has no {noun} {offer_id}."
        raise NotFound(f"unknown_{noun}", message, {noun: message})
    return offer


def lock_reserve(session: Session, reserve_id: int) -> Reserve:
    """The reserve, locked until the transaction ends; whoever records movements in it waits.

    PostgreSQL takes a share lock on the reserve's row for each movement's foreign key. So movements recorded before
    are visible here, and those recorded after see what is changed here.
    """
    return session.get_one(Reserve, reserve_id, with_for_update=True, populate_existing=True)
