"""Jobs follow the monotonic clock: the system's clock can jump, and no tick that was missed is caught up."""

from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from pointsync.schedule.scheduler import Every, MonotonicZone

ZONE = MonotonicZone()
SECOND = timedelta(seconds=1)


def test_its_time_goes_on_whatever_the_system_clock_says() -> None:
    before, started_at = datetime.now(ZONE), monotonic()
    times = [ZONE.fromutc(datetime(year, 1, 1, tzinfo=UTC)) for year in (2020, 1970, 2999)]
    assert times == sorted(times)
    assert times[-1] - before <= timedelta(seconds=monotonic() - started_at) + SECOND / 1000
    assert times[0].tzinfo is ZONE
    assert times[0].astimezone(ZONE) == times[0]


@pytest.mark.parametrize("missed", [timedelta(0), timedelta(days=365 * 30)])
def test_missed_ticks_are_one_tick(missed: timedelta) -> None:
    """As APScheduler counts them: it would make a list of 1,900 million times."""
    now = datetime.now(ZONE)
    scheduler = BackgroundScheduler(timezone=ZONE)
    job = Job(scheduler, trigger=Every(0.5), executor="default", func=print, args=(), kwargs={}, id="job", name="job")
    job.next_run_time = now - missed
    assert job._get_run_times(now) == [now - missed]
    assert job.trigger.get_next_fire_time(now - missed, now) == now + SECOND / 2


def test_the_first_tick_comes_after_the_interval() -> None:
    now = datetime.now(ZONE)
    assert Every(2).get_next_fire_time(None, now) == now + 2 * SECOND
