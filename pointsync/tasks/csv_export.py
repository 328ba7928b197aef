"""Writes a CSV file as the result of a task."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from pointsync import clock
from pointsync.files import atomic_text_file
from pointsync.tasks.runner import TaskContext


def write_csv(
    context: TaskContext,
    name: str,
    zone: ZoneInfo,
    header: Sequence[str],
    pages: Iterable[Sequence[Sequence[str | int]]],
) -> Iterator[None]:
    """Write `<name>-<date>.csv` and offer it for download. Each page of rows is a part of the task."""
    file_name = f"{name}-{clock.local_date(context.asked_at, zone).isoformat()}.csv"
    with atomic_text_file(context.folder / file_name) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for page in pages:
            writer.writerows(page)
            context.done += len(page)
            yield
    context.total, context.result = context.done, {"file": file_name}
