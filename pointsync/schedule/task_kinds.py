"""The kinds of long work that there are, by name. `work_run` says how one is made."""

from pointsync.exports import export_task
from pointsync.imports import import_task
from pointsync.reports import audit_log
from pointsync.tasks.runner import Kind

KINDS: dict[str, Kind] = {
    export_task.KIND: export_task.run,
    audit_log.KIND: audit_log.run,
    import_task.CHECK: import_task.look,
    import_task.RECORD: import_task.record,
}
