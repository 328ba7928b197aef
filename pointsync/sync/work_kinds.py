"""The kinds of long work that there are, by name. `work_run` says how one is made."""

from pointsync.sync import exports
from pointsync.sync.work_run import Kind

KINDS: dict[str, Kind] = {exports.KIND: exports.run}
