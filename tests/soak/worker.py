"""A thread whose end is noticed."""

import threading
import traceback


class Worker(threading.Thread):
    """Does `work` in a thread of its own until it is told to stop. `failure` says why it has ended before."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.failure: str | None = None
        self.stopping = threading.Event()

    def work(self) -> None:
        """What it does, until `stopping` is set."""
        raise NotImplementedError

    def run(self) -> None:
        """Do it, and keep the reason if it fails."""
        try:
            self.work()
        except BaseException:
            self.failure = f"{self.name} has ended: {traceback.format_exc()}"

    def finish(self) -> None:
        """Let it stop, and wait for it."""
        self.stopping.set()
        if self.is_alive():
            self.join()
