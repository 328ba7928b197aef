"""`pointsync mail`: mails to customers, from whom, with which words, and what became of them."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import give, table
from pointsync.cli.framework.param_types import EMAIL, MAIL, Line
from pointsync.cli.framework.site_context import change, on_site
from pointsync.text_limits import MAX_NAME

STATES = ("waiting", "sent", "failed", "dropped")
KINDS = ("reward", "level", "expiry")
MOST = 80
COLUMNS = {"id": "Id", "kind": "About", "to": "To", "state": "State", "attempts": "Attempts", "message": "Said"}


@click.group(cls=Group)
def mail() -> None:
    """Mails to customers about rewards, levels, and points that expire. On by: pointsync setting set send_mails on"""


@mail.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those.")
@on_site()
def list_mails(state: str | None) -> None:
    """List the last 80 mails, newest first."""
    from pointsync.db import db
    from pointsync.mail import mails

    rows = [mails.shape(each) for each in mails.page(db.session(), state=state, size=MOST).rows]
    empty = "There is no such mail." if state else "There is no mail yet; try one out: pointsync mail test ADDRESS"
    give(rows, table(rows, COLUMNS, empty, numbers=("id", "attempts")))


@mail.command("test")
@click.argument("address", type=EMAIL, metavar="ADDRESS")
@click.option("--kind", type=click.Choice(KINDS), default="reward", help="Which text; reward unless given.")
@on_site()
def test_mail(address: str, kind: str) -> None:
    """Queue a mail with sample facts to ADDRESS; a running site sends it."""
    from pointsync import clock
    from pointsync.mail import mails
    from pointsync.runtime import runtime

    config = runtime().config
    shape = change(lambda session: mails.shape(mails.test(session, config, kind, address, clock.now())))
    give(shape, f"Mail {shape['id']} to {shape['to']} is queued; what becomes of it: pointsync mail list")


@mail.command("again")
@click.argument("mail_id", type=MAIL, metavar="ID")
@on_site()
def send_again(mail_id: int) -> None:
    """Send one that has failed or was dropped."""
    from pointsync import clock
    from pointsync.mail import mails

    change(lambda session: mails.again(session, mail_id, clock.now()))
    give({"id": mail_id, "state": "waiting"}, f"Mail {mail_id} is sent again.")


@mail.command("drop")
@click.argument("mail_id", type=MAIL, metavar="ID")
@on_site()
def drop_mail(mail_id: int) -> None:
    """Do not send one that waits or has failed."""
    from pointsync.mail import mails

    change(lambda session: mails.drop(session, mail_id))
    give({"id": mail_id, "state": "dropped"}, f"Mail {mail_id} is dropped.")


@mail.command("sender")
@click.argument("address", type=EMAIL, metavar="ADDRESS")
@click.option("--name", type=Line(MAX_NAME), default="", help="Shown beside it; the site's name unless given.")
@on_site()
def set_sender(address: str, name: str) -> None:
    """Let mails come from ADDRESS."""
    from pointsync.db import db
    from pointsync.mail import sender as mail_sender
    from pointsync.runtime import runtime

    config = runtime().config
    change(lambda session: mail_sender.change(session, config, address, name))
    sender = mail_sender.read(db.session(), config)
    shown = sender.name if sender else name
    give({"address": address, "name": shown}, f"Mails come from {shown} <{address}> now.")


@mail.command("texts")
@on_site()
def list_texts() -> None:
    """Show what the mails say; the panel changes it, under System › Mails."""
    from pointsync.db import db
    from pointsync.mail import templates

    found = templates.every(db.session()).values()
    rows = [{"kind": w.kind, "default": w.is_default, "subject": w.subject, "body": w.body} for w in found]
    shown = "\n\n".join(f"{each['kind']}: {each['subject']}\n\n{each['body']}".rstrip() for each in rows)
    give(rows, shown)
