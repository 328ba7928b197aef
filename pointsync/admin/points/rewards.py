"""Points and Rewards: what a reserve's points are redeemed for, and the levels that they reach."""

from dataclasses import dataclass
from types import ModuleType

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField

from pointsync import clock, db
from pointsync.admin.customers import manual_movements
from pointsync.admin.shell.forms import ChangeForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import reserves
from pointsync.ledger.rewards import levels, rewards
from pointsync.models import Level, Reserve, Reward

TAB = "admin.reserves"
OF_RESERVE = "/points-and-rewards/reserves/<key>"
OFFERS = f"{OF_RESERVE}/<any(rewards, levels):what>"
ROW = "<int(max=2147483647):offer_id>"


class RewardForm(ChangeForm):
    """A reward; what the ledger refuses is shown at its field."""

    title = StringField("Title")
    points = StringField("Cost")
    description = StringField("Description")
    is_active = BooleanField("Active")


class LevelForm(RewardForm):
    """A level."""

    points = StringField("Points")


@dataclass(frozen=True, slots=True)
class Noun:
    """One of the two: its word, its ledger, its form, and what its points are called in the ledger."""

    word: str
    ledger: ModuleType
    form: type[RewardForm]
    number: str


NOUNS = {
    "rewards": Noun("reward", rewards, RewardForm, "cost"),
    "levels": Noun("level", levels, LevelForm, "points"),
}


@blueprint.get(f"{OF_RESERVE}/rewards", provide_automatic_options=False)
def rewards_and_levels(key: str) -> ResponseReturnValue:
    """A reserve's rewards and levels."""
    session = db.db.session()
    reserve = reserves.get(session, key)
    return page(
        "points/rewards.html",
        TAB,
        reserve=reserve,
        rewards=rewards.every(session, reserve),
        levels=levels.every(session, reserve),
    )


@blueprint.get(f"{OFFERS}/add", provide_automatic_options=False)
def add_offer(key: str, what: str) -> ResponseReturnValue:
    """The form for a new one."""
    return _page(NOUNS[what].form(data={"is_active": True}), what, reserves.get(db.db.session(), key), None)


@blueprint.post(f"{OFFERS}/add", provide_automatic_options=False)
def send_add_offer(key: str, what: str) -> ResponseReturnValue:
    """Add it; it is active at once."""
    noun, now = NOUNS[what], clock.now()
    form = noun.form()
    title, description, points = _typed(form)

    def work(session: Session) -> str:
        made: Reward | Level = noun.ledger.add(session, reserves.get(session, key), title, description, points, now)
        return made.title

    try:
        made = db.in_write(work)
    except (Invalid, Conflict) as error:
        return _refuse(form, what, reserves.get(db.db.session(), key), None, error)
    flash(f"The {noun.word} {made} is made. The other sites need the same one.", "done")
    return redirect(url_for("admin.rewards_and_levels", key=key), 303)


@blueprint.get(f"{OFFERS}/{ROW}/edit", provide_automatic_options=False)
def edit_offer(key: str, what: str, offer_id: int) -> ResponseReturnValue:
    """The form with one as it is."""
    noun = NOUNS[what]
    reserve, offer = _find(noun, key, offer_id)
    values = _values(noun, offer)
    return _page(noun.form(data=values).made_from(values), what, reserve, offer)


@blueprint.post(f"{OFFERS}/{ROW}/edit", provide_automatic_options=False)
def send_edit_offer(key: str, what: str, offer_id: int) -> ResponseReturnValue:
    """Change it."""
    noun = NOUNS[what]
    form = noun.form()
    title, description, points = _typed(form)
    is_active = form.is_active.data

    def work(session: Session) -> str:
        reserve = reserves.get(session, key)
        form.check_seen(_values(noun, noun.ledger.get(session, reserve, offer_id)))
        changed: Reward | Level = noun.ledger.change(session, reserve, offer_id, title, description, points, is_active)
        return changed.title

    try:
        changed = db.in_write(work)
    except (Invalid, Conflict) as error:
        return _refuse(form, what, *_find(noun, key, offer_id), error)
    flash(f"{changed} is saved. The other sites need the same {noun.word}.", "done")
    return redirect(url_for("admin.rewards_and_levels", key=key), 303)


def _find(noun: Noun, key: str, offer_id: int) -> tuple[Reserve, Reward | Level]:
    session = db.db.session()
    reserve = reserves.get(session, key)
    return reserve, noun.ledger.get(session, reserve, offer_id)


def _values(noun: Noun, offer: Reward | Level) -> dict[str, str | bool]:
    """What the form is about, as it is now."""
    points = str(getattr(offer, noun.number))
    return {"title": offer.title, "points": points, "description": offer.description, "is_active": offer.is_active}


def _typed(form: RewardForm) -> tuple[str, str, int]:
    """Title, description and points; 0 where that is no number, which the ledger refuses with a sentence."""
    return (
        form.title.data or "",
        form.description.data or "",
        manual_movements.whole(manual_movements.typed(form, "points")) or 0,
    )


def _refuse(
    form: RewardForm, what: str, reserve: Reserve, offer: Reward | Level | None, error: Invalid | Conflict
) -> ResponseReturnValue:
    names = {NOUNS[what].number: "points"}
    error.fields = {names.get(name, name): sentence for name, sentence in error.fields.items()}
    show_refusal(form, error)
    return _page(form, what, reserve, offer), 422


def _page(form: RewardForm, what: str, reserve: Reserve, offer: Reward | Level | None) -> str:
    return page(
        "points/reward_form.html", TAB, form=form, what=what, word=NOUNS[what].word, reserve=reserve, offer=offer
    )
