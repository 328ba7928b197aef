"""`pointsync mail`: mails to customers."""

import click

from pointsync.cli.framework.command import Group
from pointsync.cli.framework.output import print_result, table_printer
from pointsync.cli.framework.param_types import EMAIL, MAIL_ID, SingleLine
from pointsync.cli.framework.site_context import site_context, transact
from pointsync.text_limits import MAX_NAME_LENGTH

STATES = ("waiting", "sent", "failed", "dropped")
KINDS = ("reward", "level", "expiry")
MAX_LISTED = 80
COLUMNS = {"id": "Id", "kind": "Kind", "to": "To", "state": "State", "attempts": "Attempts", "message": "Result"}


@click.group(cls=Group)
def mail() -> None:
    """Mails to customers about rewards, levels and expiring points.

    To turn them on: pointsync setting set send_mails on
    """


@mail.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only mails in this state.")
@site_context()
def list_mails(state: str | None) -> None:
    """List the last 80 mails, newest first."""
    from pointsync import db
    from pointsync.mail import mails

    rows = [mails.to_json(each) for each in mails.list_page(db.session(), state=state, size=MAX_LISTED).rows]
    empty_message = (
        "No mails found." if state else "There are no mails yet. Send a test mail: pointsync mail test ADDRESS"
    )
    print_result(rows, table_printer(rows, COLUMNS, empty_message, number_columns=("id", "attempts")))


@mail.command("test")
@click.argument("address", type=EMAIL, metavar="ADDRESS")
@click.option("--kind", type=click.Choice(KINDS), default="reward", help="The kind of mail. Default: reward.")
@site_context()
def queue_test_mail(address: str, kind: str) -> None:
    """Queue a test mail to ADDRESS. A running site sends it."""
    from pointsync import clock
    from pointsync.mail import mails
    from pointsync.runtime import get_runtime

    config = get_runtime().config
    document = transact(lambda session: mails.to_json(mails.enqueue_test(session, config, kind, address, clock.now())))
    print_result(document, f"Mail {document['id']} to {document['to']} is queued. See the result: pointsync mail list")


@mail.command("again")
@click.argument("mail_id", type=MAIL_ID, metavar="ID")
@site_context()
def send_again(mail_id: int) -> None:
    """Send a mail again that failed or was discarded."""
    from pointsync import clock
    from pointsync.mail import mails

    transact(lambda session: mails.retry(session, mail_id, clock.now()))
    print_result({"id": mail_id, "state": "waiting"}, f"Mail {mail_id} will be sent again.")


@mail.command("drop")
@click.argument("mail_id", type=MAIL_ID, metavar="ID")
@site_context()
def drop_mail(mail_id: int) -> None:
    """Discard a mail that waits or failed. It is not sent."""
    from pointsync.mail import mails

    transact(lambda session: mails.drop(session, mail_id))
    print_result({"id": mail_id, "state": "dropped"}, f"Mail {mail_id} was discarded.")


@mail.command("sender")
@click.argument("address", type=EMAIL, metavar="ADDRESS")
@click.option(
    "--name", type=SingleLine(MAX_NAME_LENGTH), default="", help="The name of the sender. Default: the site's name."
)
@site_context()
def set_sender(address: str, name: str) -> None:
    """Send mails from ADDRESS."""
    from pointsync import db
    from pointsync.mail import sender
    from pointsync.runtime import get_runtime

    config = get_runtime().config
    transact(lambda session: sender.change(session, config, address, name))
    current = sender.get_sender(db.session(), config)
    sender_name = current.name if current else name
    print_result({"address": address, "name": sender_name}, f"Mails now come from {sender_name} <{address}>.")


@mail.command("texts")
@site_context()
def list_texts() -> None:
    """Show the texts of the mails. You can change them in the panel, under System › Mails."""
    from pointsync import db
    from pointsync.mail import templates

    rows = [
        {"kind": each.kind, "default": each.is_default, "subject": each.subject, "body": each.body}
        for each in templates.get_all(db.session()).values()
    ]
    text = "\n\n".join(f"{each['kind']}: {each['subject']}\n\n{each['body']}".rstrip() for each in rows)
    print_result(rows, text)
