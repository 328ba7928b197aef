"""An admin's session at the panel without the form: signing in takes longer than most tests."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from pointsync import clock, db
from pointsync.accounts import admins, sign_ins
from pointsync.admin.auth.login_manager import Account

COOKIE_NAME = "pointsync_session"
ADDRESS = "127.0.0.1"


def create_session_cookie(app: Flask, name: str, browser: str = "Werkzeug") -> str:
    """The value of the session cookie that a browser keeps after a sign-in with the password."""
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(app)
    assert serializer
    with app.app_context():
        now = clock.now()
        db.set_actor(db.Actor(name, "password", ADDRESS))
        token = db.run_in_transaction(
            lambda session: sign_ins.create(
                session, admins.get_by_name(session, name), now, address=ADDRESS, browser=browser
            )
        )
        row = sign_ins.find(db.session(), token, now)
        assert row
        return str(serializer.dumps({"_user_id": Account(row, token).get_id(), "_fresh": True}))
