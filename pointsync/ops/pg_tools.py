"""Runs PostgreSQL's own tools to dump and restore a database."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from pointsync.errors import Conflict

TIMEOUT_SECONDS = 6 * 3600
"""Longer than any dump or restore should take."""
MAX_ERROR_CHARS = 300


def dump(database_url: str, target: Path) -> None:
    """Dump the database to `target`. Raises Conflict."""
    _run("pg_dump", database_url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def restore(database_url: str, source: Path) -> None:
    """Restore a dump into an empty database, completely or not at all. Raises Conflict."""
    _run(
        "pg_restore",
        database_url,
        *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"),
        str(source),
    )


def _run(tool: str, database_url: str, *args: str) -> None:
    """Pass the password in the environment: everybody on the machine can see the arguments."""
    from psycopg.conninfo import make_conninfo

    program = shutil.which(tool)
    if program is None:
        raise Conflict(
            "no_tool",
            f"{tool} is missing. Install PostgreSQL's client programs (Debian: postgresql-client).",
        )
    url = make_url(database_url)
    connection_parameters: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "dbname": url.database,
    }
    connection_parameters |= {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    conninfo = make_conninfo(**{name: value for name, value in connection_parameters.items() if value is not None})
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    result = subprocess.run(  # noqa: S603 the program is PostgreSQL's, the arguments are ours
        [program, f"--dbname={conninfo}", "--no-password", *args],
        env=os.environ | password,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if result.returncode:
        error_output = " ".join(result.stderr.split())[:MAX_ERROR_CHARS]
        raise Conflict("tool_failed", f"{tool} failed: {error_output}")
