"""`pointsync serve`: the whole site in one process."""

import click

from pointsync.cli.framework.command import Command
from pointsync.cli.framework.output import print_greeting
from pointsync.cli.framework.param_types import HOST, PORT, WholeNumber
from pointsync.cli.framework.site_context import get_app

MAX_THREADS = 256


@click.command(cls=Command)
@click.option("--host", type=HOST, default="127.0.0.1", help="The address to listen at. Default: 127.0.0.1.")
@click.option("--port", type=PORT, default=8080, help="The port to listen at. Default: 8080.")
@click.option(
    "--threads",
    type=WholeNumber(1, MAX_THREADS),
    default=8,
    help="Requests answered in parallel. Default: 8.",
)
@click.option("--while-stdin", is_flag=True, hidden=True, help="Stop when stdin ends.")
def serve(host: str, port: int, threads: int, while_stdin: bool) -> None:
    """Run the whole site: web server and background work.

    It creates or upgrades the database first. Until there is an admin, it prints a link that creates the first one.
    Ctrl-C or SIGTERM stops it.
    """
    from pointsync import db, logs, startup
    from pointsync.cli.framework.shutdown import StopSignal, shut_down
    from pointsync.cli.server import lifecycle_log, memory
    from pointsync.cli.server.http_server import HttpServer
    from pointsync.runtime import get_runtime
    from pointsync.schedule.scheduler import Scheduler

    memory.limit_malloc_arenas()
    app = get_app(with_views=True)
    with app.app_context():
        config = get_runtime().config
        logs.configure(config.log_format)
        get_runtime().set_thread_count(threads)
        # Listen before anything is written, so that nothing changes if the port is in use.
        server = HttpServer(app, host, port, threads)
        hold = startup.prepare_database(server.url)
        startup.join_run()
        setup_url = startup.create_setup_url()
    stop = StopSignal()
    if while_stdin:
        stop.stop_at_stdin_end()
    scheduler = Scheduler(app) if config.scheduler else None
    if scheduler:
        scheduler.start()

    memory.skip_loaded_objects()
    lifecycle_log.log_started("serve", hold)
    url = config.public_url or server.url
    lines = [f"{config.site_name} listens at {server.url}"]
    if url != server.url:
        lines.append(f"Its public URL is {url}")
    if setup_url:
        lines.append(f"Create the first admin. This link works once: {setup_url}")
    document = {"name": config.site_name, "url": url, "listens": server.url, "setup_url": setup_url, "hold": hold}
    print_greeting(document, "\n".join(lines))

    server.serve(lambda: stop.is_requested)
    lifecycle_log.log_stopping("serve")
    shut_down(server.close, *([scheduler.stop] if scheduler else []))
    with app.app_context():
        db.close_connections()
    lifecycle_log.log_stopped("serve")
