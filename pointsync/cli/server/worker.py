"""`pointsync worker`: only the background work."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_greeting
from pointsync.cli.framework.site_context import get_app
from pointsync.errors import ConfigError

WAIT_SECONDS = 60.0


@click.command(cls=Command)
def worker() -> None:
    """Run only the background work, beside web processes that have no scheduler.

    Any number of workers can use one database; no work is done twice. Ctrl-C or SIGTERM stops it.
    """
    from pointsync import db, logs, startup
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
                "POINTSYNC_SCHEDULER must be on, because a worker is only a scheduler; example: POINTSYNC_SCHEDULER=on"
            )
        logs.configure(state.config.log_format)
        hold = startup.prepare_database(may_create=False)
        startup.join_run()
    stop = StopSignal()
    scheduler = Scheduler(app)
    scheduler.start()
    memory.skip_loaded_objects()
    lifecycle_log.log_started("worker", hold)
    print_greeting({"worker": state.worker_id, "hold": hold}, f"The worker {state.worker_id} is running.")
    while not stop.wait(WAIT_SECONDS):
        pass
    lifecycle_log.log_stopping("worker")
    shut_down(scheduler.stop)
    with app.app_context():
        db.close_connections()
    lifecycle_log.log_stopped("worker")
