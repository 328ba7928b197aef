"""Fewer messages from the workers: for each test they would send five, of which one says something."""

from typing import Any

import pytest


def leave_out_needless(config: pytest.Config) -> None:
    """In a worker, do not send when a test begins and ends, nor that its fixtures were set up and torn down well.

    Only the options that show tests one by one, or how long they took, need these. They stay with those options.
    """
    if config.option.verbose > 0 or config.option.durations:
        return
    [interactor] = [each for each in config.pluginmanager.get_plugins() if type(each).__name__ == "WorkerInteractor"]
    send = interactor.sendevent

    def send_needed(name: str, **content: Any) -> None:
        if name in ("logstart", "logfinish"):
            return
        if name == "testreport" and content["data"]["when"] != "call" and content["data"]["outcome"] == "passed":
            return
        send(name, **content)

    interactor.sendevent = send_needed
