"""What the lists of System › Activity share: what they can be narrowed to."""

from collections.abc import Sequence

from flask import request
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import SelectField

from pointsync.admin.shell.paging import Asked
from pointsync.admin.shell.panel import plain, row_number
from pointsync.errors import Invalid, NotFound, Refused
from pointsync.models import Remote

TAB = "admin.activity"


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


def asked(endpoint: str = TAB) -> Asked:
    """What the address asks of one of these lists; all take the same along, so that one leads back to another."""
    return Asked(endpoint, ("remote", "state", "customer", "outcome"))


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
