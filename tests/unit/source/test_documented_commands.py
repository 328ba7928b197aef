"""The manual and the README against the code: units can be read, commands and settings exist."""

import configparser
import re
import shlex
from dataclasses import fields

from pointsync.cli.commands import ROOT
from pointsync.config import Config
from tests.support.paths import CHECKOUT, MANUAL

PAGES = {
    path.name: path.read_text() for path in [*MANUAL.glob("*.md"), CHECKOUT / "README.md", CHECKOUT / "SECURITY.md"]
}
TEXT = "\n".join(PAGES.values())
NOT_SETTINGS = {"POINTSYNC_SECRET_KEY_IS_SET", "POINTSYNC_SITE_NAME_IS_SET"}
"""Fields of Config that say where a value came from."""
SETTING = re.compile(r"POINTSYNC_[A-Z_]+[A-Z]")


def blocks(kind: str, text: str) -> list[str]:
    """The fenced blocks of that kind."""
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def units() -> dict[str, configparser.RawConfigParser]:
    """The manual's units, by the name that stands in their first line."""
    found = {}
    for block in blocks("ini", TEXT):
        unit = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
        unit.optionxform = str  # type: ignore[assignment]
        unit.read_string(block)
        found[block.splitlines()[0].rpartition("/")[2]] = unit
    return found


def test_the_units_are_what_systemd_reads():
    assert set(units()) == {"pointsync.service", "pointsync-backup.service", "pointsync-backup.timer"}
    site = units()["pointsync.service"]["Service"]
    program, command, *_ = shlex.split(site["ExecStart"])
    assert (program, command) == ("/opt/pointsync/bin/pointsync", "serve")
    # The process needs less than ten seconds to end, which every one of them promises.
    assert int(site["TimeoutStopSec"]) > 10
    assert {site[name] for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices")} == {"yes"}
    assert (site["UMask"], site["ProtectSystem"], site["CapabilityBoundingSet"]) == ("0077", "strict", "")


def test_each_command_that_is_named_exists():
    named = re.findall(
        r"(?:^|[ `/])pointsync ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)", "\n".join(blocks("sh", TEXT)), re.M
    )
    assert len(named) > 60
    for words in (each.split() for each in named):
        command = ROOT.commands.get(words[0])
        assert command, words
        if hasattr(command, "commands") and not (command.invoke_without_command and len(words) == 1):
            assert words[1] in command.commands, words


def test_each_setting_is_in_the_table_and_no_other_is_named():
    table = set(SETTING.findall(PAGES["settings.md"]))
    known = {f"POINTSYNC_{each.name.upper()}" for each in fields(Config)}
    assert len(known) > 10
    assert known - NOT_SETTINGS <= table
    elsewhere = {"POINTSYNC_TEST_KILLS", "POINTSYNC_KEY"}  # of the tests, and of WordPress's wp-config.php
    assert set(SETTING.findall(TEXT)) <= table | elsewhere
