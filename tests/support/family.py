"""A family of real sites: processes and ports of their own, each listing each other."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.process import SiteProcess, wait_until


class Member:
    """One site of a family, with what a shop's software needs to use it."""

    def __init__(self, name: str, site: SiteProcess) -> None:
        self.name = name
        self.site = site
        facts = site.cli("site", "--secrets")
        self.auth: str = facts["auth"]
        self.sharing_key: str = facts["sharing_key"]
        self.key: str = site.cli("key", "create", "shop")["key"]

    def list_other(self, other: "Member", *more: str) -> dict[str, Any]:
        """Add `other` to the Remote sites, the default reserve to the default reserve."""
        line = ("--sharing-key", other.sharing_key, "--url", other.site.url)
        added: dict[str, Any] = self.site.cli(
            "remote", "add", *line, "--target", "default", "--observed", "default", *more
        )
        return added

    def record(self, email: str, points: int, **more: Any) -> dict[str, Any]:
        """A movement by the shop API."""
        answer = self.site.api("POST", "/api/v1/movements", {"customer": email, "points": points, **more}, self.key)
        assert answer.status == 201, answer
        movement: dict[str, Any] = answer.body["movement"]
        return movement

    def record_many(self, movements: list[dict[str, Any]]) -> None:
        """Movements by the shop API, a thousand to a call."""
        for start in range(0, len(movements), 1000):
            body = {"movements": movements[start : start + 1000]}
            answer = self.site.api("POST", "/api/v1/movements", body, self.key)
            assert answer.status == 201, answer

    def points(self, email: str) -> int | None:
        """The customer's balance in the default reserve; None for a stranger."""
        answer = self.site.api("GET", f"/api/v1/customers/{email}", key=self.key)
        if answer.status == 404:
            return None
        return next((each["points"] for each in answer.body["balances"] if each["reserve"] == "default"), 0)

    def history(self, email: str) -> list[dict[str, Any]]:
        """The customer's movements, newest first."""
        answer = self.site.api("GET", f"/api/v1/customers/{email}/movements?limit=200", key=self.key)
        assert answer.status == 200, answer
        movements: list[dict[str, Any]] = answer.body["movements"]
        return movements

    def remotes(self) -> list[dict[str, Any]]:
        """Its Remote sites, as the command tells them: that works while the site is stopped, too."""
        listed: list[dict[str, Any]] = self.site.cli("remote", "list")
        return listed

    def remote_for(self, other: "Member") -> dict[str, Any]:
        """Its line for `other`."""
        return next(line for line in self.remotes() if line["url"] == other.site.url)

    def status_for(self, other: "Member") -> str:
        """The colour of its line for `other`, read so quickly that no change of it is missed."""
        [(status,)] = self.rows("SELECT status FROM remote WHERE url = ?", other.site.url)
        return str(status)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What its SQLite database answers to `query`, read beside the running site."""
        path = f"file:{self.site.data_dir}/pointsync.db?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=10)) as database:
            return database.execute(query, values).fetchall()

    def waiting(self) -> int:
        """How many of its movements have not been acknowledged."""
        [(count,)] = self.rows("SELECT count(*) FROM delivery WHERE state IN ('pending', 'unknown', 'failed')")
        return int(count)

    def balances(self) -> dict[str, int]:
        """Every balance of the default reserve, by customer."""
        return dict(
            self.rows(
                "SELECT email, points FROM balance JOIN customer ON customer.id = customer_id "
                "JOIN reserve ON reserve.id = reserve_id WHERE reserve.key = 'default'"
            )
        )


@contextmanager
def family(folder: Path, *names: str, env: Mapping[str, str] | None = None) -> Iterator[list[Member]]:
    """Running sites with these names, each in the others' Remote sites; `env` is told to all."""
    with ExitStack() as stack:
        sites = [SiteProcess(folder / name, env={"POINTSYNC_SITE_NAME": name, **(env or {})}) for name in names]
        members = [Member(site.data_dir.name, stack.enter_context(site)) for site in sites]
        for member in members:
            for other in members:
                if other is not member:
                    assert member.list_other(other)["ping"]["ok"]
        yield members


def wait_in_step(members: list[Member], seconds: float) -> dict[str, int]:
    """Wait until nothing waits anywhere and every site has the same balances; these."""

    def same() -> dict[str, int] | None:
        if any(member.waiting() for member in members):
            return None
        first, *others = [member.balances() for member in members]
        return first if all(each == first for each in others) else None

    return wait_until(same, seconds, "all sites have the same balances and nothing waits")
