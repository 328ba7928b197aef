"""Nothing that a view answers may be kept by a browser, a proxy or a page cache: the next answer can be another."""

from flask import Flask, Response, request

from pointsync.web import static_files


def register(app: Flask) -> None:
    """Add `Cache-Control: no-store` to all answers, also to errors, except for static files."""

    @app.after_request
    def add_header(response: Response) -> Response:
        if request.endpoint != static_files.ENDPOINT:
            response.headers.setdefault("Cache-Control", "no-store")
        return response
