"""What is said of an import, in sentences for the panel and the command alike."""

from pointsync.imports.formats import FORMATS
from pointsync.imports.run import RECORDED, REFUSED, STOPPED, ImportReport

MAX_LISTED_SITES = 20
FIXED_LINES_HINT = (
    "Give the faulty lines, once they are mended, in a file of their own: in a changed file, lines without a ref count "
    "as new ones."
)


def build_messages(report: ImportReport) -> list[str]:
    """All that is to be told beside the sums and the faults: what was done first, then what it was done with."""
    return [*_describe_outcome(report), *_describe_counts(report), *describe_sending(report), *describe_format(report)]


def _describe_outcome(report: ImportReport) -> list[str]:
    if report.state == RECORDED:
        message = f"{_format_count(report.recorded, report)} recorded as {_kind_label(report)}."
        return [message, *([FIXED_LINES_HINT] if report.tally["faulty"] else [])]
    if report.state == REFUSED:
        return ["Nothing was recorded, since not every line is right. Mend the file, or record the good lines only."]
    if report.state == STOPPED and not report.sums:
        return [f"Stopped after {_format_count(report.done, report)} were checked; nothing was recorded."]
    if report.state == STOPPED:
        reason = f"{report.why} " if report.why else ""
        return [
            f"{reason}Stopped after {_format_count(report.done, report)}: {report.recorded:,} of them recorded, and these stay. "
            "The same file once more records just the rest."
        ]
    return ["This was a dry run; nothing was recorded."]


def _describe_counts(report: ImportReport) -> list[str]:
    tally = report.tally
    counts = (
        (tally["new"], "new"),
        (tally["known"], "recorded before"),
        (tally["faulty"], "faulty"),
        *([(tally["skipped"], "with 0 points (passed over)")] if tally["skipped"] else []),
    )
    messages = [
        f"{_format_count(tally['lines'], report)} as {_kind_label(report)}: {', '.join(f'{number:,} {label}' for number, label in counts)}."
    ]
    if other_kind_count := tally["known_otherwise"]:
        earlier_kind = "new points" if report.is_opening else "opening balances"
        messages.append(
            f"{_format_count(other_kind_count, report)} {'was' if other_kind_count == 1 else 'were'} recorded before as {earlier_kind}, and "
            "will not count again as something else."
        )
    if tally["new_customers"]:
        messages.append(f"Customers that are new here: {tally['new_customers']:,}.")
    if tally["customers_below_zero"]:
        messages.append(
            f"Customers that end below zero: {tally['customers_below_zero']:,}. The file tells what has happened, so "
            "these lines are recorded too, and are listed under System › Activity."
        )
    return messages


def describe_sending(report: ImportReport) -> list[str]:
    """What it means for the other sites."""
    if report.is_opening:
        return ["As opening balances nothing is sent: every site keeps what it has."]
    if not report.tally["new"]:
        return []
    if not report.sent_to:
        return ["New points are sent to all sites that are listed; none is listed for these reserves."]
    names = ", ".join(report.sent_to[:MAX_LISTED_SITES])
    if len(report.sent_to) > MAX_LISTED_SITES:
        names += f" and {len(report.sent_to) - MAX_LISTED_SITES:,} more"
    count = len(report.sent_to)
    if report.state == RECORDED:
        return [f"They are sent to {count:,} {'site' if count == 1 else 'sites'}: {names}."]
    return [
        f"These points will be sent to {count:,} {'site' if count == 1 else 'sites'}: {names}.",
        f"If the family was in step before, each of them would count these points again; if all {count + 1} shops "
        f"import their own file as new points, everybody has {count + 1} times as many. Then import opening balances.",
    ]


def describe_format(report: ImportReport) -> list[str]:
    """How the file was understood."""
    messages = [f"Read as {report.encoding}, {FORMATS[report.shape]}."]
    if report.first_foreign_line:
        messages = [
            f"Read as {report.encoding}, {FORMATS[report.shape]}: {report.unit} {report.first_foreign_line:,} is no "
            "UTF-8. If names look wrong, save the file as UTF-8."
        ]
    if report.ignored:
        messages.append(f"Columns that are not read: {', '.join(report.ignored[:MAX_LISTED_SITES])}.")
    return messages


def _kind_label(report: ImportReport) -> str:
    return "opening balances" if report.is_opening else "new points"


def _format_count(number: int, report: ImportReport) -> str:
    noun = report.unit if number == 1 else {"line": "lines", "entry": "entries"}[report.unit]
    return f"{number:,} {noun}"
