"""Choosing a points reserve in forms and filters."""

from collections.abc import Iterable

from flask_wtf import FlaskForm
from sqlalchemy.orm import Session

from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.errors import InvalidInput
from pointsync.ledger import reserves
from pointsync.models import Reserve


def reserve_choices(session: Session, *, only_active: bool = False) -> dict[str, str]:
    """Labels of the reserves by key: `name (key)`, or the key alone if it is also the name."""
    return {
        each.key: f"{each.name} ({each.key})" if each.name != each.key else each.key
        for each in reserves.list_all(session)
        if each.is_active or not only_active
    }


def set_reserve_choices(form: FlaskForm, session: Session) -> None:
    """Offer the active reserves in the form's `reserve` field."""
    form.reserve.choices = reserve_choices(session, only_active=True)


def get_active_reserve(session: Session, key: str) -> Reserve:
    """The active reserve with this key. Raises InvalidInput for `reserve`."""
    active = {each.key: each for each in reserves.list_all(session) if each.is_active}
    if not active:
        raise InvalidInput("reserve", "No points reserve is active. Activate one under Points and Rewards.")
    if key not in active:
        raise InvalidInput("reserve", "This points reserve does not exist or is not active. Choose one from the list.")
    return active[key]


def reserve_labels(reserves: Iterable[Reserve]) -> dict[str, str]:
    """Labels of the reserves by key, for a filter: the name, and the key only if several have the same name."""
    names = {reserve.key: strip_bidi(reserve.name) for reserve in reserves}
    all_names = list(names.values())
    return {key: f"{name} ({key})" if all_names.count(name) > 1 else name for key, name in names.items()}


def find_reserve(reserves: Iterable[Reserve], key: str | None) -> Reserve | None:
    """The reserve with this key; None if the URL names none. Raises InvalidInput for `reserve`."""
    if not key:
        return None
    for reserve in reserves:
        if reserve.key == key:
            return reserve
    raise InvalidInput("reserve", "There is no such points reserve. Choose one from the list.")
