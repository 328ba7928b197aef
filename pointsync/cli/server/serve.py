"""`pointsync serve`: the whole site in one command."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import give
from pointsync.cli.framework.param_types import HOST, Whole
from pointsync.cli.framework.site_context import application

MAX_PORT = 65_535
MAX_THREADS = 256


@click.command(cls=Command)
@click.option("--host", type=HOST, default="127.0.0.1", help="The address to listen at; 127.0.0.1 unless given.")
@click.option("--port", type=Whole(1, MAX_PORT), default=8080, help="8080 unless given.")
@click.option("--threads", type=Whole(1, MAX_THREADS), default=8, help="Calls answered at once; 8 unless given.")
@click.option("--while-stdin", is_flag=True, hidden=True, help="End when stdin ends.")
def serve(host: str, port: int, threads: int, while_stdin: bool) -> None:
    """Run the whole site: the database made or upgraded, web and scheduler.

    At the very first start it prints a link that creates the admin, once. Ctrl-C or SIGTERM ends it.
    """
    from pointsync import logs, startup
    from pointsync.cli.framework.shutdown import Stop, end
    from pointsync.cli.server import lifecycle_log, memory
    from pointsync.cli.server.http_server import Door
    from pointsync.runtime import runtime
    from pointsync.schedule.scheduler import Scheduler

    memory.keep_small()
    app = application(answers=True)
    with app.app_context():
        config = runtime().config
        logs.configure(config.log_format)
        # It listens before anything is written: a port in use changes nothing.
        door = Door(app, host, port, threads, clears_forwarded=not config.trusted_proxies)
        hold = startup.bring_up(door.url)
        setup_url = startup.setup_url()
    stop = Stop()
    if while_stdin:
        stop.with_stdin()
    scheduler = Scheduler(app) if config.scheduler else None
    if scheduler:
        scheduler.start()

    lifecycle_log.begun("serve", hold)
    url = config.public_url or door.url
    lines = [f"{config.site_name} answers at {door.url}" + (f", for others at {url}" if url != door.url else "")]
    if setup_url:
        lines.append(f"Create the first admin, once, at {setup_url}")
    document = {"name": config.site_name, "url": url, "listens": door.url, "setup_url": setup_url, "hold": hold}
    give(document, "\n".join(lines))

    door.answer(lambda: stop.asked)
    lifecycle_log.ending("serve")
    end(door.close, *([scheduler.stop] if scheduler else []))
    lifecycle_log.ended("serve")
