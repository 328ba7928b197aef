"""`python -m tests.real_shops.page_times FOLDER`: how long pages of a real shop take, without the plugin and with it.

PointSync is healthy, answers after 5 seconds, or is down. The visitor is a customer with points and a full cart, for
whom the plugin does most. The modes take turns, so that other work on the machine hits all of them. Each figure is the
median time of a request, and the processor time that it took, in milliseconds.
"""

import argparse
import socket
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_shops.buyer import Buyer
from tests.real_shops.shop import Shop
from tests.real_shops.visitor import Visitor
from tests.real_shops.world import World
from tests.support.family import family
from tests.support.process import free_port

PAGES = (
    *("/", "/shop/", "/product/mug/", "/cart/", "/checkout/", "/classic-cart/", "/classic-checkout/", "/my-account/"),
    *("/my-account/points/", "/wp-json/wc/store/v1/cart"),
)
POINTS_PAGE = "/my-account/points/"
"""It is there with the plugin only; without it, the page of the orders stands for it."""
ROUNDS, REQUESTS = 4, 5
SLOW_SECONDS = 5
MODES = ("without", "healthy", "slow", "down")


def main() -> None:
    """Print a table: a line for each page, a column for each mode."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_shops.page_times", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of a shop")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="pointsync-pages-") as name:
        base = Path(name)
        base.chmod(0o755)
        cache = base / "opcache"
        cache.mkdir()
        cache.chmod(0o777)
        with Shop(folder, cache) as shop, family(base, "beside", env={"POINTSYNC_PRIVATE_REMOTES": "on"}) as [member]:
            world = World(shop, member, [], format(int(time.time()) % 1_000_000, "x"))
            world.connect()
            world.stock()
            buyer = Buyer(world, "pages")
            buyer.visitor.add(world.mug)
            shop.do("settle", queue=True)
            with _slow_server() as slow_url:
                urls = {"healthy": member.site.url, "slow": slow_url, "down": f"http://127.0.0.1:{free_port()}"}
                _print(_measure(shop, buyer.visitor, urls))


Times = dict[tuple[str, str], list[tuple[float, float]]]


def _measure(shop: Shop, visitor: Visitor, urls: dict[str, str]) -> Times:
    """Milliseconds of each request and of the processor, by page and mode."""
    times: Times = defaultdict(list)
    for _ in range(ROUNDS):
        for mode in MODES:
            shop.do("activate", is_on=mode != "without", url=urls.get(mode, ""))
            for page in PAGES:
                url = shop.url + ("/my-account/orders/" if (page, mode) == (POINTS_PAGE, "without") else page)
                visitor.session.get(url)  # fills the caches of the workers
                for _ in range(REQUESTS):
                    begun, used = time.perf_counter(), shop.cpu_seconds()
                    answer = visitor.session.get(url, allow_redirects=False)
                    assert answer.status_code == 200, f"{page}: {answer.status_code}"
                    seconds = time.perf_counter() - begun, shop.cpu_seconds() - used
                    times[page, mode].append((seconds[0] * 1000, seconds[1] * 1000))
    shop.do("activate", is_on=True, url=urls["healthy"])
    return times


def _print(times: Times) -> None:
    print(f"{'page':32}", *(f"{mode:>14}" for mode in MODES))
    for page in PAGES:
        cells = []
        for mode in MODES:
            waited, used = zip(*times[page, mode], strict=True)
            cells.append(f"{statistics.median(waited):8.0f} /{statistics.mean(used):4.0f}")
        print(f"{page:32}", *cells)


@contextmanager
def _slow_server() -> Iterator[str]:
    """A server that takes each call and answers nothing for 5 seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Timer(SLOW_SECONDS, connection.close).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


if __name__ == "__main__":
    main()
