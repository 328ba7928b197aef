"""The change of the secret key is killed (-9) before and after its commit: what runs next has a key that opens all."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_batch import run_many
from tests.support.process import CHECKOUT, SiteProcess

SECONDS = 60
KILLED = """
import os, signal, sys
from importlib import import_module
from pointsync.cli.commands import COMMANDS

place, _, step = sys.argv[1].rpartition(".")
module = import_module(place)
real = getattr(module, step)

def last(*args, **more):
    real(*args, **more)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, step, last)
COMMANDS.main(["rotate-key"])
"""
STEPS = {
    "pointsync.ledger.audit_recorder.note": 1,
    "pointsync.ops.key_rotation.in_write": 2,
}
"""After which step it is killed, and how often the key is changed once the command has run again: a change that was
committed is finished first."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a site."""
    site = SiteProcess(tmp_path_factory.mktemp("site"))
    site.cli("hook", "add", "orders", "--secret", "s", "--reserve", "default")
    return site.data_dir


def test_one_key_opens_everything_wherever_it_was_killed(template: Path, tmp_path: Path) -> None:
    sites = {step: SiteProcess(shutil.copytree(template, tmp_path / step)) for step in STEPS}
    killed = [
        subprocess.Popen([sys.executable, "-c", KILLED, step], cwd=CHECKOUT, env=site.env, stderr=subprocess.PIPE)
        for step, site in sites.items()
    ]
    for each in killed:
        said = each.communicate(timeout=SECONDS)[1]
        assert each.returncode == -9, said
    [before] = run_many(SiteProcess(template), [("site", "--secrets", "--json")])
    first = (template / "secret_key").read_text()
    for step, site in sites.items():
        shown, rotated, again, log = run_many(
            site,
            [
                ("site", "--secrets", "--json"),
                ("rotate-key", "--json"),
                ("site", "--secrets", "--json"),
                ("audit", "--json"),
            ],
        )
        assert shown.json == again.json == before.json, step
        assert rotated.json["secrets"] == 3, step
        assert len([row for row in log.json if row["action"] == "rotated"]) == STEPS[step], step
        kept = sorted(each.name for each in site.data_dir.glob("secret_key*"))
        assert len(kept) == 1 + STEPS[step], (step, kept)
        assert "secret_key.new" not in kept
        assert (site.data_dir / "secret_key").read_text() != first
