"""Points and Rewards: the rewards and levels of a reserve."""

from dataclasses import dataclass
from types import ModuleType

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import VersionedForm, parse_whole_number, raw_value, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Level, Reserve, Reward

TAB = "admin.reserves"
RESERVE_PATH = "/points-and-rewards/reserves/<key>"
OFFERS_PATH = f"{RESERVE_PATH}/<any(rewards, levels):what>"
OFFER_ID = "<row_id:offer_id>"


class RewardForm(VersionedForm):
    """A reward. The ledger validates it; its errors are shown at the fields."""

    title = StringField("Title")
    points = StringField("Cost")
    description = StringField("Description")
    is_active = BooleanField("Active")


class LevelForm(RewardForm):
    """A level."""

    points = StringField("Points")


@dataclass(frozen=True, slots=True)
class OfferType:
    """Rewards or levels: the label, the ledger's module, the form, and the name of the points in the model."""

    label: str
    module: ModuleType
    form_class: type[RewardForm]
    points_attribute: str


OFFER_TYPES = {
    "rewards": OfferType("reward", rewards, RewardForm, "cost"),
    "levels": OfferType("level", levels, LevelForm, "points"),
}


@blueprint.get(f"{RESERVE_PATH}/rewards")
def rewards_and_levels(key: str) -> ResponseReturnValue:
    """A reserve's rewards and levels."""
    session = db.session()
    reserve = reserves.get(session, key)
    return render_page(
        "points/rewards.html",
        TAB,
        reserve=reserve,
        rewards=rewards.list_all(session, reserve),
        levels=levels.list_all(session, reserve),
    )


@blueprint.get(f"{OFFERS_PATH}/add")
def add_offer(key: str, what: str) -> ResponseReturnValue:
    """The form for a new reward or level."""
    return _render_form(
        OFFER_TYPES[what].form_class(data={"is_active": True}), what, reserves.get(db.session(), key), None
    )


@blueprint.post(f"{OFFERS_PATH}/add")
def submit_add_offer(key: str, what: str) -> ResponseReturnValue:
    """Create it. It is active at once."""
    offer_type, now = OFFER_TYPES[what], clock.now()
    form = offer_type.form_class()
    title, description, points = _read_form(form)

    def add(session: Session) -> str:
        offer: Reward | Level = offer_type.module.create(
            session, reserves.get(session, key), title, description, points, now
        )
        return offer.title

    try:
        title_added = db.run_in_transaction(add)
    except (InvalidInput, Conflict) as error:
        return _render_errors(form, what, reserves.get(db.session(), key), None, error)
    flash(f"Created the {offer_type.label} {title_added}. Add the same one on the other sites.", "done")
    return redirect(url_for("admin.rewards_and_levels", key=key), 303)


@blueprint.get(f"{OFFERS_PATH}/{OFFER_ID}/edit")
def edit_offer(key: str, what: str, offer_id: int) -> ResponseReturnValue:
    """The form with the current values."""
    offer_type = OFFER_TYPES[what]
    reserve, offer = _get_offer(offer_type, key, offer_id)
    values = _form_values(offer_type, offer)
    return _render_form(offer_type.form_class(data=values).with_original_values(values), what, reserve, offer)


@blueprint.post(f"{OFFERS_PATH}/{OFFER_ID}/edit")
def submit_edit_offer(key: str, what: str, offer_id: int) -> ResponseReturnValue:
    """Save it."""
    offer_type = OFFER_TYPES[what]
    form = offer_type.form_class()
    title, description, points = _read_form(form)
    is_active = form.is_active.data

    def update(session: Session) -> str:
        reserve = reserves.get(session, key)
        form.check_unchanged(_form_values(offer_type, offer_type.module.get(session, reserve, offer_id)))
        offer: Reward | Level = offer_type.module.update(
            session, reserve, offer_id, title, description, points, is_active
        )
        return offer.title

    try:
        changed_title = db.run_in_transaction(update)
    except (InvalidInput, Conflict) as error:
        return _render_errors(form, what, *_get_offer(offer_type, key, offer_id), error)
    flash(f"Saved {changed_title}. Change it on the other sites, too.", "done")
    return redirect(url_for("admin.rewards_and_levels", key=key), 303)


def _get_offer(offer_type: OfferType, key: str, offer_id: int) -> tuple[Reserve, Reward | Level]:
    session = db.session()
    reserve = reserves.get(session, key)
    return reserve, offer_type.module.get(session, reserve, offer_id)


def _form_values(offer_type: OfferType, offer: Reward | Level) -> dict[str, str | bool]:
    """The current values of the form's fields."""
    points = str(getattr(offer, offer_type.points_attribute))
    return {"title": offer.title, "points": points, "description": offer.description, "is_active": offer.is_active}


def _read_form(form: RewardForm) -> tuple[str, str, int]:
    """Title, description and points. Points that are not a number become 0, which the ledger refuses."""
    return (
        form.title.data or "",
        form.description.data or "",
        parse_whole_number(raw_value(form, "points")) or 0,
    )


def _render_errors(
    form: RewardForm, what: str, reserve: Reserve, offer: Reward | Level | None, error: InvalidInput | Conflict
) -> ResponseReturnValue:
    names = {OFFER_TYPES[what].points_attribute: "points"}
    error.fields = {names.get(name, name): sentence for name, sentence in error.fields.items()}
    show_errors(form, error)
    return _render_form(form, what, reserve, offer), 422


def _render_form(form: RewardForm, what: str, reserve: Reserve, offer: Reward | Level | None) -> str:
    return render_page(
        "points/reward_form.html",
        TAB,
        form=form,
        offer_kind=what,
        type_label=OFFER_TYPES[what].label,
        reserve=reserve,
        offer=offer,
    )
