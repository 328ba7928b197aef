"""How property tests run in this tier."""

from tests.support import properties

assert properties
