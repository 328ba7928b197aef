"""What rewards and levels share: a title that their reserve has once, a description, a number of points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from pointsync.errors import Conflict, Invalid, NotFound, Refused, together
from pointsync.models import Level, Reserve, Reward
from pointsync.text_limits import MAX_DESCRIPTION, MAX_POINTS, MAX_TITLE, check_text

Offer = TypeVar("Offer", Reward, Level)

MOST = 200
"""Rewards, and levels, that a reserve can have."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A title and a description, fit to be stored."""

    title: str
    description: str


def check(title: str, description: str, points: int, field: str) -> Texts:
    """The texts without surrounding space, where all is right; `points` are what `field` names.

    Raises Refused that names all faulty fields at once.
    """
    faults: list[Refused] = []
    texts: dict[str, str] = {}
    for name, text, limit in (("title", title, MAX_TITLE), ("description", description, MAX_DESCRIPTION)):
        try:
            texts[name] = check_text(text, limit, name)
        except Refused as fault:
            faults.append(fault)
    if texts.get("title") == "":
        faults.append(Invalid("title", "Type a title, which customers and other sites know it by."))
    if not 1 <= points <= MAX_POINTS:
        faults.append(Invalid(field, f"Type a whole number from 1 to {MAX_POINTS:,}, such as 500."))
    if faults:
        raise together(faults)
    return Texts(texts["title"], texts["description"])


def check_room(
    there: Sequence[Reward] | Sequence[Level], title: str, reserve: Reserve, own_id: int | None = None
) -> None:
    """Refuse a title that another one of the reserve has, and one more than there can be; raises Conflict."""
    others = [each for each in there if each.id != own_id]
    if any(each.title == title for each in others):
        message = f"{reserve.key} has one called {title} already; change that one, or type another title."
        raise Conflict("title_taken", message, {"title": message})
    if len(others) >= MOST:
        message = f"{reserve.key} has {MOST} of them, and there can be no more; change one that is not active."
        raise Conflict("too_many", message, {"title": message})


def find(session: Session, model: type[Offer], reserve: Reserve, offer_id: int) -> Offer:
    """The reserve's reward, or level, of that id. Raises NotFound."""
    offer = session.get(model, offer_id)
    if offer is None or offer.reserve_id != reserve.id:
        word = model.__tablename__
        message = f"The points reserve {reserve.key} has no {word} {offer_id}."
        raise NotFound(f"unknown_{word}", message, {word: message})
    return offer


def lock(session: Session, reserve_id: int) -> Reserve:
    """The reserve, locked against all that records or applies movements in it, which wait for the transaction's end.

    Each movement refers to its reserve, and PostgreSQL holds a row that is referred to: so what was recorded
    before is visible here, and what is recorded after sees what is changed here.
    """
    return session.get_one(Reserve, reserve_id, with_for_update=True, populate_existing=True)
