"""The status of a remote, from facts alone: a pure function, and the words beside the colour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsync.sync.site.settings import Settings

NONE, GREEN, WARNING, ERROR = "none", "green", "warning", "error"


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What is so at this moment about one remote; a `…_code` is None where nothing was tried, or `ok`."""

    attempt_code: str | None = None
    attempt_message: str | None = None
    attempt_is_permanent: bool = False
    check_code: str | None = None
    check_message: str | None = None
    check_is_permanent: bool = False
    last_failure_at: datetime | None = None
    is_paused: bool = False
    is_blocked: bool = False
    """Its site is: then it is not sent to either, whether it is paused or not."""
    has_used_up_attempts: bool = False
    """A delivery has had all its attempts and is still not delivered."""
    pending_count: int = 0
    failed_count: int = 0
    """Deliveries refused or in conflict there, not dealt with."""
    unknown_customer_count: int = 0
    has_sent: bool = False
    """Something was ever sent."""

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is sent, by an admin's word."""
        return self.is_paused or self.is_blocked

    @property
    def has_attempt_failed(self) -> bool:
        """Whether the last attempt failed."""
        return self.attempt_code not in (None, "ok")

    @property
    def has_check_failed(self) -> bool:
        """Whether the last check failed."""
        return self.check_code not in (None, "ok", "clock_skew")


def compute_status(facts: StatusFacts, now: datetime, settings: Settings) -> str:
    """`error`, `warning`, `none` or `green`: the first that fits, as the product's rules say.

    Periods forget errors that are past, never those that are present. An error exactly as old as a
    period is past.
    """
    has_permanent_failure = (facts.has_attempt_failed and facts.attempt_is_permanent) or (
        facts.has_check_failed and facts.check_is_permanent
    )
    if facts.has_used_up_attempts or has_permanent_failure or facts.failed_count:
        return ERROR
    warning_period = timedelta(days=min(settings.warning_days, settings.statistics_days))
    failed_recently = facts.last_failure_at is not None and now - facts.last_failure_at < warning_period
    if (
        facts.has_attempt_failed
        or facts.has_check_failed
        or failed_recently
        or (facts.is_stopped and facts.pending_count)
    ):
        return WARNING
    if not facts.has_sent:
        return NONE
    return GREEN


def describe_status(facts: StatusFacts, status: str, settings: Settings) -> str:
    """A few sentences that say what the colour means here and what to do."""
    sentences = []
    if facts.is_blocked:
        sentences.append("Blocked: nothing is taken from this site, and nothing sent, until it is unblocked.")
    if facts.is_paused:
        sentences.append("Paused: nothing is sent until it is resumed.")
    sentences.append(_describe_cause(facts, status, settings))
    waiting_count = facts.pending_count + facts.failed_count
    if waiting_count:
        sentences.append(f"{_pluralize(waiting_count, 'movement')} waiting.")
    if facts.unknown_customer_count:
        sentences.append(f"{_pluralize(facts.unknown_customer_count, 'movement')} for customers unknown there.")
    return " ".join(filter(None, sentences))


def _describe_cause(facts: StatusFacts, status: str, settings: Settings) -> str:
    error_text = None
    if facts.has_attempt_failed:
        error_text = facts.attempt_message or "The last attempt failed."
    elif facts.has_check_failed:
        error_text = facts.check_message or "The last check failed."
    if status == ERROR:
        if facts.has_attempt_failed and facts.attempt_is_permanent:
            return facts.attempt_message or "The last attempt failed."
        if facts.has_check_failed and facts.check_is_permanent:
            return facts.check_message or "The last check failed."
        if facts.has_used_up_attempts:
            used_up_text = (
                f"Not delivered after {_pluralize(settings.max_attempts, 'attempt')}. {error_text or ''}".strip()
            )
            if facts.is_stopped:  # then it is not asked
                return used_up_text
            probe_text = (
                f"It is asked every {settings.delay_seconds:,} seconds, and all that waits is sent when it answers."
            )
            return f"{used_up_text} {probe_text}"
        return f"{_pluralize(facts.failed_count, 'movement')} refused there: send again, set aside or correct here."
    if status == WARNING:
        if error_text:
            return error_text
        if facts.is_stopped:
            return "" if facts.pending_count else "An error in the warning period is remembered."
        recovered_text = "It answers again, and what waits is on its way" if facts.pending_count else "In step again"
        return f"{recovered_text}; an error in the warning period is remembered."
    if facts.is_stopped:
        return ""
    if status == NONE:
        return "Nothing was sent yet; the last check was fine." if facts.check_code else "Nothing was sent yet."
    return "It answers, and what waits is on its way." if facts.pending_count else "In step."


def _pluralize(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
