"""What goes wrong during a soak. Each kind has its own thread, and its own random numbers."""

import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.soak.edits import EDITS
from tests.soak.sampler import Sampler
from tests.soak.shop import Shop
from tests.soak.sites import FAKETIME, SoakSite
from tests.support.database_copies import roll_back, snapshot

ROLLBACK_AGE_SECONDS = 10
"""How old the snapshot is."""
JUMPS_SECONDS = (2, 20, 90, 400, 3600)


class Disturbances:
    """Everything that goes wrong, until `stop`. `counts` says how often each has happened."""

    def __init__(self, sites: list[SoakSite], shops: list[Shop], sampler: Sampler, folder: Path, seed: str) -> None:
        self.counts: Counter[str] = Counter()
        self.edit_lock = threading.Lock()
        """Held while rows are edited, and while a site is put back, which is no time for edits."""
        self._sites, self._sampler, self._folder, self._seed = sites, sampler, folder, seed
        self._shop_of = dict(zip([site.auth for site in sites], shops, strict=True))
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def start(self, rollbacks: int) -> None:
        """Let things go wrong, and put a folder back `rollbacks` times at most."""
        self._run_often("processes", (5, 10), self._kill_or_freeze)
        self._run_often("network", (3, 8), self._interfere)
        self._run_often("edits", (4, 10), self._edit)
        if FAKETIME:
            self._run_often("clocks", (10, 20), self._move_clock)
        if rollbacks:
            self._run_often("rollbacks", (20, 40), self._roll_back, times=rollbacks)

    def stop(self) -> None:
        """Let nothing more go wrong. What was stopped, cut or moved is right again afterwards."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run_often(
        self,
        name: str,
        pause_seconds: tuple[float, float],
        act: Callable[[random.Random], None],
        times: int | None = None,
    ) -> None:
        rng = random.Random(f"{self._seed}-{name}")

        def run() -> None:
            done = 0
            try:
                while done != times and not self._stopping.wait(rng.uniform(*pause_seconds)):
                    act(rng)
                    done += 1
            except BaseException as error:
                self._errors.append(error)

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _kill_or_freeze(self, rng: random.Random) -> None:
        site = rng.choice(self._sites)
        with site.lock:
            if rng.random() < 0.5:
                site.kill()
                self.counts["kills"] += 1
                self._stopping.wait(rng.uniform(0.2, 4))
                site.start()
            else:
                site.freeze()
                self.counts["freezes"] += 1
                self._stopping.wait(rng.uniform(1, 8))
                site.thaw()

    def _interfere(self, rng: random.Random) -> None:
        proxy = rng.choice(self._sites).proxy
        if rng.random() < 0.3:
            proxy.is_cut = True
            self.counts["network cut"] += 1
            self._stopping.wait(rng.uniform(1, 6))
            proxy.is_cut = False
        else:
            proxy.fault_rate = rng.uniform(0.1, 0.5)
            self.counts["network faulty for a while"] += 1
            self._stopping.wait(rng.uniform(1, 6))
            proxy.fault_rate = 0.0

    def _move_clock(self, rng: random.Random) -> None:
        site = rng.choice(self._sites)
        site.set_clock(rng.choice(JUMPS_SECONDS) * rng.choice((1, -1)))
        self.counts["clock jumps"] += 2
        self._stopping.wait(rng.uniform(5, 12))
        site.set_clock(0)

    def _edit(self, rng: random.Random) -> None:
        site, edit = rng.choice(self._sites), rng.choice(EDITS)
        with self.edit_lock, site.lock, site.editing() as database:
            if edit.make(database, site.auth, rng):
                self.counts[edit.name] += 1

    def _roll_back(self, rng: random.Random) -> None:
        """Put a site's folder back to a snapshot, as its volume had it. The shop then repeats its orders."""
        site = rng.choice(self._sites)
        shop, kept = self._shop_of[site.auth], self._folder / f"{site.name}.snapshot"
        with self.edit_lock:
            if not self._wait(lambda: not self._sampler.difference_count()):
                return
            with site.lock:
                order_count = shop.order_count()
                snapshot(site.folder, kept)
            self._stopping.wait(ROLLBACK_AGE_SECONDS)
            with site.lock:
                site.kill()
                with self._sampler.paused_for_rollback(site.auth):
                    roll_back(site.folder, kept)
                self.counts["rollbacks"] += 1
                site.start()
            shutil.rmtree(kept)
            shop.repeat_since(order_count)
            self._wait(lambda: not self._sampler.difference_count())

    def _wait(self, condition: Callable[[], bool]) -> bool:
        """Wait until the condition holds; False if everything is to end before."""
        while not condition():
            if self._stopping.wait(0.5):
                return False
        return True
