"""What the lists of System › Activity share: what an address asks for, and the ways from page to page."""

from collections.abc import Sequence
from typing import Any

from flask import request, url_for
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import SelectField

from pointsync.admin.panel import plain, row_number
from pointsync.errors import Invalid, NotFound, Refused
from pointsync.ledger.keyset import Page
from pointsync.models import Remote

TAB = "admin.activity"
SIZES = (20, 40, 80)
USUAL_SIZE = 20
ASKED = ("remote", "state", "customer", "outcome", "size", "cursor")
"""All that an address of these lists can ask for."""


class Filter(FlaskForm):  # type: ignore[misc]
    """What every list can be narrowed to; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    remote = SelectField("Remote", validate_choice=False)
    problem: str | None = None
    """What is wrong with the address apart from the fields."""

    def __init__(self, remotes: Sequence[Remote]) -> None:
        super().__init__(request.args)
        self.remotes = {remote.id: remote for remote in remotes}
        self.remote.choices = {"": "All remotes"} | {str(number): each for number, each in _words(remotes).items()}

    @property
    def chosen(self) -> Remote | None:
        """The remote that is chosen. Raises Invalid for one that there is not."""
        if not self.remote.data:
            return None
        remote = self.remotes.get(row_number(self.remote.data) or 0)
        if remote is None:
            raise Invalid("remote", "There is no such remote in the list; choose one of these.")
        return remote

    @property
    def is_set(self) -> bool:
        """Whether the list is narrowed at all."""
        return any(field.data for field in self)

    def refuse(self, error: Refused) -> None:
        """Put the sentence at its field, or above the list where it is about none."""
        fields = error.fields or ({"customer": error.message} if isinstance(error, NotFound) else {})
        for name, sentence in fields.items():
            if name in self:
                self[name].errors = [sentence]
                return
        self.problem = error.message


def every_remote(session: Session) -> list[Remote]:
    """All lines, those that were deleted last: what they were sent is listed still."""
    return list(session.scalars(select(Remote).order_by(Remote.deleted_at.is_not(None), Remote.id)))


def asked_size() -> int:
    """How many rows a page shall have. Raises Invalid."""
    typed = request.args.get("size")
    if not typed:
        return USUAL_SIZE
    if row_number(typed) not in SIZES:
        raise Invalid("size", f"A page has {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} rows.")
    return int(typed)


def asked_cursor() -> str | None:
    """Where in the list the page begins."""
    return request.args.get("cursor") or None


def here(**changes: str | int | None) -> dict[str, Any]:
    """What this address asks for, with `changes`; None leaves one out."""
    asked = {name: request.args.get(name) for name in ASKED} | changes
    return {name: value for name, value in asked.items() if value}


def ways(endpoint: str, found: Page[Any]) -> dict[str, str | None]:
    """Where the pager leads to from this page; the filter goes with it."""
    cursors = {"first": found.first, "previous": found.previous, "next": found.next, "last": found.last}
    return {
        step: url_for(endpoint, **here(cursor=None if step == "first" else cursor)) if cursor else None
        for step, cursor in cursors.items()
    }


def sizes(endpoint: str) -> dict[int, str]:
    """How many rows a page can have, each with its address; another size begins at the first page."""
    return {size: url_for(endpoint, **here(size=size, cursor=None)) for size in SIZES}


def _words(remotes: Sequence[Remote]) -> dict[int, str]:
    """What to call each line where one is chosen: with its reserves where several have the same name."""
    names = {remote.id: plain(remote.name or remote.url) for remote in remotes}
    counts = list(names.values())
    words = {}
    for remote in remotes:
        name = names[remote.id]
        if counts.count(name) > 1:
            name += f" ({remote.reserve.key} to {remote.target})"
        words[remote.id] = f"{name}, deleted" if remote.deleted_at else name
    return words
