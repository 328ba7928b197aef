"""The `pointsync` command. The same commands are available under `flask --app wsgi`."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the commands to Flask's command line."""
    from pointsync.cli.commands import ROOT

    for command in ROOT.commands.values():
        app.cli.add_command(command)


def main() -> None:
    """Run the command line. Ends the process with the command's exit code."""
    from pointsync.cli.commands import ROOT

    ROOT.main(prog_name="pointsync")
