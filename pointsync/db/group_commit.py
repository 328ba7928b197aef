"""Group commit: what several threads want to write at the same time shares one transaction.

A thread that finds nobody writing begins at once. Those that come meanwhile write together when it has ended. So one
call after the other waits for nothing, and many at once need few commits and few statements.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pointsync.db.transactions import DatabaseBusy

MAX_TOGETHER = 100

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Call(Generic[Item, Result]):
    item: Item
    woken: threading.Event = field(default_factory=threading.Event)
    outcome: Result | Exception | None = None
    """None for the call that writes next, and for one that is to write alone."""
    is_alone: bool = False


class GroupCommit(Generic[Item, Result]):
    """The calls of one application that write items of one kind."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: dict[Hashable, list[_Call[Item, Result]]] = {}
        """By key; there is an entry while somebody writes."""

    def write(
        self,
        key: Hashable,
        item: Item,
        write_one: Callable[[Item], Result],
        write_each: Callable[[Sequence[Item]], Sequence[Result | Exception]],
    ) -> Result:
        """Write `item` and return its result, perhaps together with items of other calls with the same `key`.

        `write_one` writes one item in a transaction of its own. `write_each` writes several in one transaction, and
        returns the result of each, or the error with which `write_one` would refuse it. Raises what `write_one` raises.
        """
        call = _Call[Item, Result](item)
        with self._mutex:
            waiting = self._waiting.get(key)
            if waiting is None:
                self._waiting[key] = []
            else:
                waiting.append(call)
        if waiting is not None:
            call.woken.wait()
            if call.is_alone:
                return write_one(item)
            if call.outcome is not None:
                return _result(call.outcome)
        return self._lead(key, call, write_one, write_each)

    def _lead(
        self,
        key: Hashable,
        call: _Call[Item, Result],
        write_one: Callable[[Item], Result],
        write_each: Callable[[Sequence[Item]], Sequence[Result | Exception]],
    ) -> Result:
        """Write the item of `call` and those of all that wait."""
        with self._mutex:
            followers = self._waiting[key][: MAX_TOGETHER - 1]
            del self._waiting[key][: len(followers)]
        try:
            if followers:
                _write_together([call, *followers], write_each)
            return write_one(call.item) if call.outcome is None else _result(call.outcome)
        finally:
            for each in followers:
                each.is_alone = each.outcome is None
                each.woken.set()
            self._wake_next(key)

    def _wake_next(self, key: Hashable) -> None:
        """Let the first call that waits lead; it takes the others with it."""
        with self._mutex:
            if self._waiting[key]:
                self._waiting[key].pop(0).woken.set()
            else:
                del self._waiting[key]


def _write_together(
    calls: Sequence[_Call[Item, Result]], write_each: Callable[[Sequence[Item]], Sequence[Result | Exception]]
) -> None:
    """Write all items. If one makes all fail, no call has an outcome: then each is written alone."""
    try:
        outcomes = write_each([each.item for each in calls])
    except DatabaseBusy as error:
        for call in calls:
            call.outcome = error
    except Exception:
        return
    else:
        for call, outcome in zip(calls, outcomes, strict=True):
            call.outcome = outcome


def _result(outcome: Result | Exception) -> Result:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
