"""A remote's status, computed from facts alone, and the text beside its colour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pointsync.clock import MAX_LEAD
from pointsync.sync.comparison.change_facts import ChangeFacts
from pointsync.sync.site.settings import Settings

NONE, GREEN, WARNING, ERROR = "none", "green", "warning", "error"

OK_CHECK_CODES = (None, "ok", "clock_skew")
"""Codes of a remote's last check, a ping, that are no failure; None: never checked."""


OVERDUE_AFTER = timedelta(seconds=4)
"""A movement that could be sent is sent within a second. Statuses are stored every 5 seconds: so no remote is green
while a movement has waited for more than 10."""
DOUBT_PERIOD = timedelta(seconds=3)
"""How long movements may be on their way before the last comparison counts no more. In doubt, a remote is pinged each
second."""
COMPARISON_MARGIN = timedelta(seconds=3)
"""How much later than planned a comparison may be. A stored status may be a second old: so with the default of
`check_seconds`, what is green was compared in the last 10 seconds."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last comparison with a remote."""

    compared_at: datetime | None
    count: int
    """The movements that were compared, in both directions."""
    is_equal_there: bool | None
    is_equal_here: bool | None
    doubted_at: datetime | None = None
    """Since when movements from there have been on their way, so that nobody knows whether this site holds all of them.
    """

    @property
    def is_different(self) -> bool:
        """Whether one of the two sites does not hold what the other one has delivered to it."""
        return False in (self.is_equal_there, self.is_equal_here)

    @property
    def is_complete(self) -> bool:
        """Whether both directions were compared."""
        return None not in (self.is_equal_there, self.is_equal_here)


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """The present facts about a remote. An `…_code` is None if there was no attempt or check, or `ok`."""

    attempt_code: str | None = None
    attempt_message: str | None = None
    attempt_is_permanent: bool = False
    check_code: str | None = None
    check_message: str | None = None
    check_is_permanent: bool = False
    last_failure_at: datetime | None = None
    is_paused: bool = False
    is_blocked: bool = False
    """The remote's site is blocked: nothing is sent to it, paused or not."""
    has_used_up_attempts: bool = False
    pending_count: int = 0
    failed_count: int = 0
    """Refused and conflicting deliveries that are not resolved."""
    unknown_customer_count: int = 0
    has_sent: bool = False
    """Whether anything was ever sent."""
    sending_problem: str | None = None
    """Why this site cannot send to any remote; None if it can."""
    oldest_pending_at: datetime | None = None
    """When the oldest movement that is due was recorded here."""
    difference_count: int = 0
    """Movements that differ and that an admin has to decide about."""
    comparison: Comparison | None = None
    """None if the remote cannot be compared: a WooRewards shop, or a site of an earlier version."""
    changes: ChangeFacts | None = None
    """None if the site does not take changes of people: a WooRewards shop, or a site of an earlier version."""

    @property
    def is_stopped(self) -> bool:
        """Whether an admin has stopped sending to it."""
        return self.is_paused or self.is_blocked

    def is_overdue(self, now: datetime) -> bool:
        """Whether a movement waits although nothing prevents sending it.

        Its waiting time is unknown, so too long, if the clock was set back since it was recorded.
        """
        oldest = self.oldest_pending_at
        return oldest is not None and not -MAX_LEAD <= now - oldest <= OVERDUE_AFTER

    def is_comparison_late(self, now: datetime, settings: Settings) -> bool:
        """Whether the last comparison is too old, or not complete, to say that both sites are equal now."""
        if self.comparison is None or self.is_stopped:
            return False
        if not self.comparison.is_complete:
            return True
        doubted_at = self.comparison.doubted_at
        if doubted_at is not None and not timedelta(0) <= now - doubted_at <= DOUBT_PERIOD:
            return True
        compared_at = self.comparison.compared_at
        max_age = timedelta(seconds=settings.check_seconds) + COMPARISON_MARGIN
        return compared_at is None or not timedelta(0) <= now - compared_at <= max_age

    @property
    def has_attempt_failed(self) -> bool:
        """Whether the last attempt failed."""
        return self.attempt_code not in (None, "ok")

    @property
    def has_check_failed(self) -> bool:
        """Whether the last check failed."""
        return self.check_code not in OK_CHECK_CODES


def compute_status(facts: StatusFacts, now: datetime, settings: Settings) -> str:
    """Return `error`, `warning`, `none` or `green`: the first one that applies.

    The periods clear past errors, never present ones. An error that is exactly as old as the period is past.
    """
    has_permanent_failure = (facts.has_attempt_failed and facts.attempt_is_permanent) or (
        facts.has_check_failed and facts.check_is_permanent
    )
    needs_decision = facts.failed_count or facts.difference_count or (facts.changes and facts.changes.needs_decision)
    if facts.sending_problem or facts.has_used_up_attempts or has_permanent_failure or needs_decision:
        return ERROR
    failed_recently = facts.last_failure_at is not None and now < facts.last_failure_at + _warning_period(settings)
    if (
        facts.has_attempt_failed
        or facts.has_check_failed
        or failed_recently
        or (facts.is_stopped and facts.pending_count)
        or facts.is_overdue(now)
        or (facts.comparison and facts.comparison.is_different)
        or (facts.changes and not facts.changes.is_in_step)
    ):
        return WARNING
    if not facts.has_sent and not (facts.comparison and facts.comparison.count):
        return NONE
    return WARNING if facts.is_comparison_late(now, settings) else GREEN


