"""The functions of all kinds of tasks. `tasks.runner` explains how to write one."""

from pointsync.exports import export_task
from pointsync.imports import import_task
from pointsync.reports import audit_log
from pointsync.sync.repair import resend_task
from pointsync.tasks.runner import TaskFunction

TASK_FUNCTIONS: dict[str, TaskFunction] = {
    export_task.KIND: export_task.run,
    audit_log.KIND: audit_log.run,
    import_task.DRY_RUN_KIND: import_task.run_dry_run,
    import_task.IMPORT_KIND: import_task.run_import,
    resend_task.KIND: resend_task.run,
}
