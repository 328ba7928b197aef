"""What sites tell each other of their rewards and levels, and in what two of them differ: all should have the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from pointsync.models import Level, Remote, Reserve, Reward
from pointsync.text_limits import MAX_POINTS, MAX_TITLE, clean

MOST = 50
"""Rewards, and levels, that a ping tells by name; its digest tells of all."""

REWARD, LEVEL = "reward", "level"
NUMBERS = {REWARD: "cost", LEVEL: "points"}
FIELDS = {REWARD: "rewards", LEVEL: "levels"}


@dataclass(frozen=True, slots=True, order=True)
class Offer:
    """An active reward with its cost, or an active level with its points, as sites compare them."""

    what: str
    title: str
    points: int


@dataclass(frozen=True, slots=True)
class Change:
    """The same title with another number of points here and there."""

    offer: Offer
    there: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What a reserve here and the one over there, which a remote's line joins, do not have in common."""

    remote: Remote
    only_here: tuple[Offer, ...]
    only_there: tuple[Offer, ...]
    changed: tuple[Change, ...]

    @property
    def is_named(self) -> bool:
        """Whether it is known wherein they differ; sites tell of so many only."""
        return bool(self.only_here or self.only_there or self.changed)


def offers(session: Session, reserve_ids: Sequence[int]) -> dict[int, list[Offer]]:
    """What the reserves offer, sorted, by row number: one query."""
    found: dict[int, list[Offer]] = {reserve_id: [] for reserve_id in reserve_ids}
    rewards = select(Reward.reserve_id, literal(REWARD), Reward.title, Reward.cost).where(Reward.is_active)
    levels = select(Level.reserve_id, literal(LEVEL), Level.title, Level.points).where(Level.is_active)
    for reserve_id, what, title, points in session.execute(
        union_all(
            rewards.where(Reward.reserve_id.in_(reserve_ids)),
            levels.where(Level.reserve_id.in_(reserve_ids)),
        )
    ):
        found[reserve_id].append(Offer(what, title, points))
    return {reserve_id: sorted(each) for reserve_id, each in found.items()}


def has_any(session: Session) -> bool:
    """Whether this site has an active reward or level: one query."""
    query = union_all(select(Reward.id).where(Reward.is_active), select(Level.id).where(Level.is_active))
    return session.execute(query.limit(1)).first() is not None


def digest(found: Iterable[Offer]) -> str:
    """SHA-256 in hex of what a reserve offers: the same for the same offers, in whatever order they were made."""
    lines = [[each.what, each.title, each.points] for each in sorted(found)]
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()


def tell(session: Session, reserve: Reserve) -> dict[str, Any]:
    """What a ping's answer tells of a reserve: `{rewards_digest, rewards: [{title, cost}], levels: [{title, points}]}`.

    The lists are cut after 50; a site that knows only the digest passes over them.
    """
    found = offers(session, [reserve.id])[reserve.id]
    lists = {
        FIELDS[what]: [
            {"title": clean(each.title, MAX_TITLE), NUMBERS[what]: each.points} for each in found if each.what == what
        ][:MOST]
        for what in FIELDS
    }
    return {"rewards_digest": digest(found), **lists}


def heard(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of that, as another site has told it: texts cut and cleaned, lists bounded, the rest left out."""
    kept: dict[str, Any] = {"rewards_digest": clean(str(body.get("rewards_digest") or ""), 128)}
    for what, name in FIELDS.items():
        told = body.get(name)
        if isinstance(told, list):
            number = NUMBERS[what]
            kept[name] = [
                {"title": clean(each["title"], MAX_TITLE), number: each[number]}
                for each in told[:MOST]
                if isinstance(each, dict)
                and isinstance(each.get("title"), str)
                and type(each.get(number)) is int
                and 1 <= each[number] <= MAX_POINTS
            ]
    return kept


def differences(session: Session, lines: Sequence[Remote]) -> tuple[Difference, ...]:
    """The lines whose site told of other rewards or levels than the observed reserve has here: one query.

    A site that has told no digest is passed over: it knows no rewards, or has not been reached yet.
    """
    here = offers(session, sorted({line.reserve_id for line in lines}))
    found = []
    for line in lines:
        told = line.facts.get("rewards_digest")
        own = here[line.reserve_id]
        if told and told != digest(own):
            found.append(_difference(line, own))
    return tuple(found)


def _difference(line: Remote, own: list[Offer]) -> Difference:
    only_here: list[Offer] = []
    only_there: list[Offer] = []
    changed: list[Change] = []
    for what, name in FIELDS.items():
        if name not in line.facts:
            continue
        here = {each.title: each.points for each in own if each.what == what}
        there = {each["title"]: each[NUMBERS[what]] for each in line.facts[name]}
        # What stands behind the end of a list that was cut is unknown.
        end = max(there) if len(there) >= MOST else None
        for title in sorted(here.keys() | there.keys()):
            if title not in there:
                only_here += [Offer(what, title, here[title])] if end is None or title < end else []
            elif title not in here:
                only_there.append(Offer(what, title, there[title]))
            elif here[title] != there[title]:
                changed.append(Change(Offer(what, title, here[title]), there[title]))
    return Difference(line, tuple(only_here), tuple(only_there), tuple(changed))
