"""procrastinate on PostgreSQL."""

import os
from contextlib import suppress

import post
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector, exceptions

app = App(connector=PsycopgConnector(conninfo=os.environ["PEER_STORE"], max_size=40))


@app.task(name="deliver")
def deliver(number: int) -> None:
    """One movement; procrastinate runs it in a thread."""
    post.post(number)


def enqueue(count: int) -> None:
    """One task for each movement, in a statement for each thousand. Creates the tables at the first time."""
    with app.replace_connector(SyncPsycopgConnector(conninfo=os.environ["PEER_STORE"])) as writing, writing.open():
        with suppress(exceptions.ConnectorException):  # they exist
            writing.schema_manager.apply_schema()
        for start in range(0, count, 1_000):
            numbers = range(start, min(start + 1_000, count))
            deliver.batch_defer(*({"number": number} for number in numbers))
