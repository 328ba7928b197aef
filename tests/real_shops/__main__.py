"""`python -m tests.real_shops FOLDER [FOLDER] [--only TEXT] [--walk PICTURES]`: the WordPress plugin on real shops.

Each folder is a shop for tests: WordPress and WooCommerce, with a database, at an address on loopback. It gets the
plugin of this checkout. Beside each shop runs a PointSync site of its own; the sites are a family. Every case runs on
every shop, and its balances must be right in all sites and in the shop. Cases `pair_…` run on the first two shops
together. A case that needs what the shop does not have, such as MyRewards, is skipped by name. The shop's orders and
tables are changed.

With `--walk`, a browser connects the first shop instead, as its owner does, and takes pictures of each step. Its folder
must not have the plugin of a checkout: WordPress installs the plugin there.
"""

import argparse
import importlib
import pkgutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.real_shops import cases
from tests.real_shops.shop import Shop
from tests.real_shops.walk import walk
from tests.real_shops.world import Skipped, World
from tests.support.family import family

Case = Callable[..., None]
ENV = {"POINTSYNC_PRIVATE_REMOTES": "on"}


def main() -> int:
    """Run the cases on the shops; 0 if all have passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_shops", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="the folder of a shop")
    text = "only cases with this text in their name, such as orders.case_trash; repeat it for several"
    parser.add_argument("--only", action="append", metavar="TEXT", help=text)
    parser.add_argument("--walk", type=Path, metavar="PICTURES", help="connect the shop in a browser; pictures go here")
    arguments = parser.parse_args()
    only = arguments.only or [""]
    results = _Results()
    run = format(int(time.time()) % 1_000_000, "x")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pointsync-shops-")))
        folder.chmod(0o755)  # the shop may belong to another user
        cache = folder / "opcache"
        cache.mkdir()
        cache.chmod(0o777)
        if arguments.walk:
            walk(arguments.folders[0], arguments.walk, folder, cache)
            return 0
        shops = [stack.enter_context(Shop(each, cache)) for each in arguments.folders]
        members = stack.enter_context(family(folder, *(shop.name for shop in shops), env=ENV))
        worlds = []
        for index, (shop, member) in enumerate(zip(shops, members, strict=True)):
            world = World(shop, member, [each for each in members if each is not member], f"{run}{index}")
            worlds.append(world)
            world.connect()
            world.stock()
            for name, case in _find_cases("case_", only):
                results.run(f"{shop.name} {name}", case, world)
        for name, case in _find_cases("pair_", only) if len(worlds) > 1 else ():
            results.run(f"{shops[0].name} {shops[1].name} {name}", case, *worlds[:2])
    return results.show()


class _Results:
    """How the cases went."""

    def __init__(self) -> None:
        self._passed = 0
        self._failed: list[str] = []
        self._skipped: list[str] = []

    def run(self, name: str, case: Case, *worlds: World) -> None:
        """Run a case, and check all its balances."""
        begun = time.monotonic()
        try:
            case(*worlds)
            for world in worlds:
                world.finish()
        except Skipped as reason:
            self._skipped.append(f"{name}: {reason}")
            print(f"skip   {name}: {reason}", flush=True)
        except Exception:
            self._failed.append(name)
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
            for world in worlds:
                world.forget()
        else:
            self._passed += 1
            print(f"ok     {name}  {time.monotonic() - begun:.1f} s", flush=True)

    def show(self) -> int:
        """Print the sums; 0 if nothing failed."""
        print(f"{self._passed} passed, {len(self._skipped)} skipped, {len(self._failed)} failed")
        print(*self._skipped, *self._failed, sep="\n")
        return 1 if self._failed else 0


def _find_cases(prefix: str, only: Sequence[str]) -> Iterator[tuple[str, Case]]:
    """The cases with one of these texts in their names, file by file, in the order in which they are written."""
    for module_info in sorted(pkgutil.iter_modules(cases.__path__), key=lambda each: each.name != "orders"):
        module = importlib.import_module(f"{cases.__name__}.{module_info.name}")
        for name, case in vars(module).items():
            full_name = f"{module_info.name}.{name}"
            is_own = name.startswith(prefix) and getattr(case, "__module__", "") == module.__name__
            if is_own and any(text in full_name for text in only):
                yield full_name, case


if __name__ == "__main__":
    sys.exit(main())