def describe_status(facts: StatusFacts, status: str, settings: Settings, now: datetime, zone: ZoneInfo) -> str:
    """A few sentences: why the remote has this status, and what to do. Dates are in `zone`."""
    sentences = [facts.sending_problem] if facts.sending_problem else []
    if facts.is_blocked:
        sentences.append("Blocked: nothing is accepted from this site or sent to it until it is unblocked.")
    if facts.is_paused:
        sentences.append("Paused: nothing is sent until it is resumed.")
    sentences.append(_describe_cause(facts, status, settings, now, zone))
    if facts.pending_count:
        sentences.append(f"{_pluralize(facts.pending_count, 'movement')} waiting.")
    if facts.failed_count and _describe_refused(facts) not in sentences:
        sentences.append(_describe_refused(facts))
    if facts.unknown_customer_count:
        sentences.append(f"{_pluralize(facts.unknown_customer_count, 'movement')} for customers unknown there.")
    if facts.changes and facts.changes.describe() not in sentences:
        sentences.append(facts.changes.describe())
    return " ".join(filter(None, sentences))


def _describe_cause(facts: StatusFacts, status: str, settings: Settings, now: datetime, zone: ZoneInfo) -> str:
    attempt_error = (facts.attempt_message or "The last attempt failed.") if facts.has_attempt_failed else None
    check_error = (facts.check_message or "The last check failed.") if facts.has_check_failed else None
    last_error = attempt_error or check_error
    if status == ERROR and facts.sending_problem and not last_error:
        return ""
    if status == ERROR:
        if attempt_error and facts.attempt_is_permanent:
            return attempt_error
        if check_error and facts.check_is_permanent:
            return check_error
        if facts.has_used_up_attempts:
            sentences = [f"Not delivered after {_pluralize(settings.max_attempts, 'attempt')}.", last_error]
            if not facts.is_stopped:
                delay = _pluralize(settings.delay_seconds, "second")
                sentences.append(f"It is pinged every {delay}; everything waiting is sent when it answers.")
            return " ".join(filter(None, sentences))
        if facts.failed_count:
            return _describe_refused(facts)
        if facts.difference_count:
            differing = _pluralize(facts.difference_count, "movement")
            return f"{differing} not the same on both sites: choose which one counts."
        if facts.changes and facts.changes.needs_decision:
            return facts.changes.describe()
        return last_error or ""
    if status == WARNING:
        if last_error:
            return last_error
        past_error = _describe_past_error(facts, settings, now, zone)
        if facts.is_stopped:
            return "" if facts.pending_count else past_error
        if facts.comparison and facts.comparison.is_different:
            return _describe_difference(facts.comparison)
        if facts.is_overdue(now):
            oldest = facts.oldest_pending_at or now
            return f"Sending is late: the oldest movement has waited since {oldest.astimezone(zone):%H:%M:%S}."
        if facts.is_comparison_late(now, settings) and not past_error:
            return _describe_late_comparison(facts.comparison, now)
        if facts.changes and not facts.changes.is_in_step:
            return past_error
        present = "Connected again; waiting movements are being sent." if facts.pending_count else "In step."
        return f"{present} {past_error}"
    if facts.is_stopped:
        return ""
    if status == NONE:
        return "Nothing was sent yet; the last check succeeded." if facts.check_code else "Nothing was sent yet."
    if facts.pending_count:
        return "Connected; waiting movements are being sent."
    if facts.comparison is None:
        return "In step: delivered; cannot be compared."
    return f"Equal, compared {_age(now - (facts.comparison.compared_at or now))}, " + (
        f"{_pluralize(facts.comparison.count, 'movement')}."
    )


def _describe_refused(facts: StatusFacts) -> str:
    return f"{_pluralize(facts.failed_count, 'movement')} refused there: send again, set aside or correct here."


def _describe_difference(comparison: Comparison) -> str:
    if comparison.is_equal_there is False:
        return "The other site does not hold exactly what was delivered to it: comparing movement by movement."
    return "This site does not hold exactly what the other site has delivered: that site compares and sends again."


def _describe_late_comparison(comparison: Comparison | None, now: datetime) -> str:
    if comparison is None or comparison.compared_at is None or not comparison.is_complete:
        return "Delivered, not compared yet."
    if comparison.doubted_at:
        return "Delivered; comparing again when the movements that are on their way have arrived."
    return f"Delivered; last compared {_age(now - comparison.compared_at)}."


def _describe_past_error(facts: StatusFacts, settings: Settings, now: datetime, zone: ZoneInfo) -> str:
    """When the last error was, and when the warning about it ends. Empty without one in the warning period."""
    if facts.last_failure_at is None or now >= facts.last_failure_at + _warning_period(settings):
        return ""
    failed_at = facts.last_failure_at
    ends_on = (failed_at + _warning_period(settings)).astimezone(zone)
    result = "turns green" if facts.has_sent else "the warning ends"
    return f"Last error {_age(now - failed_at)}; {result} on {ends_on:%-d %b}."


def _age(duration: timedelta) -> str:
    seconds = int(max(duration, timedelta(0)).total_seconds())
    minutes = seconds // 60
    if minutes < 1:
        return f"{seconds} s ago"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // (24 * 60):,} days ago"


def _warning_period(settings: Settings) -> timedelta:
    return timedelta(days=min(settings.warning_days, settings.statistics_days))


def _pluralize(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
