"""Fixtures: the source of an earlier version."""

from tests.support.old_version import old_source

__all__ = ["old_source"]
