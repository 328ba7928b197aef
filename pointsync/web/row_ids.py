"""Row ids in URL paths."""

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from pointsync.ids import MAX_ROW_ID

MAX_BIG_ROW_ID = 2**63 - 1


class RowIdConverter(IntegerConverter):
    """A row id of an INTEGER column. A larger number matches no route: databases reject it as out of range."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MAX_ROW_ID)


class BigRowIdConverter(IntegerConverter):
    """A row id of a BIGINT column."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MAX_BIG_ROW_ID)


def register(app: Flask) -> None:
    """Add the converters `row_id` and `big_row_id`."""
    app.url_map.converters.update(row_id=RowIdConverter, big_row_id=BigRowIdConverter)
