"""The application for any WSGI server: `gunicorn wsgi:app`, `flask --app wsgi …`.

Importing this starts no scheduler; `pointsync serve` or `pointsync worker` does. A wrong setting ends the
process with one line.
"""

import sys

from pointsync import create_app
from pointsync.errors import ConfigError

try:
    app = create_app()
except ConfigError as error:
    print(f"Error: {error}", file=sys.stderr)  # noqa: T201 there is nobody else to tell
    sys.exit(2)
