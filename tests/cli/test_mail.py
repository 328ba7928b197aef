"""`pointsync mail`: the sender, a test mail and its result. Mails cannot be turned on before they can be sent."""

from pathlib import Path

from tests.cli.command_batch import run_commands
from tests.support.process import SiteProcess


def test_mails_by_command(tmp_path: Path) -> None:
    bare = SiteProcess(tmp_path / "bare").create()
    [refused] = run_commands(bare, [("setting", "set", "send_mails", "on")])
    assert (refused.code, refused.out) == (1, "")
    assert "POINTSYNC_SMTP_URL" in refused.err

    secret = tmp_path / "smtp"
    secret.write_text("smtp://127.0.0.1:1\n")
    env = {"POINTSYNC_SMTP_URL_FILE": str(secret), "POINTSYNC_SITE_NAME": "Mugs"}
    site = SiteProcess(tmp_path / "site", env=env).create()
    empty, early, sender, on, tested, listed, again, dropped, once_more, texts, gone, off, wrong = run_commands(
        site,
        [
            ("mail", "list"),
            ("setting", "set", "send_mails", "on"),
            ("mail", "sender", "Shop@mugs.example", "--json"),
            ("setting", "set", "send_mails", "on"),
            ("mail", "test", "anna@shop.example", "--kind", "level"),
            ("mail", "list", "--json"),
            ("mail", "again", "1"),
            ("mail", "drop", "1", "--json"),
            ("mail", "again", "1"),
            ("mail", "texts"),
            ("mail", "drop", "99"),
            ("setting", "set", "send_mails", "off", "--json"),
            ("mail", "test", "nobody"),
        ],
    )
    assert "pointsync mail test ADDRESS" in empty.out
    assert early.code == 1
    assert "sender" in early.err
    assert sender.json == {"address": "shop@mugs.example", "name": "Mugs"}
    assert on.out == "send_mails is now on.\n"
    assert "Mail 1 to anna@shop.example is queued" in tested.out
    [mail] = listed.json
    assert (mail["kind"], mail["to"], mail["is_test"], mail["state"]) == ("level", "anna@shop.example", True, "waiting")
    assert again.code == 1
    assert "Mail 1 is waiting" in again.err
    assert dropped.json == {"id": 1, "state": "dropped"}
    assert once_more.out == "Mail 1 will be sent again.\n"
    assert "{reward}" in texts.out
    assert (gone.code, wrong.code) == (1, 2)
    assert "There is no mail 99" in gone.err
    assert off.json == {"name": "send_mails", "value": "off"}
