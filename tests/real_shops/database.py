"""The database of a shop, saved and put back."""

import subprocess

from tests.real_shops.world import World


def dump_database(w: World) -> bytes:
    """All of it, as SQL."""
    return subprocess.run(["mariadb-dump", "--single-transaction", *_login(w)], capture_output=True, check=True).stdout


def load_database(w: World, dump: bytes) -> None:
    """Replace the tables by those of a dump."""
    subprocess.run(["mariadb", *_login(w)], input=dump, check=True)


def _login(w: World) -> list[str]:
    """How to reach the shop's database."""
    facts = w.do("database")
    host, _, rest = facts["host"].partition(":")
    place = [f"--socket={rest}"] if rest.startswith("/") else [f"--host={host}", *([f"--port={rest}"] if rest else [])]
    return [*place, f"--user={facts['user']}", f"--password={facts['password']}", facts["name"]]
