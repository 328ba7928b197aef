"""The shop API asked with whatever its description allows, and with what it does not: by schemathesis."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable

from pointsync.runtime import get_runtime_of

with warnings.catch_warnings():  # of its own imports
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        negative_data_rejection,
        response_schema_conformance,
        status_code_conformance,
    )

DESCRIPTION = "/api/v1/openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MODES = {"positive": schemathesis.GenerationMode.POSITIVE, "negative": schemathesis.GenerationMode.NEGATIVE}
UNCHANGED = range(400, 600)
"""Answers after which nothing may be otherwise than before."""


def list_operations(app: Flask) -> Iterator[Any]:
    """Each call that the description has."""
    # Which key is shown is the caller's affair here.
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    for found in schemathesis.openapi.from_wsgi(DESCRIPTION, app, config=config).get_all_operations():
        yield found.ok()


def send_cases(
    app: Flask, operation: Any, mode: str, cases: int, key: str | None, state: Callable[[], Any], seed_number: int = 1
) -> Counter[int]:
    """Make that call `cases` times, with `key` or without; how often each status was answered; nothing where
    it has no part that could be wrong.

    Raises AssertionError (a FailureGroup of schemathesis) where an answer is a 5xx or none that the description
    has, where what it forbids is taken, or where a refusal or a look has changed `state`.
    """
    statuses: Counter[int] = Counter()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    checks = [*CHECKS, negative_data_rejection] if mode == "negative" and key else CHECKS

    @seed(seed_number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=MODES[mode]))
    def send(case: Any) -> None:
        get_runtime_of(app).failure_limiter.storage.reset()
        before = state()
        answer = case.call(headers=headers)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=checks)
        if answer.status_code in UNCHANGED or operation.method.upper() == "GET":
            assert state() == before, f"{answer.status_code} has changed something: {case.as_curl_command()}"

    try:
        send()
    except Unsatisfiable:  # whatever is put there is text, and right
        assert mode == "negative", operation.label
    return statuses
