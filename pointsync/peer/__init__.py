"""The server for other sites, in both dialects. Every call carries its own credentials."""

from flask import Flask
from werkzeug.routing import PathConverter

from pointsync.peer import changes, customer_report, digest, fetch, hand_on, pointsync, woorewards

pointsync.blueprint.add_url_rule("/customers/report", view_func=customer_report.report_customer, methods=["POST"])
pointsync.blueprint.add_url_rule("/digest", view_func=digest.digest_movements, methods=["POST"])
pointsync.blueprint.add_url_rule("/movements/fetch", view_func=fetch.fetch_movements, methods=["POST"])
pointsync.blueprint.add_url_rule("/customers/changes", view_func=changes.change_customers, methods=["POST"])
pointsync.blueprint.add_url_rule("/customers/changes/fetch", view_func=changes.fetch_changes, methods=["POST"])
pointsync.blueprint.add_url_rule("/customers/changes/hand-on", view_func=changes.hand_on_changes, methods=["POST"])
pointsync.blueprint.add_url_rule("/movements/hand-on", view_func=hand_on.hand_on_movements, methods=["POST"])


class _RestOfPathConverter(PathConverter):
    """The rest of a path, including line breaks and double slashes: an e-mail address may contain any byte."""

    part_isolating = False
    regex = "(?s:.+?)"


def register(app: Flask) -> None:
    """Add the routes that other sites call."""
    app.url_map.converters["rest"] = _RestOfPathConverter
    app.register_blueprint(pointsync.blueprint)
    app.register_blueprint(woorewards.blueprint)
