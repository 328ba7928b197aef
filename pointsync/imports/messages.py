"""The result of an import in sentences, for the panel and the command line."""

from pointsync.imports.formats import FORMATS
from pointsync.imports.run import RECORDED, REFUSED, STOPPED, ImportReport

MAX_LISTED_SITES = 20
FIXED_LINES_HINT = (
    "Correct the lines with errors and import them in a file of their own. In a changed file, lines without a ref "
    "count as new."
)


def build_messages(report: ImportReport) -> list[str]:
    """The result in sentences: the outcome first, then the counts, the sending and the format."""
    return [
        *_describe_outcome(report),
        *_describe_counts(report),
        *_describe_sending(report),
        *_describe_format(report),
    ]


def _describe_outcome(report: ImportReport) -> list[str]:
    if report.state == RECORDED:
        message = f"{_format_count(report.recorded, report)} recorded as {_kind_label(report.is_opening)}."
        return [message, *([FIXED_LINES_HINT] if report.tally.faulty else [])]
    if report.state == REFUSED:
        return [
            "Nothing was recorded, because some lines have errors. Correct the file, or import only the valid lines."
        ]
    if report.state == STOPPED and not report.sums:
        return [f"Stopped after checking {_format_count(report.done, report)}. Nothing was recorded."]
    if report.state == STOPPED:
        reason = f"{report.why} " if report.why else ""
        return [
            f"{reason}Stopped after {_format_count(report.done, report)}. {report.recorded:,} of them were recorded "
            "and stay. Import the same file again to record the rest."
        ]
    return ["This was a dry run. Nothing was recorded."]


def _describe_counts(report: ImportReport) -> list[str]:
    tally = report.tally
    counts = [
        f"{tally.new:,} new",
        f"{tally.known:,} recorded before",
        f"{tally.faulty:,} with errors",
        *([f"{tally.skipped:,} skipped with 0 points"] if tally.skipped else []),
        *([f"{tally.repeated:,} left out, whose customer has another {report.unit}"] if tally.repeated else []),
    ]
    messages = [f"{_format_count(tally.lines, report)} as {_kind_label(report.is_opening)}: {', '.join(counts)}."]
    if tally.known_otherwise:
        verb = "was" if tally.known_otherwise == 1 else "were"
        messages.append(
            f"{_format_count(tally.known_otherwise, report)} {verb} recorded before as "
            f"{_kind_label(not report.is_opening)}, and will not count again."
        )
    if tally.new_customers:
        messages.append(f"New customers: {tally.new_customers:,}.")
    if tally.customers_below_zero:
        messages.append(
            f"Customers who end below zero: {tally.customers_below_zero:,}. Their lines are recorded too, because the "
            "file says what has already happened. You find them under System › Activity."
        )
    return messages


def _describe_sending(report: ImportReport) -> list[str]:
    """What the import sends to other sites."""
    if report.is_opening:
        return ["Opening balances are not sent: every other site keeps what it has."]
    if not report.tally.new:
        return []
    if not report.sent_to:
        return ["New points are sent to all listed sites, but no site is listed for these reserves."]
    names = ", ".join(report.sent_to[:MAX_LISTED_SITES])
    if len(report.sent_to) > MAX_LISTED_SITES:
        names += f" and {len(report.sent_to) - MAX_LISTED_SITES:,} more"
    count = len(report.sent_to)
    sites = f"{count:,} {'site' if count == 1 else 'sites'}: {names}."
    if report.state == RECORDED:
        return [f"These points are sent to {sites}"]
    return [
        f"These points will be sent to {sites}",
        "If your shops already had the same points, each of these sites counts them again. If all "
        f"{count + 1} shops import their own file as new points, everybody has {count + 1} times as many. In that "
        "case, import opening balances.",
    ]


def _describe_format(report: ImportReport) -> list[str]:
    """How the file was read."""
    messages = [f"Read as {report.encoding}, {FORMATS[report.shape]}."]
    if report.first_foreign_line:
        messages.append(
            f"{report.unit.capitalize()} {report.first_foreign_line:,} is not UTF-8. If names look wrong, save the "
            "file as UTF-8."
        )
    if report.ignored:
        messages.append(f"Ignored columns: {', '.join(report.ignored[:MAX_LISTED_SITES])}.")
    return messages


def _kind_label(is_opening: bool) -> str:
    return "opening balances" if is_opening else "new points"


def _format_count(number: int, report: ImportReport) -> str:
    noun = report.unit if number == 1 else {"line": "lines", "entry": "entries"}[report.unit]
    return f"{number:,} {noun}"
