"""What rewards and levels share: a title that their reserve has once, a description, a number of points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from pointsync.errors import Conflict, DomainError, InvalidInput, NotFound, combine
from pointsync.models import Level, Reserve, Reward
from pointsync.text_limits import MAX_DESCRIPTION_LENGTH, MAX_POINTS, MAX_TITLE_LENGTH, validate_text

Offer = TypeVar("Offer", Reward, Level)

MAX_PER_RESERVE = 200
"""Rewards, and levels, that a reserve can have."""


@dataclass(frozen=True, slots=True)
class OfferTexts:
    """A title and a description, fit to be stored."""

    title: str
    description: str


def validate(title: str, description: str, points: int, field: str) -> OfferTexts:
    """The texts without surrounding space, where all is right; `points` are what `field` names.

    Raises Refused that names all faulty fields at once.
    """
    errors: list[DomainError] = []
    texts: dict[str, str] = {}
    for name, text, limit in (("title", title, MAX_TITLE_LENGTH), ("description", description, MAX_DESCRIPTION_LENGTH)):
        try:
            texts[name] = validate_text(text, limit, name)
        except DomainError as error:
            errors.append(error)
    if texts.get("title") == "":
        errors.append(InvalidInput("title", "Type a title, which customers and other sites know it by."))
    if not 1 <= points <= MAX_POINTS:
        errors.append(InvalidInput(field, f"Type a whole number from 1 to {MAX_POINTS:,}, such as 500."))
    if errors:
        raise combine(errors)
    return OfferTexts(texts["title"], texts["description"])


def check_title_and_count(
    existing: Sequence[Reward] | Sequence[Level], title: str, reserve: Reserve, own_id: int | None = None
) -> None:
    """Refuse a title that another one of the reserve has, and one more than there can be; raises Conflict."""
    others = [each for each in existing if each.id != own_id]
    if any(each.title == title for each in others):
        message = f"{reserve.key} has one called {title} already; change that one, or type another title."
        raise Conflict("title_taken", message, {"title": message})
    if len(others) >= MAX_PER_RESERVE:
        message = (
            f"{reserve.key} has {MAX_PER_RESERVE} of them, and there can be no more; change one that is not active."
        )
        raise Conflict("too_many", message, {"title": message})


def get(session: Session, model: type[Offer], reserve: Reserve, offer_id: int) -> Offer:
    """The reserve's reward, or level, of that id. Raises NotFound."""
    offer = session.get(model, offer_id)
    if offer is None or offer.reserve_id != reserve.id:
        noun = model.__tablename__
        message = f"The points reserve {reserve.key} has no {noun} {offer_id}."
        raise NotFound(f"unknown_{noun}", message, {noun: message})
    return offer


def lock_reserve(session: Session, reserve_id: int) -> Reserve:
    """The reserve, locked against all that records or applies movements in it, which wait for the transaction's end.

    Each movement refers to its reserve, and PostgreSQL holds a row that is referred to: so what was recorded
    before is visible here, and what is recorded after sees what is changed here.
    """
    return session.get_one(Reserve, reserve_id, with_for_update=True, populate_existing=True)
