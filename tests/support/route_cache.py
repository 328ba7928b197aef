"""Routes compiled once for all the applications of a run: Werkzeug does it anew for each, which takes longer than
everything else in `create_app`."""

from collections.abc import Callable

import pytest
from werkzeug.routing import Rule

Build = Callable[..., tuple[str, str]]


def cache_compiled_routes(patch: pytest.MonkeyPatch) -> None:
    """What is compiled depends on a rule's parts alone; it finds its converters in the rule that it is bound to."""
    build, known = Rule._compile_builder, dict[tuple[tuple[tuple[bool, str], ...], bool], Build]()

    def built(rule: Rule, append_unknown: bool = True) -> Build:
        key = (tuple(rule._trace), append_unknown)
        if rule.defaults:
            return build(rule, append_unknown)
        if key not in known:
            known[key] = build(rule, append_unknown)
        return known[key]

    patch.setattr(Rule, "_compile_builder", built)
