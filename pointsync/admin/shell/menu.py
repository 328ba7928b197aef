"""The panel's menu: its sections, and the tabs of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; `endpoint` is its view."""

    endpoint: str
    label: str
    icon: str


@dataclass(frozen=True, slots=True)
class Section:
    """A group of tabs. The section's link opens the first one."""

    label: str
    icon: str
    tabs: tuple[Tab, ...]


MENU = (
    Section("Dashboard", "gauge", (Tab("admin.dashboard", "Dashboard", "gauge"),)),
    Section("Customers", "people", (Tab("admin.customers", "Customers", "people"),)),
    Section(
        "Points and Rewards",
        "coins",
        (Tab("admin.reserves", "Points reserves", "coins"), Tab("admin.settlement", "Settlement", "scales")),
    ),
    Section(
        "System",
        "gear",
        (
            Tab("admin.general", "General", "sliders"),
            Tab("admin.points_sync", "Points Sync.", "sync"),
            Tab("admin.shops", "Shops", "site"),
            Tab("admin.api_keys", "API keys", "key"),
            Tab("admin.woocommerce", "WooCommerce", "cart"),
            Tab("admin.mails_tab", "Mails", "letter"),
            Tab("admin.admins", "Admins", "person"),
            Tab("admin.network", "Network", "remotes"),
            Tab("admin.activity", "Activity", "pulse"),
            Tab("admin.audit_log", "Audit log", "book"),
        ),
    ),
    Section("Manual", "help", (Tab("admin.manual", "Manual", "help"),)),
)
"""Points Sync. is the second tab of System, as in WooRewards."""

_BY_ENDPOINT = {tab.endpoint: (section, tab) for section in MENU for tab in section.tabs}


def find_tab(endpoint: str | None) -> tuple[Section | None, Tab | None]:
    """The section and tab of a tab's endpoint; None for pages outside the menu."""
    return _BY_ENDPOINT.get(endpoint or "", (None, None))
