"""Which tests are left out on PostgreSQL: every statement stays in one that is not."""

from tests.support.postgres_cover import Execution, choose_covered, list_missing, read_list


def execution(*statements: str, seconds: float, threads: int = 1, is_about_postgres: bool = False) -> Execution:
    """What a test has executed in so many threads."""
    return Execution(set(statements), set(range(threads)), seconds, is_about_postgres)


def test_the_longest_tests_are_left_out_while_others_execute_their_statements() -> None:
    executed = {
        "short": execution("a", "b", seconds=1),
        "long": execution("a", seconds=3),
        "unique": execution("a", "c", seconds=9),
    }
    assert choose_covered(executed) == ["long"]


def test_one_of_two_with_the_same_statements_stays() -> None:
    assert choose_covered({name: execution("a", seconds=1) for name in ("one", "two")}) == ["one"]


def test_tests_about_postgres_and_with_several_threads_stay() -> None:
    executed = {
        "plain": execution("a", seconds=1),
        "about": execution("a", seconds=2, is_about_postgres=True),
        "threads": execution("a", seconds=3, threads=2),
    }
    assert choose_covered(executed) == ["plain"]


def test_all_tests_that_are_left_out_are_there() -> None:
    assert list_missing(read_list()) == []
    assert list_missing(["tests/no_file.py::test_it", f"{__file__}::test_nothing_there"]) != []
