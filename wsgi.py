"""The application for any WSGI server: `gunicorn wsgi:app`, `flask --app wsgi …`.

This does not start the scheduler; run `pointsync worker` for that. If a setting is wrong, the process prints one line
and ends.
"""

import sys

from pointsync import create_app
from pointsync.errors import ConfigError

try:
    app = create_app()
except ConfigError as error:
    print(f"Error: {error}", file=sys.stderr)  # noqa: T201 there is no logging yet
    sys.exit(2)
