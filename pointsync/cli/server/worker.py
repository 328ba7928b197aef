"""`pointsync worker`: the scheduler alone."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give
from pointsync.cli.framework.site_context import application
from pointsync.errors import ConfigError

LOOK_SECONDS = 60.0


@click.command(cls=Command)
def worker() -> None:
    """Run the scheduler alone, beside web processes that have none.

    Any number may run on one database; work is never done twice. Ctrl-C or SIGTERM ends it.
    """
    from pointsync import logs, startup
    from pointsync.cli.framework.shutdown import Stop, end
    from pointsync.cli.server import lifecycle_log, memory
    from pointsync.runtime import runtime
    from pointsync.schedule.scheduler import Scheduler

    memory.keep_small()
    app = application()
    with app.app_context():
        here = runtime()
        if not here.config.scheduler:
            raise ConfigError(
                "POINTSYNC_SCHEDULER is off, and a worker is nothing but a scheduler; example: POINTSYNC_SCHEDULER=on"
            )
        logs.configure(here.config.log_format)
        hold = startup.bring_up()
    stop = Stop()
    scheduler = Scheduler(app)
    scheduler.start()
    lifecycle_log.begun("worker", hold)
    give({"worker": here.worker_id, "hold": hold}, f"The worker {here.worker_id} runs.")
    while not stop.wait(LOOK_SECONDS):
        pass
    lifecycle_log.ending("worker")
    end(scheduler.stop)
    lifecycle_log.ended("worker")
