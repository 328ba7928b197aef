"""`pointsync worker`: the scheduler alone."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_result
from pointsync.cli.framework.site_context import get_app
from pointsync.errors import ConfigError

WAIT_SECONDS = 60.0


@click.command(cls=Command)
def worker() -> None:
    """Run the scheduler alone, beside web processes that have none.

    Any number may run on one database; work is never done twice. Ctrl-C or SIGTERM ends it.
    """
    from pointsync import logs, startup
    from pointsync.cli.framework.shutdown import StopSignal, shut_down
    from pointsync.cli.server import lifecycle_log, memory
    from pointsync.runtime import get_runtime
    from pointsync.schedule.scheduler import Scheduler

    memory.limit_malloc_arenas()
    app = get_app()
    with app.app_context():
        state = get_runtime()
        if not state.config.scheduler:
            raise ConfigError(
                "POINTSYNC_SCHEDULER is off, and a worker is nothing but a scheduler; example: POINTSYNC_SCHEDULER=on"
            )
        logs.configure(state.config.log_format)
        hold = startup.prepare_database()
    stop = StopSignal()
    scheduler = Scheduler(app)
    scheduler.start()
    lifecycle_log.log_started("worker", hold)
    print_result({"worker": state.worker_id, "hold": hold}, f"The worker {state.worker_id} runs.")
    while not stop.wait(WAIT_SECONDS):
        pass
    lifecycle_log.log_stopping("worker")
    shut_down(scheduler.stop)
    lifecycle_log.log_stopped("worker")
