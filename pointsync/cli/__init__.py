"""The `pointsync` command, and the same commands under `flask --app wsgi`."""

from flask import Flask


def register(app: Flask) -> None:
    """Put the commands under `flask` too."""
    from pointsync.cli.commands import ROOT

    for command in ROOT.commands.values():
        app.cli.add_command(command)


def main() -> None:
    """The command line; ends the process with the command's exit code."""
    from pointsync.cli.commands import ROOT

    ROOT.main(prog_name="pointsync")
