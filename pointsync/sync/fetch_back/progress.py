"""How far fetching back is, and the decisions that wait: for the panel, commands and metrics."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.fetch_back import decisions, take_in
from pointsync.ledger.fetch_back.decisions import Decision
from pointsync.models import FetchState, Movement, Remote, RemoteFetch, Reserve, Site


class RemoteProgress(Struct):
    """The fetch from one remote."""

    remote: int
    name: str
    state: Annotated[
        Literal["waiting", "fetched", "skipped", "complete"],
        Meta(description="skipped: an admin continued without it; it is fetched before anything is sent to it."),
    ]
    received: Annotated[int, Meta(description="How many of this site's movements it has returned.")]
    total: Annotated[int, Meta(description="How many it says that it holds.")]
    returned: Annotated[int, Meta(description="How many of the received ones were lost here.")]
    unreadable: int
    message: Annotated[str | None, Meta(description="Why the last call failed.")]


class FetchBackProgress(Struct):
    """Fetching back."""

    running: bool
    open: Annotated[bool, Meta(description="Whether it ends only after an admin says that all remotes are listed.")]
    since: str | None
    to_record: Annotated[int, Meta(description="Returned movements that are not recorded yet.")]
    decisions: Annotated[int, Meta(description="Returned movements that an admin must decide about.")]
    remotes: list[RemoteProgress]

    @property
    def is_shown(self) -> bool:
        """Whether it is running, or something of it is left to do."""
        return self.running or bool(self.decisions) or any(each.state == "skipped" for each in self.remotes)


def read(session: Session) -> FetchBackProgress:
    """The progress; of the last time, if it is not running."""
    site = session.get_one(Site, 1, populate_existing=True)
    rows = session.execute(
        select(RemoteFetch, Remote)
        .join(Remote, Remote.id == RemoteFetch.remote_id)
        .where(Remote.deleted_at.is_(None))
        .order_by(RemoteFetch.remote_id)
        .execution_options(populate_existing=True)
    )
    return FetchBackProgress(
        running=site.is_fetching_back,
        open=site.has_open_fetch,
        since=clock.to_text(site.restored_at) if site.restored_at else None,
        to_record=take_in.count_waiting(session),
        decisions=decisions.count(session),
        remotes=[
            RemoteProgress(
                remote=remote.id,
                name=remote.display_name,
                state=_state(fetch),
                received=fetch.received,
                total=fetch.total,
                returned=fetch.returned,
                unreadable=fetch.unreadable,
                message=fetch.message,
            )
            for fetch, remote in rows
        ],
    )


def describe(progress: FetchBackProgress) -> str:
    """How far it is, in a few sentences."""
    waiting = [each for each in progress.remotes if each.state == "waiting"]
    skipped_count = sum(each.state == "skipped" for each in progress.remotes)
    sentences = []
    if waiting:
        received = sum(each.received for each in waiting)
        sentences.append(
            f"It waits for {_count(len(waiting), 'remote')} of {len(progress.remotes)}, "
            f"which returned {_count(received, 'movement')} so far."
        )
    elif progress.open:
        sentences.append("It ends when you say that all remotes are listed.")
    elif progress.running:
        sentences.append("Everything is fetched and is being recorded.")
    if skipped_count:
        verb = "is fetched when it answers" if skipped_count == 1 else "are fetched when they answer"
        sentences.append(f"{_count(skipped_count, 'remote')} {verb}.")
    if progress.decisions:
        verb = "needs" if progress.decisions == 1 else "need"
        sentences.append(f"{_count(progress.decisions, 'returned movement')} {verb} your decision.")
    return " ".join(sentences)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _state(fetch: RemoteFetch) -> Literal["waiting", "fetched", "skipped", "complete"]:
    if fetch.state == FetchState.WAITING:
        return "fetched" if fetch.finished_at else "waiting"
    return "skipped" if fetch.state == FetchState.SKIPPED else "complete"


def list_decisions(session: Session) -> list[dict[str, Any]]:
    """`[{id, problem, choices, returned, here}]` of the decisions that wait.

    `returned` has what each remote returned, `here` the movements here that it contradicts.
    """
    return [decision_json(session, each) for each in decisions.list_all(session)]


def decision_json(session: Session, decision: Decision) -> dict[str, Any]:
    """One of them."""
    reserve_keys = {reserve.id: reserve.key for reserve in session.scalars(select(Reserve))}
    return {
        "id": str(decision.movement_id),
        "problem": str(decision.problem),
        "choices": list(decision.choices),
        "returned": [
            {
                "remote": row.remote_id,
                "customer": row.customer,
                "reserve": reserve_keys[row.reserve_id],
                "points": row.points,
                "kind": row.kind,
                "reason": row.reason,
                "at": clock.to_text(row.at) if row.at else None,
                "ref": row.ref,
                "altered": row.is_altered,
            }
            for row in decision.returned
        ],
        "here": [_own_json(movement, reserve_keys) for movement in decision.own],
    }


def _own_json(movement: Movement, reserve_keys: dict[int, str]) -> dict[str, Any]:
    return {
        "id": movement.id,
        "customer": movement.customer.email,
        "reserve": reserve_keys[movement.reserve_id],
        "points": movement.points,
        "kind": movement.kind,
        "reason": movement.reason,
        "at": clock.to_text(movement.at),
        "ref": movement.ref,
    }
