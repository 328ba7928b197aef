"""Routes compiled once for all the applications of a process: Werkzeug does it anew for each, which takes longer than
everything else in `create_app`."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_COMPILED = "_parts", "_trace", "_converters", "_build", "_build_unknown"
"""What `Rule.compile` stores in a rule. Beside it, it adds to `Rule.arguments`."""


def cache_compiled_routes(patch: Callable[[object, str, object], None]) -> None:
    """Compile each route once; `patch` sets an attribute.

    What is compiled depends on these parts of a rule and on its map's converters, which never look at their map.
    """
    compile_rule = Rule.compile
    known: dict[object, tuple[dict[str, Any], set[str]]] = {}

    def compile_once(rule: Rule) -> None:
        routes = rule.map
        if rule.defaults or not routes or routes.host_matching:
            compile_rule(rule)
            return
        key = (rule.rule, rule.subdomain, rule.merge_slashes, tuple(routes.converters.items()))
        if key not in known:
            compile_rule(rule)
            compiled = {name: getattr(rule, name) for name in _COMPILED}
            for name in ("_build", "_build_unknown"):
                compiled[name] = compiled[name].__func__
            known[key] = compiled, set(rule._converters)
        compiled, arguments = known[key]
        vars(rule).update(compiled)
        rule._build, rule._build_unknown = (compiled[name].__get__(rule, None) for name in ("_build", "_build_unknown"))
        rule.arguments.update(arguments)

    patch(Rule, "compile", compile_once)
