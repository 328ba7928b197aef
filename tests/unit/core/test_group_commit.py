"""Group commit: threads that write at the same time share a transaction, and each gets its own result."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pointsync.db import DatabaseBusy
from pointsync.db.group_commit import MAX_TOGETHER, GroupCommit
from pointsync.errors import Conflict
from tests.support.process import wait_until

REFUSED = "refused"


class Writer:
    """Counts what is written. The first item is written as soon as `go` is set."""

    def __init__(self) -> None:
        self.group = GroupCommit[str, str]()
        self.go, self.begun = threading.Event(), threading.Event()
        self.alone: list[str] = []
        self.together: list[list[str]] = []
        self.error: Exception | None = None

    def write(self, item: str, key: str = "shop") -> str:
        return self.group.write(key, item, self.write_one, self.write_each)

    def write_one(self, item: str) -> str:
        self.alone.append(item)
        self.begun.set()
        assert self.go.wait(5)
        if item == REFUSED:
            raise Conflict("refused", "No.")
        return item.upper()

    def write_each(self, items: Sequence[str]) -> list[str | Exception]:
        self.together.append(list(items))
        if self.error:
            raise self.error
        return [Conflict("refused", "No.") if item == REFUSED else item.upper() for item in items]


def write_while_one_is_written(writer: Writer, items: list[str]) -> dict[str, Future[str]]:
    """Begin to write the first item, let the others come one after the other, and then let it end."""
    with ThreadPoolExecutor(len(items)) as executor:
        futures = {items[0]: executor.submit(writer.write, items[0])}
        assert writer.begun.wait(5)
        for count, item in enumerate(items[1:], 1):
            futures[item] = executor.submit(writer.write, item)
            wait_until(_has_waiting(writer, count), 5, f"{item} waits")
        writer.go.set()
    return futures


def _has_waiting(writer: Writer, count: int) -> Callable[[], bool]:
    return lambda: len(writer.group._waiting["shop"]) == count


def test_one_after_the_other_is_written_alone():
    writer = Writer()
    writer.go.set()
    assert [writer.write("a"), writer.write("b")] == ["A", "B"]
    assert (writer.alone, writer.together) == (["a", "b"], [])


def test_those_that_wait_are_written_together_in_their_order():
    writer = Writer()
    futures = write_while_one_is_written(writer, ["a", "b", "c", "d"])
    assert [each.result() for each in futures.values()] == ["A", "B", "C", "D"]
    assert (writer.alone, writer.together) == (["a"], [["b", "c", "d"]])


def test_a_refusal_concerns_its_own_caller_only():
    writer = Writer()
    futures = write_while_one_is_written(writer, ["a", "b", REFUSED, "d"])
    assert isinstance(futures.pop(REFUSED).exception(), Conflict)
    assert [each.result() for each in futures.values()] == ["A", "B", "D"]


def test_if_one_makes_all_fail_each_is_written_alone():
    writer = Writer()
    writer.error = ValueError("something in one of them")
    futures = write_while_one_is_written(writer, ["a", "b", REFUSED, "d"])
    assert isinstance(futures.pop(REFUSED).exception(), Conflict)
    assert [each.result() for each in futures.values()] == ["A", "B", "D"]
    assert sorted(writer.alone) == ["a", "b", "d", REFUSED]


def test_a_busy_database_is_asked_once_for_all():
    writer = Writer()
    writer.error = DatabaseBusy()
    futures = write_while_one_is_written(writer, ["a", "b", "c"])
    assert futures["a"].result() == "A"
    assert [type(futures[item].exception()) for item in "bc"] == [DatabaseBusy] * 2
    assert writer.alone == ["a"]


def test_after_an_error_the_next_ones_are_written():
    writer = Writer()
    futures = write_while_one_is_written(writer, [REFUSED, "b"])
    assert isinstance(futures[REFUSED].exception(), Conflict)
    assert (futures["b"].result(), writer.write("c")) == ("B", "C")
    assert writer.group._waiting == {}


def test_other_keys_do_not_wait():
    writer = Writer()
    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(writer.write, "a", "one shop")
        assert writer.begun.wait(5)
        second = executor.submit(writer.write, "b", "another shop")
        wait_until(lambda: writer.alone == ["a", "b"], 5, "both are being written")
        writer.go.set()
    assert (first.result(), second.result()) == ("A", "B")


@pytest.mark.parametrize("count", [MAX_TOGETHER, MAX_TOGETHER + 5])
def test_a_transaction_has_a_limit(count: int):
    writer = Writer()
    futures = write_while_one_is_written(writer, [f"item {number}" for number in range(count + 1)])
    assert [each.result() for each in futures.values()] == [f"ITEM {number}" for number in range(count + 1)]
    assert max(map(len, writer.together)) == MAX_TOGETHER
    assert sum(map(len, writer.together)) + len(writer.alone) == count + 1
