"""The application for any WSGI server: `gunicorn wsgi:app`, `flask --app wsgi …`.

Importing this starts no scheduler; `pointsync serve` or `pointsync worker` does.
"""

from pointsync import create_app

app = create_app()
