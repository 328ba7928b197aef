"""The database held by another writer, or away: told to each caller in the words of its own edge."""

from collections.abc import Callable

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pointsync.db import Busy, is_passing


def register(part: Blueprint | Flask, answer: Callable[[Exception], ResponseReturnValue]) -> None:
    """Let `answer` say to a caller of `part` that the same may succeed in a moment."""

    def database(error: DBAPIError) -> ResponseReturnValue:
        if is_passing(error):
            return answer(error)
        raise error  # all else that the database says is a fault of ours

    part.register_error_handler(Busy, answer)
    part.register_error_handler(PoolTimeout, answer)
    part.register_error_handler(DBAPIError, database)
