"""The `pointsync` command. The same commands are available under `flask --app wsgi`."""

from flask import Flask


def register(app: Flask) -> None:
    """Add the commands to Flask's command line."""
    from pointsync.cli.commands import ROOT

    for command in ROOT.commands.values():
        app.cli.add_command(command)


def main() -> None:
    """Run the command line. Ends the process with the command's exit code."""
    from pointsync.cli.framework import standard_streams

    standard_streams.open_missing()

    from pointsync.cli.commands import ROOT

    try:
        ROOT.main(prog_name="pointsync")
    finally:
        standard_streams.flush_at_exit()
