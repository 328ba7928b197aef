"""What an admin's choice about a movement that is not the same on both sites would do.

Movements never change. So both sites first hold the original again; if another value counts, the difference in points
is recorded as a new movement, which goes to all sites.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto
from pointsync.digests import digest, to_text
from pointsync.email_address import normalise
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Difference, Movement, Remote
from pointsync.sync.comparison import differences
from pointsync.sync.comparison.differences import ALTERED_HERE, ALTERED_THERE, SAME_ID, UNKNOWN_HERE
from pointsync.sync.repair import settle

HERE, THERE, BOTH = "here", "there", "both"
CHOICES = {
    ALTERED_HERE: (HERE, THERE),
    ALTERED_THERE: (HERE, THERE),
    UNKNOWN_HERE: (HERE, THERE),
    SAME_ID: (BOTH,),
}
"""What an admin can choose: what is here counts, what is there counts, or both do."""
SOURCE = "decision"
"""The source of the movements that decisions record."""


@dataclass(frozen=True, slots=True)
class Content:
    """A movement's customer, as it was sent, and its points."""

    customer: str
    points: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A movement to be recorded for the difference in points."""

    customer: str
    points: int
    recorded_id: str | None
    """The movement that an earlier decision has recorded for the same difference: then there is no second one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a choice does. Under the movement's id, both sites hold `original` afterwards."""

    remote_id: int
    site_name: str
    movement_id: str
    kind: str
    choice: str
    original: Content
    adjustments: tuple[Adjustment, ...]

    @property
    def fingerprint(self) -> str:
        """Changes with whatever an admin has seen of it."""
        adjustments = [(each.customer, each.points) for each in self.adjustments]
        return crypto.sha256_hex(repr((self.kind, self.choice, self.original, adjustments)))[:16]

    @property
    def needs_fetch(self) -> bool:
        """Whether the movement must be fetched from the remote."""
        return self.kind in (UNKNOWN_HERE, SAME_ID)


def make_plan(session: Session, remote_id: int, movement_id: str, choice: str) -> Plan:
    """What `choice` does about a difference.

    Raises NotFound, InvalidInput for `choice`, and Conflict if it is impossible or if the difference is another one
    by now.
    """
    difference = differences.get(session, remote_id, movement_id)
    if choice not in CHOICES[difference.kind]:
        raise InvalidInput("choice", f"Choose one of: {', '.join(CHOICES[difference.kind])}.")
    remote = session.get_one(Remote, remote_id)
    value_here = _read_here(session, remote, difference)
    value_there = _content(difference.there_customer, difference.there_points)
    if difference.kind == ALTERED_THERE:
        original, wanted = value_here, value_here if choice == HERE else value_there
    elif difference.kind == ALTERED_HERE:
        original = _find_original(session, difference)
        wanted = value_here if choice == HERE else original
    else:
        original, wanted = value_there, None if choice == HERE else value_there
    if original is None or (wanted is None and difference.kind != UNKNOWN_HERE):
        raise Conflict(
            "value_unknown",
            f"What {remote.display_name} holds is not known: it did not answer, or its version is too old. "
            "Compare with it again, then decide.",
        )
    return Plan(
        remote_id,
        remote.display_name,
        movement_id,
        difference.kind,
        choice,
        original,
        _adjustments(session, movement_id, original, wanted),
    )


def changed_meanwhile() -> Conflict:
    """The error for a difference that is another one by now."""
    return Conflict("changed_meanwhile", "The difference has changed in the meantime. Look at it again, then decide.")


def _read_here(session: Session, remote: Remote, difference: Difference) -> Content | None:
    """The movement here, as it is now; None if this site does not know it. Raises Conflict `changed_meanwhile`."""
    movement_id = int(difference.movement_id)
    own = settle.load_own(session, remote, movement_id, movement_id).get(movement_id)
    is_right = {
        UNKNOWN_HERE: own is None,
        ALTERED_HERE: own and own.is_edited,
        ALTERED_THERE: own and not own.is_edited,
    }
    if not is_right.get(difference.kind, own is not None):
        raise changed_meanwhile()
    return Content(own.customer, own.movement.points) if own else None


def _content(customer: str | None, points: int | None) -> Content | None:
    return None if customer is None or points is None else Content(customer, points)


def _find_original(session: Session, difference: Difference) -> Content | None:
    """What a movement that was edited here was recorded as: what a remote holds, if the stored digest is its digest.

    Raises Conflict if the remotes hold something else.
    """
    stored = session.scalar(
        select(Movement.digest).where(Movement.origin == difference.origin, Movement.id == difference.movement_id)
    )
    query = select(Difference).where(
        Difference.origin == difference.origin, Difference.movement_id == difference.movement_id
    )
    contents = [_content(each.there_customer, each.there_points) for each in session.scalars(query)]
    known = [each for each in contents if each]
    for each in known:
        if stored == digest(difference.movement_id, each.points, each.customer):
            return each
    if known:
        raise Conflict(
            "original_unknown",
            "This movement was edited on both sites, so no site knows the original. Ask a site that has a backup, and "
            "change the movement back in one of the databases.",
        )
    return None


def _adjustments(
    session: Session, movement_id: str, original: Content, wanted: Content | None
) -> tuple[Adjustment, ...]:
    """What must be recorded so that `wanted` counts instead of the original; None: nothing counts."""
    email = normalise(original.customer)
    changes = {email: -original.points}
    if wanted is not None:
        wanted_email = normalise(wanted.customer)
        changes[wanted_email] = changes.get(wanted_email, 0) + wanted.points
    local_auth = get_local_auth(session)
    return tuple(
        Adjustment(
            customer,
            points,
            session.scalar(
                select(Movement.id).where(
                    Movement.source == SOURCE,
                    Movement.ref == adjustment_ref(movement_id, customer, points),
                    Movement.origin == local_auth,
                )
            ),
        )
        for customer, points in changes.items()
        if points
    )


def adjustment_ref(movement_id: str, customer: str, points: int) -> str:
    """The same for the same difference: two sites that differ in the same way are adjusted once."""
    return f"{movement_id}:{to_text(digest(movement_id, points, customer))}"
