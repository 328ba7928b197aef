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

from tests.api.api_clients import create_api_client
from tests.fuzz import api, wire
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import SignedCaller, make_movement
from tests.support.site_template import open_site

BATCH_SIZE = 1_000
"""Cases between two looks at the database."""


def main() -> None:
    """Send the cases, and count the answers."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="how many in all; 100,000 unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=wire.KINDS, help="only these; else each in turn")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="that case alone")
    parser.add_argument("--api", action="store_true", help="the shop API by its description, so many for each call")
    options = parser.parse_args()
    if options.api:
        fuzz_api(options.cases, options.seed)
        return
    kinds = [options.kind] if options.kind else list(wire.KINDS)
    with tempfile.TemporaryDirectory() as folder:
        site = PeerSite(Path(folder), "fuzzed")
        caller = SignedCaller(site)
        assert caller.send(make_movement(1)).status_code == 200
        if options.only is not None:
            print(wire.send_case(kinds[0], options.seed, options.only, caller))
            return
        statuses, started_at = Counter[tuple[str, int]](), time.monotonic()
        for index, kind in enumerate(kinds):
            share = options.cases // len(kinds) + (index < options.cases % len(kinds))
            for first in range(0, share, BATCH_SIZE):
                part = wire.send_cases(kind, options.seed, range(first, min(first + BATCH_SIZE, share)), site, caller)
                statuses.update({(kind, status): count for status, count in part.items()})
                print(f"\r{kind}: {min(first + BATCH_SIZE, share):,} of {share:,}", end="", file=sys.stderr)
        seconds = time.monotonic() - started_at
        site.close()
    print(f"\n{sum(statuses.values()):,} cases of seed {options.seed} in {seconds:.0f} s: no 5xx, no row changed")
    for (kind, status), count in sorted(statuses.items()):
        print(f"{kind:12} {status}  {count:>9,}")


def fuzz_api(cases: int, seed: int) -> None:
    """Make each call of the shop API so often, as its description allows it and as it does not."""
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder)) as app:
        shop = create_api_client(app)
        for operation in api.list_operations(app):
            for mode in api.MODES:
                statuses = api.send_cases(app, operation, mode, cases, shop.key, lambda: None, seed)
                print(f"{operation.label:45} {mode:9} {dict(sorted(statuses.items()))}")


if __name__ == "__main__":
    main()
