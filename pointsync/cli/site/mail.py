"""`pointsync mail`: mails to customers, from whom, with which words, and what became of them."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, MAIL_ID, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_NAME_LENGTH

STATES = ("waiting", "sent", "failed", "dropped")
KINDS = ("reward", "level", "expiry")
MAX_LISTED = 80
COLUMNS = {"id": "Id", "kind": "About", "to": "To", "state": "State", "attempts": "Attempts", "message": "Said"}


@click.group(cls=Group)
def mail() -> None:
    """Mails to customers about rewards, levels, and points that expire. On by: pointsync setting set send_mails on"""


@mail.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those.")
@site_context()
def list_mails(state: str | None) -> None:
    """List the last 80 mails, newest first."""
    from pointsync import db
    from pointsync.mail import mails

    rows = [mails.to_json(each) for each in mails.list_page(db.session(), state=state, size=MAX_LISTED).rows]
    empty = "There is no such mail." if state else "There is no mail yet; try one out: pointsync mail test ADDRESS"
    print_result(rows, table_printer(rows, COLUMNS, empty, number_columns=("id", "attempts")))


@mail.command("test")
@click.argument("address", type=EMAIL, metavar="ADDRESS")
@click.option("--kind", type=click.Choice(KINDS), default="reward", help="Which text; reward unless given.")
@site_context()
def queue_test_mail(address: str, kind: str) -> None:
    """Queue a mail with sample facts to ADDRESS; a running site sends it."""
    from pointsync import clock
    from pointsync.mail import mails
    from pointsync.runtime import get_runtime

    config = get_runtime().config
    document = transact(lambda session: mails.to_json(mails.enqueue_test(session, config, kind, address, clock.now())))
    print_result(
        document, f"Mail {document['id']} to {document['to']} is queued; what becomes of it: pointsync mail list"
    )


@mail.command("again")
@click.argument("mail_id", type=MAIL_ID, metavar="ID")
@site_context()
def send_again(mail_id: int) -> None:
    """Send one that has failed or was dropped."""
    from pointsync import clock
    from pointsync.mail import mails

    transact(lambda session: mails.retry(session, mail_id, clock.now()))
    print_result({"id": mail_id, "state": "waiting"}, f"Mail {mail_id} is sent again.")


@mail.command("drop")
@click.argument("mail_id", type=MAIL_ID, metavar="ID")
@site_context()
def drop_mail(mail_id: int) -> None:
    """Do not send one that waits or has failed."""
    from pointsync.mail import mails

    transact(lambda session: mails.drop(session, mail_id))
    print_result({"id": mail_id, "state": "dropped"}, f"Mail {mail_id} is dropped.")


@mail.command("sender")
@click.argument("address", type=EMAIL, metavar="ADDRESS")
@click.option(
    "--name", type=SingleLine(MAX_NAME_LENGTH), default="", help="Shown beside it; the site's name unless given."
)
@site_context()
def set_sender(address: str, name: str) -> None:
    """Let mails come from ADDRESS."""
    from pointsync import db
    from pointsync.mail import sender
    from pointsync.runtime import get_runtime

    config = get_runtime().config
    transact(lambda session: sender.change(session, config, address, name))
    current = sender.get_sender(db.session(), config)
    sender_name = current.name if current else name
    print_result({"address": address, "name": sender_name}, f"Mails come from {sender_name} <{address}> now.")


@mail.command("texts")
@site_context()
def list_texts() -> None:
    """Show what the mails say; the panel changes it, under System › Mails."""
    from pointsync import db
    from pointsync.mail import templates

    found = templates.get_all(db.session()).values()
    rows = [{"kind": w.kind, "default": w.is_default, "subject": w.subject, "body": w.body} for w in found]
    text = "\n\n".join(f"{each['kind']}: {each['subject']}\n\n{each['body']}".rstrip() for each in rows)
    print_result(rows, text)
