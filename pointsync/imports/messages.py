"""What is said of an import, in sentences for the panel and the command alike."""

from pointsync.imports.formats import SHAPES
from pointsync.imports.run import RECORDED, REFUSED, STOPPED, Report

NAMED_SITES = 20
MENDED = (
    "Give the faulty lines, once they are mended, in a file of their own: in a changed file, lines without a ref count "
    "as new ones."
)


def sentences(report: Report) -> list[str]:
    """All that is to be told beside the sums and the faults: what was done first, then what it was done with."""
    return [*_outcome(report), *_counts(report), *elsewhere(report), *how_read(report)]


def _outcome(report: Report) -> list[str]:
    if report.state == RECORDED:
        said = f"{_count(report.recorded, report)} recorded as {_what(report)}."
        return [said, *([MENDED] if report.tally["faulty"] else [])]
    if report.state == REFUSED:
        return ["Nothing was recorded, since not every line is right. Mend the file, or record the good lines only."]
    if report.state == STOPPED and not report.sums:
        return [f"Stopped after {_count(report.done, report)} were checked; nothing was recorded."]
    if report.state == STOPPED:
        why = f"{report.why} " if report.why else ""
        return [
            f"{why}Stopped after {_count(report.done, report)}: {report.recorded:,} of them recorded, and these stay. "
            "The same file once more records just the rest."
        ]
    return ["This was a dry run; nothing was recorded."]


def _counts(report: Report) -> list[str]:
    tally = report.tally
    counts = (
        (tally["new"], "new"),
        (tally["known"], "recorded before"),
        (tally["faulty"], "faulty"),
        *([(tally["skipped"], "with 0 points (passed over)")] if tally["skipped"] else []),
    )
    said = [f"{_count(tally['lines'], report)} as {_what(report)}: {', '.join(f'{n:,} {what}' for n, what in counts)}."]
    if otherwise := tally["known_otherwise"]:
        before = "new points" if report.is_opening else "opening balances"
        said.append(
            f"{_count(otherwise, report)} {'was' if otherwise == 1 else 'were'} recorded before as {before}, and "
            "will not count again as something else."
        )
    if tally["new_customers"]:
        said.append(f"Customers that are new here: {tally['new_customers']:,}.")
    if tally["customers_below_zero"]:
        said.append(
            f"Customers that end below zero: {tally['customers_below_zero']:,}. The file tells what has happened, so "
            "these lines are recorded too, and are listed under System › Activity."
        )
    return said


def elsewhere(report: Report) -> list[str]:
    """What it means for the other sites."""
    if report.is_opening:
        return ["As opening balances nothing is sent: every site keeps what it has."]
    if not report.tally["new"]:
        return []
    if not report.sent_to:
        return ["New points are sent to all sites that are listed; none is listed for these reserves."]
    names = ", ".join(report.sent_to[:NAMED_SITES])
    if len(report.sent_to) > NAMED_SITES:
        names += f" and {len(report.sent_to) - NAMED_SITES:,} more"
    count = len(report.sent_to)
    if report.state == RECORDED:
        return [f"They are sent to {count:,} {'site' if count == 1 else 'sites'}: {names}."]
    return [
        f"These points will be sent to {count:,} {'site' if count == 1 else 'sites'}: {names}.",
        f"If the family was in step before, each of them would count these points again; if all {count + 1} shops "
        f"import their own file as new points, everybody has {count + 1} times as many. Then import opening balances.",
    ]


def how_read(report: Report) -> list[str]:
    """How the file was understood."""
    said = [f"Read as {report.encoding}, {SHAPES[report.shape]}."]
    if report.first_foreign_line:
        said = [
            f"Read as {report.encoding}, {SHAPES[report.shape]}: {report.unit} {report.first_foreign_line:,} is no "
            "UTF-8. If names look wrong, save the file as UTF-8."
        ]
    if report.ignored:
        said.append(f"Columns that are not read: {', '.join(report.ignored[:NAMED_SITES])}.")
    return said


def _what(report: Report) -> str:
    return "opening balances" if report.is_opening else "new points"


def _count(number: int, report: Report) -> str:
    noun = report.unit if number == 1 else {"line": "lines", "entry": "entries"}[report.unit]
    return f"{number:,} {noun}"
