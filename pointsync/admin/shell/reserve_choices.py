"""The points reserves to choose from."""

from collections.abc import Iterable

from flask_wtf import FlaskForm
from sqlalchemy.orm import Session

from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.errors import InvalidInput
from pointsync.ledger import reserves
from pointsync.models import Reserve


def reserve_choices(session: Session, *, only_active: bool = False) -> dict[str, str]:
    """The points reserves to choose from, by key: each by its name, with the key where that is another."""
    return {
        each.key: f"{each.name} ({each.key})" if each.name != each.key else each.key
        for each in reserves.list_all(session)
        if each.is_active or not only_active
    }


def set_reserve_choices(form: FlaskForm, session: Session) -> None:
    """Give the form's `reserve` the active ones to choose from."""
    form.reserve.choices = reserve_choices(session, only_active=True)


def get_active_reserve(session: Session, key: str) -> Reserve:
    """The active reserve that was chosen. Raises Invalid."""
    active = {each.key: each for each in reserves.list_all(session) if each.is_active}
    if not active:
        raise InvalidInput("reserve", "No points reserve is active; make one active under Points and Rewards.")
    if key not in active:
        raise InvalidInput("reserve", "Choose one of these; the one that was sent is not active, or not here.")
    return active[key]


def reserve_labels(reserves: Iterable[Reserve]) -> dict[str, str]:
    """What to call each reserve where one is chosen: with its key where several have the same name."""
    names = {reserve.key: strip_bidi(reserve.name) for reserve in reserves}
    all_names = list(names.values())
    return {key: f"{name} ({key})" if all_names.count(name) > 1 else name for key, name in names.items()}


def find_reserve(reserves: Iterable[Reserve], key: str | None) -> Reserve | None:
    """The reserve that an address names; None where it names none. Raises Invalid."""
    if not key:
        return None
    for reserve in reserves:
        if reserve.key == key:
            return reserve
    raise InvalidInput("reserve", "There is no such points reserve here; choose one of these.")
