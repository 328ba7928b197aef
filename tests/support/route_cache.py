"""Routes compiled once for all the applications of a process: Werkzeug does it anew for each, which takes longer than
everything else in `create_app`."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import Map, Rule, RuleFactory
from werkzeug.routing.matcher import StateMachineMatcher

_LOST_BY_EMPTY = ("websocket", "merge_slashes", "provide_automatic_options")
"""What `Rule.empty` does not copy."""
_PARTS = (
    *("rule", "endpoint", "defaults", "subdomain", "host", "build_only", "alias", "redirect_to", "strict_slashes"),
    *_LOST_BY_EMPTY,
)
_KNOWN: dict[object, tuple[StateMachineMatcher, dict[Any, Any]]] = {}


class SharedMap(Map):
    """A map that compiles its rules when the first request comes, or takes what another map has compiled of the same
    rules: nothing of that belongs to an application."""

    def __init__(self, *, host_matching: bool) -> None:
        assert not host_matching
        super().__init__()
        self._added: list[Rule] = []

    def add(self, rulefactory: RuleFactory) -> None:
        """Only keep the rule."""
        self._added.extend(rulefactory.get_rules(self))
        self._remap = True

    def update(self) -> None:
        """Compile all rules, unless a map with the same ones has done so. Everything that reads a map calls this."""
        if not self._remap:
            return
        with self._remap_lock:
            key = self._key()
            if key not in _KNOWN:
                _KNOWN[key] = self._compile()
            self._matcher, self._rules_by_endpoint = _KNOWN[key]
            self._remap = False

    def _key(self) -> object:
        """All that the result depends on."""
        rules = [repr([sorted(rule.methods or ()), [getattr(rule, part) for part in _PARTS]]) for rule in self._added]
        return self.strict_slashes, self.merge_slashes, tuple(self.converters.items()), tuple(rules)

    def _compile(self) -> tuple[StateMachineMatcher, dict[Any, Any]]:
        compiled = Map(strict_slashes=self.strict_slashes, merge_slashes=self.merge_slashes, converters=self.converters)
        for rule in self._added:
            copy = rule.empty()
            vars(copy).update({part: getattr(rule, part) for part in _LOST_BY_EMPTY})
            compiled.add(copy)
        compiled.update()
        return compiled._matcher, compiled._rules_by_endpoint


def cache_compiled_routes(patch: Callable[[object, str, object], None]) -> None:
    """Compile the routes once; `patch` sets an attribute."""
    patch(Flask, "url_map_class", SharedMap)
