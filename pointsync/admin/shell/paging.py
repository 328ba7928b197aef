"""A list in pages: what its address asks for, and the ways on, which keep it."""

from dataclasses import dataclass, field
from typing import Any

from flask import request, url_for

from pointsync.admin.shell.panel import row_number
from pointsync.db.keyset import SIZES, Page
from pointsync.errors import Invalid

USUAL_SIZE = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the list at `endpoint`, whose path takes `place`: its own `names`, a size, a cursor."""

    endpoint: str
    names: tuple[str, ...] = ()
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows a page shall have. Raises Invalid."""
        typed = request.args.get("size")
        if not typed:
            return USUAL_SIZE
        number = row_number(typed)
        if number not in SIZES:
            raise Invalid("size", f"A page has {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} rows.")
        return number

    @property
    def cursor(self) -> str | None:
        """Where in the list the page begins."""
        return request.args.get("cursor") or None

    def address(self, **changes: str | int | None) -> str:
        """The address of this list as it is asked for, with `changes`; None leaves one out."""
        return url_for(self.endpoint, **self.place, **self.kept(**changes))

    def kept(self, **changes: str | int | None) -> dict[str, Any]:
        """What is asked for, with `changes`, as another address takes it along to lead back here."""
        asked: dict[str, Any] = {name: request.args.get(name) for name in (*self.names, "size", "cursor")}
        return {name: value for name, value in (asked | changes).items() if value}

    def ways(self, found: Page[Any]) -> dict[str, str | None]:
        """Where the pager leads to from this page."""
        cursors = {"first": found.first, "previous": found.previous, "next": found.next, "last": found.last}
        return {
            step: self.address(cursor=None if step == "first" else cursor) if cursor else None
            for step, cursor in cursors.items()
        }

    def sizes(self) -> dict[int, str]:
        """How many rows a page can have, each with its address; another size begins at the first page."""
        return {size: self.address(size=size, cursor=None) for size in SIZES}
