"""Where things are in the checkout."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "pointsync"
MANUAL = PACKAGE / "manual"
DATA = CHECKOUT / "tests" / "data"
