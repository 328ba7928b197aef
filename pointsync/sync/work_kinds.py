"""The kinds of long work that there are, by name. `work_run` says how one is made."""

from pointsync.sync import audit, exports, import_works
from pointsync.sync.work_run import Kind

KINDS: dict[str, Kind] = {
    exports.KIND: exports.run,
    audit.KIND: audit.run,
    import_works.CHECK: import_works.look,
    import_works.RECORD: import_works.record,
}
