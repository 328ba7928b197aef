"""A remote's status, computed from facts alone, and the text beside its colour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pointsync.sync.site.settings import Settings

NONE, GREEN, WARNING, ERROR = "none", "green", "warning", "error"

OK_CHECK_CODES = (None, "ok", "clock_skew")
"""Codes of a remote's last check, a ping, that are no failure; None: never checked."""


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

    @property
    def is_stopped(self) -> bool:
        """Whether an admin has stopped sending to it."""
        return self.is_paused or self.is_blocked

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
    if facts.has_used_up_attempts or has_permanent_failure or facts.failed_count:
        return ERROR
    failed_recently = facts.last_failure_at is not None and now < facts.last_failure_at + _warning_period(settings)
    if (
        facts.has_attempt_failed
        or facts.has_check_failed
        or failed_recently
        or (facts.is_stopped and facts.pending_count)
    ):
        return WARNING
    return GREEN if facts.has_sent else NONE


def describe_status(facts: StatusFacts, status: str, settings: Settings, now: datetime, zone: ZoneInfo) -> str:
    """A few sentences: why the remote has this status, and what to do. Dates are in `zone`."""
    sentences = []
    if facts.is_blocked:
        sentences.append("Blocked: nothing is accepted from this site or sent to it until it is unblocked.")
    if facts.is_paused:
        sentences.append("Paused: nothing is sent until it is resumed.")
    sentences.append(_describe_cause(facts, status, settings, now, zone))
    waiting_count = facts.pending_count + facts.failed_count
    if waiting_count:
        sentences.append(f"{_pluralize(waiting_count, 'movement')} waiting.")
    if facts.unknown_customer_count:
        sentences.append(f"{_pluralize(facts.unknown_customer_count, 'movement')} for customers unknown there.")
    return " ".join(filter(None, sentences))


def _describe_cause(facts: StatusFacts, status: str, settings: Settings, now: datetime, zone: ZoneInfo) -> str:
    attempt_error = (facts.attempt_message or "The last attempt failed.") if facts.has_attempt_failed else None
    check_error = (facts.check_message or "The last check failed.") if facts.has_check_failed else None
    last_error = attempt_error or check_error
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
        return f"{_pluralize(facts.failed_count, 'movement')} refused there: send again, set aside or correct here."
    if status == WARNING:
        if last_error:
            return last_error
        if facts.is_stopped:
            return "" if facts.pending_count else _describe_past_error(facts, settings, now, zone)
        present = "Connected again; waiting movements are being sent." if facts.pending_count else "In step."
        return f"{present} {_describe_past_error(facts, settings, now, zone)}"
    if facts.is_stopped:
        return ""
    if status == NONE:
        return "Nothing was sent yet; the last check succeeded." if facts.check_code else "Nothing was sent yet."
    return "Connected; waiting movements are being sent." if facts.pending_count else "In step."


def _describe_past_error(facts: StatusFacts, settings: Settings, now: datetime, zone: ZoneInfo) -> str:
    """When the last error was, and when the warning about it ends."""
    failed_at = facts.last_failure_at or now
    ends_on = (failed_at + _warning_period(settings)).astimezone(zone)
    result = "turns green" if facts.has_sent else "the warning ends"
    return f"Last error {_age(now - failed_at)}; {result} on {ends_on:%-d %b}."


def _age(duration: timedelta) -> str:
    minutes = max(duration, timedelta(0)) // timedelta(minutes=1)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // (24 * 60):,} days ago"


def _warning_period(settings: Settings) -> timedelta:
    return timedelta(days=min(settings.warning_days, settings.statistics_days))


def _pluralize(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
