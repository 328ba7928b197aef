"""Lists in pages: what the URL asks for, and links to the other pages that keep it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import request, url_for

from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.panel import parse_row_id
from pointsync.db.keyset import PAGE_SIZES, Page
from pointsync.errors import InvalidInput, NotFound

DEFAULT_SIZE = 20

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The URL of the list at `endpoint`: `path_values` in its path; in its query `parameters`, `size` and `cursor`."""

    endpoint: str
    parameters: tuple[str, ...] = ()
    path_values: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Rows per page. Raises InvalidInput for `size`."""
        text = request.args.get("size")
        if not text:
            return DEFAULT_SIZE
        number = parse_row_id(text)
        if number not in PAGE_SIZES:
            raise InvalidInput("size", f"A page has {', '.join(map(str, PAGE_SIZES[:-1]))} or {PAGE_SIZES[-1]} rows.")
        return number

    @property
    def cursor(self) -> str | None:
        """Where in the list the page begins; None for the first page."""
        return request.args.get("cursor") or None

    def url(self, **changes: str | int | None) -> str:
        """This list's URL with the query of this request and `changes`; None removes a parameter."""
        return url_for(self.endpoint, **self.path_values, **self.query_params(**changes))

    def query_params(self, **changes: str | int | None) -> dict[str, Any]:
        """The query of this request with `changes`. Other URLs carry it along, so that they can lead back here."""
        params: dict[str, Any] = {name: request.args.get(name) for name in (*self.parameters, "size", "cursor")}
        return {name: value for name, value in (params | changes).items() if value}

    def page_links(self, page: Page[Any]) -> dict[str, str | None]:
        """The pager's links: first, previous, next and last; None where there is no such page."""
        cursors = {"first": page.first, "previous": page.previous, "next": page.next, "last": page.last}
        return {
            name: self.url(cursor=None if name == "first" else cursor) if cursor else None
            for name, cursor in cursors.items()
        }

    def size_links(self) -> dict[int, str]:
        """A link for each page size. Another size starts at the first page."""
        return {size: self.url(size=size, cursor=None) for size in PAGE_SIZES}

    def load(self, form: QueryForm, list_page: Callable[[str | None, int], Page[Row]]) -> tuple[Page[Row], int]:
        """The page that `list_page(cursor, size)` returns, and its size.

        An error in the query is shown in `form`; the page is empty then.
        """
        size = DEFAULT_SIZE
        try:
            size = self.size
            return list_page(self.cursor, size), size
        except (InvalidInput, NotFound) as error:
            form.show_error(error)
            return Page([]), size

    def template_values(self, page: Page[Row], size: int) -> dict[str, Any]:
        """What a list's template needs for its rows, its pager and its links."""
        return {
            "rows": page.rows,
            "page_links": self.page_links(page),
            "size_links": self.size_links(),
            "size": size,
            "list_params": self.query_params(),
        }
