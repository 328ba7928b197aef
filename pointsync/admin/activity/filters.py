"""The filter by remote, and the query of the lists of System › Activity."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session
from wtforms import SelectField

from pointsync import clock, db
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import parse_row_id
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.models import Remote
from pointsync.sync.remotes import shown_status
from pointsync.sync.remotes.shown_status import ShownStatus

TAB = "admin.activity"


class RemoteFilter(QueryForm):
    """Filter a list by remote."""

    remote = SelectField("Remote", validate_choice=False)

    def __init__(self, remotes: Sequence[Remote]) -> None:
        super().__init__()
        self.remotes = {remote.id: remote for remote in remotes}
        self.remote.choices = {"": "All remotes"} | _remote_labels(remotes)

    @property
    def selected_remote(self) -> Remote | None:
        """The chosen remote; None for all remotes, and for one that does not exist."""
        return self.remotes.get(parse_row_id(self.remote.data) or 0)

    @property
    def selected_status(self) -> ShownStatus | None:
        """The status of the chosen remote."""
        remote = self.selected_remote
        return shown_status.load_one(db.session(), remote, clock.now()) if remote else None

    @property
    def remote_id(self) -> int | None:
        """The id of the chosen remote; None for all remotes. Raises InvalidInput for `remote`."""
        option = self.selected_option("remote", "remote")
        return int(option) if option else None


def list_remotes(session: Session) -> list[Remote]:
    """All remotes, deleted ones last: the lists still show what was sent to them."""
    return list(session.scalars(select(Remote).order_by(Remote.deleted_at.is_not(None), Remote.id)))


def page_query(endpoint: str = TAB) -> PageQuery:
    """The query of one of the lists. Each list keeps the filters of the others, so that links lead back to them."""
    return PageQuery(endpoint, ("remote", "state", "customer", "outcome"))


def _remote_labels(remotes: Sequence[Remote]) -> dict[str, str]:
    """A label for each remote by its id. Remotes with the same name get their reserves added."""
    names = {remote.id: strip_bidi(remote.display_name) for remote in remotes}
    all_names = list(names.values())
    labels = {}
    for remote in remotes:
        name = names[remote.id]
        if all_names.count(name) > 1:
            name += f" ({remote.reserve.key} to {remote.target})"
        labels[str(remote.id)] = f"{name}, deleted" if remote.deleted_at else name
    return labels
