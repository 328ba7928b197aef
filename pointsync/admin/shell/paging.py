"""A list in pages: what its address asks for, and the ways on, which keep it."""

from dataclasses import dataclass, field
from typing import Any

from flask import request, url_for

from pointsync.admin.shell.panel import parse_row_id
from pointsync.db.keyset import PAGE_SIZES, Page
from pointsync.errors import InvalidInput

DEFAULT_SIZE = 20


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What is asked of the list at `endpoint`, whose path takes `place`: its own `names`, a size, a cursor."""

    endpoint: str
    parameters: tuple[str, ...] = ()
    path_values: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows a page shall have. Raises Invalid."""
        text = request.args.get("size")
        if not text:
            return DEFAULT_SIZE
        number = parse_row_id(text)
        if number not in PAGE_SIZES:
            raise InvalidInput("size", f"A page has {', '.join(map(str, PAGE_SIZES[:-1]))} or {PAGE_SIZES[-1]} rows.")
        return number

    @property
    def cursor(self) -> str | None:
        """Where in the list the page begins."""
        return request.args.get("cursor") or None

    def url(self, **changes: str | int | None) -> str:
        """The address of this list as it is asked for, with `changes`; None leaves one out."""
        return url_for(self.endpoint, **self.path_values, **self.query_params(**changes))

    def query_params(self, **changes: str | int | None) -> dict[str, Any]:
        """What is asked for, with `changes`, as another address takes it along to lead back here."""
        params: dict[str, Any] = {name: request.args.get(name) for name in (*self.parameters, "size", "cursor")}
        return {name: value for name, value in (params | changes).items() if value}

    def page_links(self, page: Page[Any]) -> dict[str, str | None]:
        """Where the pager leads to from this page."""
        cursors = {"first": page.first, "previous": page.previous, "next": page.next, "last": page.last}
        return {
            name: self.url(cursor=None if name == "first" else cursor) if cursor else None
            for name, cursor in cursors.items()
        }

    def size_links(self) -> dict[int, str]:
        """How many rows a page can have, each with its address; another size begins at the first page."""
        return {size: self.url(size=size, cursor=None) for size in PAGE_SIZES}
