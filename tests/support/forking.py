"""The process that forks: `python -m tests.support.forking FD` serves all who connect to the listening socket FD.

`fork_server` starts it, and asks it for processes.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.support.fork_server import CODE_BYTES, KEEP_UMASK, MAX_REQUEST_BYTES, ForkRequest

FIRST_FD = 3
LAST_FD = 4096


def _serve(listener: socket.socket) -> ForkRequest | None:
    """Fork for each request. Returns the request in the new process, and None in the server when no client is left."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    client_count = 0
    while True:
        for key, _ in selector.select():
            if isinstance(key.fileobj, int):  # a process has ended
                selector.unregister(key.fd)
                os.close(key.fd)
                _report_end(*key.data)
            elif key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
                client_count += 1
            else:
                message, fds, _, _ = socket.recv_fds(key.fileobj, MAX_REQUEST_BYTES, 4)  # type: ignore[arg-type]
                if message and _fork(fds, selector):
                    return ForkRequest(**json.loads(message))
                if not message:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
                    client_count -= 1
        if not client_count:
            return None


def _fork(fds: list[int], selector: selectors.BaseSelector) -> bool:
    """Start a process with the first of these files as its standard streams; the last tells the client about it.

    Returns whether this is the new process. It closes all other files at once, so no object may close a number later
    that belongs to something else by then.
    """
    pid = os.fork()
    if pid == 0:
        for number, fd in enumerate(fds[:FIRST_FD]):
            os.dup2(fd, number)
        for key in list(selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.detach()
        selector.close()
        os.closerange(FIRST_FD, LAST_FD)
        return True
    for fd in fds[:FIRST_FD]:
        os.close(fd)
    with suppress(BrokenPipeError):
        os.write(fds[-1], pid.to_bytes(CODE_BYTES, "big"))
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, fds[-1]))
    return False


def _report_end(pid: int, connection: int) -> None:
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):  # nobody may wait for it any more
        os.write(connection, os.waitstatus_to_exitcode(status).to_bytes(CODE_BYTES, "big", signed=True))
    os.close(connection)


def _become(request: ForkRequest) -> None:
    """Be the process that was asked for, as a new interpreter would set it up."""
    if request.new_session:
        os.setsid()
    if request.umask != KEEP_UMASK:
        os.umask(request.umask)
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    unbuffered = bool(request.env.get("PYTHONUNBUFFERED"))
    stdin, stdout, stderr = (io.FileIO(number, mode, closefd=False) for number, mode in enumerate("rww"))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(stdin), "utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(stdout), "utf-8", write_through=unbuffered)
    sys.stderr = io.TextIOWrapper(stderr, "utf-8", "backslashreplace", write_through=True)  # type: ignore[type-var]
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = ["pointsync", *request.args]
    os._exit(_run(request.main))


def _run(main: str) -> int:
    """The exit code of the function `main` of this module, after all that an interpreter does at its end.

    Except one thing, which takes longer than most commands: it would delete each object, and so copy all the memory
    that is shared with the server. Of the objects, only databases do something then: they move their log into the file.
    """
    code: object = 0
    try:
        importlib.import_module(main).main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError, ValueError):
            stream.flush()
    for each in gc.get_objects():
        if issubclass(type(each), sqlite3.Connection):
            with suppress(sqlite3.Error):  # such as: it belongs to another thread
                each.close()
    return code or 0


def _compile_everything() -> None:
    """Start a site once in this process, and leave what all processes have in common: what Werkzeug and SQLAlchemy
    compile, and the tables of a new database."""
    from pointsync import config, create_app, db, startup
    from tests.support import new_tables, warm_sites
    from tests.support.route_cache import cache_compiled_routes
    from tests.support.statement_cache import share_compiled_statements

    cache_compiled_routes(setattr)
    share_compiled_statements(setattr)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(new_tables.sqlite_file(), Path(folder) / "pointsync.db")
        app = create_app(config.load({"POINTSYNC_DATA": folder}, Path(folder)))
        app.url_map.update()
        with app.app_context():
            _copy_tables_into_new_databases()
            startup.prepare_database()
            db.close_connections()
        warm_sites.use_two(Path(folder))


def _copy_tables_into_new_databases() -> None:
    """Let a new SQLite database get the tables of the current one, without rows, instead of all migrations.

    Alembic takes longer for them than anything else that a new site does. Tests of the migrations do not run here.
    """
    import alembic.command

    from pointsync import db

    tables = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(db.get_engine().raw_connection()) as pooled:
        pooled.driver_connection.backup(tables)  # type: ignore[union-attr]
    migrate = alembic.command.upgrade

    def upgrade(config: Any, revision: str) -> None:
        engine = db.get_engine()
        with closing(engine.raw_connection()) as pooled:
            connection: Any = pooled.driver_connection
            if engine.dialect.name == "sqlite" and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                tables.backup(connection)
                return
        migrate(config, revision)

    alembic.command.upgrade = upgrade


def _import_everything() -> None:
    """All that a command or `serve` may import, so that no process does it again."""
    import pointsync

    others = ("alembic.command", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite")
    own: list[Any] = [module.name for module in pkgutil.walk_packages(pointsync.__path__, "pointsync.")]
    for name in (*others, "waitress", *own):
        if ".migrations." not in name and not name.endswith("__main__"):
            importlib.import_module(name)
    _compile_everything()
    assert threading.active_count() == 1, "a fork copies only one thread"
    gc.collect()
    gc.freeze()


def main() -> None:
    """Go on in the background, and serve until nobody is connected any more.

    It belongs to all workers, not to the one that has started it; nor is Ctrl+C in a terminal meant for it.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    listener = socket.socket(fileno=int(sys.argv[1]))
    _import_everything()
    request = _serve(listener)
    if request:
        _become(request)
    listener.close()


if __name__ == "__main__":
    main()
