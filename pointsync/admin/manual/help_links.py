"""Where the manual explains each page of the panel."""

from flask import request, url_for

from pointsync.admin.manual.pages import INDEX
from pointsync.admin.shell.menu import Tab
from pointsync.admin.shell.panel import blueprint

BY_TAB = {
    "admin.dashboard": "troubleshooting#needs-attention",
    "admin.customers": "points#adjust-points",
    "admin.reserves": "points#points-reserves",
    "admin.settlement": "points#settlement",
    "admin.general": "settings#settings-that-admins-change",
    "admin.points_sync": "adding-a-site",
    "admin.shops": "wordpress",
    "admin.api_keys": "keys#api-keys",
    "admin.woocommerce": "connecting-a-shop#woocommerce-orders",
    "admin.mails_tab": "points#mails",
    "admin.admins": "admins",
    "admin.network": "adding-a-site#keep-the-family-consistent",
    "admin.activity": "troubleshooting#states-of-a-delivery",
    "admin.audit_log": "admins#audit-log",
}
"""Page and anchor, by the view of a tab."""

BY_VIEW = {
    "admin.balance_breakdown": "points#explain-a-balance",
    "admin.redeem": "points#rewards",
    "admin.rename_customer": "points#a-customer-with-several-addresses",
    "admin.merge_customer": "points#a-customer-with-several-addresses",
    "admin.undo_merge": "points#a-customer-with-several-addresses",
    "admin.person_report": "points#stored-data-about-a-person",
    "admin.collect_person_report": "points#stored-data-about-a-person",
    "admin.erase_customer": "people#erase-a-person",
    "admin.erasure": "people#the-receipt",
    "admin.list_erasures": "people",
    "admin.save_backup_days": "people#backups",
    "admin.customer_changes": "troubleshooting#states-of-a-change",
    "admin.duplicates": "points#customers-who-may-be-the-same",
    "admin.import_points": "points#import",
    "admin.expiry": "points#expiry",
    "admin.shop": "wordpress#how-each-shop-is-doing",
    "admin.disconnect_shop": "wordpress#disconnect-a-shop",
    "admin.rewards_and_levels": "points#rewards",
    "admin.add_offer": "points#rewards",
    "admin.edit_offer": "points#rewards",
    "admin.change_password": "admins#forgotten-password",
    "admin.block_origin": "keys#block-a-site",
    "admin.unblock_origin": "keys#block-a-site",
    "admin.overdrawn": "points#balances-below-zero",
    "admin.correct_overdrawn": "points#balances-below-zero",
    "admin.correct_overdrawn_here": "points#balances-below-zero",
    "admin.declared_differences": "points#declared-differences",
    "admin.status_changes": "adding-a-site#what-each-status-means",
    "admin.set_aside": "troubleshooting#refused-movements",
    "admin.correct_refused": "troubleshooting#refused-movements",
    "admin.decide_difference": "comparing#decide-about-a-difference",
    "admin.accept_edited": "comparing#decide-about-a-difference",
    "admin.task_list": "running#background-tasks",
    "admin.task": "running#background-tasks",
}
"""The same for pages below a tab that have a place of their own in the manual."""

ERRORS = "troubleshooting#the-panel"


@blueprint.app_template_global()
def manual_url(place: str) -> str:
    """The address of a place in the manual: a page, with or without an anchor, such as `points#mails`."""
    page, _, anchor = place.partition("#")
    if page == INDEX:
        return url_for("admin.manual", _anchor=anchor or None)
    return url_for("admin.manual_page", page=page, _anchor=anchor or None)


@blueprint.app_template_global()
def help_url(tab: Tab) -> str | None:
    """Where the page that is shown now is explained; None for the manual itself."""
    view = (request.endpoint or "").replace("admin.submit_", "admin.")
    place = BY_VIEW.get(view) or BY_TAB.get(tab.endpoint)
    return manual_url(place) if place else None


@blueprint.app_template_global()
def error_help_url() -> str:
    """Where the manual explains what error pages say."""
    return manual_url(ERRORS)
