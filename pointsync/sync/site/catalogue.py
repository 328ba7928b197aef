"""Rewards and levels as sites report them in pings, and the differences: all sites should have the same ones."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from pointsync.models import Level, Remote, Reserve, Reward
from pointsync.text_limits import MAX_POINTS, MAX_TITLE_LENGTH, sanitise

MAX_LISTED = 50
"""How many rewards, and how many levels, a ping lists; its digest covers all of them."""

REWARD, LEVEL = "reward", "level"
POINTS_FIELDS = {REWARD: "cost", LEVEL: "points"}
LIST_FIELDS = {REWARD: "rewards", LEVEL: "levels"}


@dataclass(frozen=True, slots=True, order=True)
class CatalogueItem:
    """An active reward with its cost, or an active level with its points, as sites compare them."""

    kind: str
    title: str
    points: int


@dataclass(frozen=True, slots=True)
class PointsChange:
    """An item with the same title here and there, but with different points."""

    item: CatalogueItem
    remote_points: int


@dataclass(frozen=True, slots=True)
class CatalogueDifference:
    """The differences between a remote's observed reserve here and its target reserve there."""

    remote: Remote
    only_local: tuple[CatalogueItem, ...]
    only_remote: tuple[CatalogueItem, ...]
    changed: tuple[PointsChange, ...]

    @property
    def has_details(self) -> bool:
        """Whether the differing items are known; a ping lists only some of them."""
        return bool(self.only_local or self.only_remote or self.changed)


def list_by_reserve(session: Session, reserve_ids: Sequence[int]) -> dict[int, list[CatalogueItem]]:
    """The sorted items of each reserve, by reserve id; one query."""
    items_by_reserve: dict[int, list[CatalogueItem]] = {reserve_id: [] for reserve_id in reserve_ids}
    rewards = select(Reward.reserve_id, literal(REWARD), Reward.title, Reward.cost).where(Reward.is_active)
    levels = select(Level.reserve_id, literal(LEVEL), Level.title, Level.points).where(Level.is_active)
    for reserve_id, kind, title, points in session.execute(
        union_all(
            rewards.where(Reward.reserve_id.in_(reserve_ids)),
            levels.where(Level.reserve_id.in_(reserve_ids)),
        )
    ):
        items_by_reserve[reserve_id].append(CatalogueItem(kind, title, points))
    return {reserve_id: sorted(items) for reserve_id, items in items_by_reserve.items()}


def has_any(session: Session) -> bool:
    """Whether this site has an active reward or level: one query."""
    query = union_all(select(Reward.id).where(Reward.is_active), select(Level.id).where(Level.is_active))
    return session.execute(query.limit(1)).first() is not None


def compute_digest(items: Iterable[CatalogueItem]) -> str:
    """The SHA-256 of a reserve's items in hex; their order does not matter."""
    rows = [[each.kind, each.title, each.points] for each in sorted(items)]
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()


def build_ping_fields(session: Session, reserve: Reserve) -> dict[str, Any]:
    """The fields about a reserve in a ping: `{rewards_digest, rewards: [{title, cost}], levels: [{title, points}]}`.

    The lists are cut after 50 items; a site of an earlier version reads only the digest.
    """
    items = list_by_reserve(session, [reserve.id])[reserve.id]
    lists = {
        field: [
            {"title": sanitise(each.title, MAX_TITLE_LENGTH), POINTS_FIELDS[kind]: each.points}
            for each in items
            if each.kind == kind
        ][:MAX_LISTED]
        for kind, field in LIST_FIELDS.items()
    }
    return {"rewards_digest": compute_digest(items), **lists}


def parse_ping_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The valid part of these fields in another site's ping: texts are cut and cleaned, lists are bounded."""
    fields: dict[str, Any] = {"rewards_digest": sanitise(str(body.get("rewards_digest") or ""), 128)}
    for kind, name in LIST_FIELDS.items():
        entries = body.get(name)
        if isinstance(entries, list):
            points_field = POINTS_FIELDS[kind]
            fields[name] = [
                {"title": sanitise(each["title"], MAX_TITLE_LENGTH), points_field: each[points_field]}
                for each in entries[:MAX_LISTED]
                if isinstance(each, dict)
                and isinstance(each.get("title"), str)
                and type(each.get(points_field)) is int
                and 1 <= each[points_field] <= MAX_POINTS
            ]
    return fields


def find_differences(session: Session, remotes: Sequence[Remote]) -> tuple[CatalogueDifference, ...]:
    """The remotes whose site reported other rewards or levels than the observed reserve has here; one query.

    A site without a digest is skipped: its version knows no rewards, or it was not reached yet.
    """
    items_by_reserve = list_by_reserve(session, sorted({remote.reserve_id for remote in remotes}))
    differing = []
    for remote in remotes:
        remote_digest = remote.facts.get("rewards_digest")
        local_items = items_by_reserve[remote.reserve_id]
        if remote_digest and remote_digest != compute_digest(local_items):
            differing.append(_compare(remote, local_items))
    return tuple(differing)


def _compare(remote: Remote, local_items: list[CatalogueItem]) -> CatalogueDifference:
    only_local: list[CatalogueItem] = []
    only_remote: list[CatalogueItem] = []
    changed: list[PointsChange] = []
    for kind, name in LIST_FIELDS.items():
        if name not in remote.facts:
            continue
        local_points = {each.title: each.points for each in local_items if each.kind == kind}
        remote_points = {each["title"]: each[POINTS_FIELDS[kind]] for each in remote.facts[name]}
        # Items after the end of a cut list are unknown.
        last_listed_title = max(remote_points) if len(remote_points) >= MAX_LISTED else None
        for title in sorted(local_points.keys() | remote_points.keys()):
            if title not in remote_points:
                only_local += (
                    [CatalogueItem(kind, title, local_points[title])]
                    if last_listed_title is None or title < last_listed_title
                    else []
                )
            elif title not in local_points:
                only_remote.append(CatalogueItem(kind, title, remote_points[title]))
            elif local_points[title] != remote_points[title]:
                changed.append(PointsChange(CatalogueItem(kind, title, local_points[title]), remote_points[title]))
    return CatalogueDifference(remote, tuple(only_local), tuple(only_remote), tuple(changed))
