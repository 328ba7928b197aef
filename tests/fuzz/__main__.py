"""`python -m tests.fuzz [--cases N] [--seed N] [--kind KIND] [--only NUMBER]`: broken requests between sites; with
`--api`, of shops.

As the tests send them, many more: to a site in this process, on SQLite. Ends at the first that the site takes, or
takes the blame for, and says how to send that one again.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.api.api_clients import shop_of
from tests.fuzz import api, wire
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import Caller, a_movement
from tests.support.site_template import opened

PART = 1_000
"""Cases between two looks at the database."""


def main() -> None:
    """Send the cases, and count the answers."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="how many in all; 100,000 unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=wire.KINDS, help="only these; else each in turn")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="that case alone")
    parser.add_argument("--api", action="store_true", help="the shop API by its description, so many for each call")
    asked = parser.parse_args()
    if asked.api:
        ask_api(asked.cases, asked.seed)
        return
    kinds = [asked.kind] if asked.kind else list(wire.KINDS)
    with tempfile.TemporaryDirectory() as folder:
        site = PeerSite(Path(folder), "fuzzed")
        caller = Caller(site)
        assert caller.send(a_movement(1)).status_code == 200
        if asked.only is not None:
            print(wire.one(kinds[0], asked.seed, asked.only, caller))
            return
        found, began = Counter[tuple[str, int]](), time.monotonic()
        for place, kind in enumerate(kinds):
            share = asked.cases // len(kinds) + (place < asked.cases % len(kinds))
            for first in range(0, share, PART):
                part = wire.many(kind, asked.seed, range(first, min(first + PART, share)), site, caller)
                found.update({(kind, status): count for status, count in part.items()})
                print(f"\r{kind}: {min(first + PART, share):,} of {share:,}", end="", file=sys.stderr)
        seconds = time.monotonic() - began
        site.end()
    print(f"\n{sum(found.values()):,} cases of seed {asked.seed} in {seconds:.0f} s: no 5xx, no row changed")
    for (kind, status), count in sorted(found.items()):
        print(f"{kind:12} {status}  {count:>9,}")


def ask_api(cases: int, seed: int) -> None:
    """Make each call of the shop API so often, as its description allows it and as it does not."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as app:
        shop = shop_of(app)
        for operation in api.operations(app):
            for mode in api.MODES:
                found = api.ask(app, operation, mode, cases, shop.key, lambda: None, seed)
                print(f"{operation.label:45} {mode:9} {dict(sorted(found.items()))}")


if __name__ == "__main__":
    main()
