"""What the lists of System › Activity share: what they can be narrowed to."""

from collections.abc import Sequence

from flask import request
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import SelectField

from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import parse_row_id
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.errors import DomainError, InvalidInput, NotFound
from pointsync.models import Remote

TAB = "admin.activity"


class RemoteFilter(FlaskForm):  # type: ignore[misc]
    """What every list can be narrowed to; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    remote = SelectField("Remote", validate_choice=False)
    problem: str | None = None
    """What is wrong with the address apart from the fields."""

    def __init__(self, remotes: Sequence[Remote]) -> None:
        super().__init__(request.args)
        self.remotes = {remote.id: remote for remote in remotes}
        self.remote.choices = {"": "All remotes"} | {
            str(number): each for number, each in _remote_labels(remotes).items()
        }

    @property
    def selected_remote(self) -> Remote | None:
        """The remote that is chosen. Raises Invalid for one that there is not."""
        if not self.remote.data:
            return None
        remote = self.remotes.get(parse_row_id(self.remote.data) or 0)
        if remote is None:
            raise InvalidInput("remote", "There is no such remote in the list; choose one of these.")
        return remote

    @property
    def is_active(self) -> bool:
        """Whether the list is narrowed at all."""
        return any(field.data for field in self)

    def show_error(self, error: DomainError) -> None:
        """Put the sentence at its field, or above the list where it is about none."""
        fields = error.fields or ({"customer": error.message} if isinstance(error, NotFound) else {})
        for name, sentence in fields.items():
            if name in self:
                self[name].errors = [sentence]
                return
        self.problem = error.message


def list_remotes(session: Session) -> list[Remote]:
    """All lines, those that were deleted last: what they were sent is listed still."""
    return list(session.scalars(select(Remote).order_by(Remote.deleted_at.is_not(None), Remote.id)))


def page_query(endpoint: str = TAB) -> PageQuery:
    """What the address asks of one of these lists; all take the same along, so that one leads back to another."""
    return PageQuery(endpoint, ("remote", "state", "customer", "outcome"))


def _remote_labels(remotes: Sequence[Remote]) -> dict[int, str]:
    """What to call each line where one is chosen: with its reserves where several have the same name."""
    names = {remote.id: strip_bidi(remote.name or remote.url) for remote in remotes}
    all_names = list(names.values())
    labels = {}
    for remote in remotes:
        name = names[remote.id]
        if all_names.count(name) > 1:
            name += f" ({remote.reserve.key} to {remote.target})"
        labels[remote.id] = f"{name}, deleted" if remote.deleted_at else name
    return labels
