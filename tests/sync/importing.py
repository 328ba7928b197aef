"""What the tests of importing share: a file given, looked at or recorded, with somebody who may say stop."""

from pathlib import Path

from pointsync import db
from pointsync.sync.imports import Asked, Import, Report
from tests.support.frozen import START as NOW


class Watcher:
    """Looks on, and asks to stop once it was told so often of `step`."""

    def __init__(self, step: str = "", times: int = 0) -> None:
        self.step, self.left = step, times
        self.told: list[tuple[str, int, int]] = []

    def tell(self, step: str, done: int, total: int) -> None:
        self.told.append((step, done, total))
        self.left -= step == self.step

    def wait(self, _seconds: float) -> bool:
        return bool(self.step) and self.left <= 0


def given(folder: Path, content: str | bytes, *, new=False, watch=None, now=NOW, **asked) -> Import:
    """A file with that content, opening balances unless `new`."""
    path = folder / "given.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Import(path, Asked(is_opening=not new, **asked), folder / "scratch.db", watch or Watcher(), now)


def checked(folder: Path, content: str | bytes, **asked) -> Report:
    """What a dry run says."""
    return given(folder, content, **asked).check()


def imported(folder: Path, content: str | bytes, **asked) -> Report:
    """What recording it says."""
    return given(folder, content, **asked).record(db.in_write)
