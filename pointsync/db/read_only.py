"""Whether the database can only be read: a standby of PostgreSQL, or a file without write permission."""

import os

from sqlalchemy import text
from sqlalchemy.orm import Session

from pointsync.db.file_check import get_database_file

READ_ONLY_SQLSTATE = "25006"


def is_read_only(session: Session) -> bool:
    """Whether nothing can be written."""
    file = get_database_file()
    if file is None:
        standby = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
        return bool(session.scalar(text(standby)))
    return not all(os.access(path, os.W_OK) for path in (file.path, file.path.parent))
