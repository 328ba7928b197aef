"""`python -m tests.fuzz [--cases N] [--seed N] [--kind KIND] [--only NUMBER]`: invalid requests between sites, or with
`--api` to the shop API.

The same requests as in the tests, but many more, to a site in this process with SQLite. It stops at the first request
that the site accepts or answers with a 5xx, and prints how to repeat it.
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
"""How many cases are sent between two checks of the database."""


def main() -> None:
    """Send the cases, and count the answers."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="how many in all; default: 100,000")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=wire.KINDS, help="only this kind; default: all kinds")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="only this case")
    parser.add_argument("--api", action="store_true", help="the shop API, with this number of cases for each endpoint")
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
    """Send `cases` valid and invalid requests to each endpoint of the shop API."""
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder)) as app:
        shop = create_api_client(app)
        for operation in api.list_operations(app):
            for mode in api.MODES:
                statuses = api.send_cases(app, operation, mode, cases, shop.key, lambda: None, seed)
                print(f"{operation.label:45} {mode:9} {dict(sorted(statuses.items()))}")


if __name__ == "__main__":
    main()
