"""Audit log entries as sentences."""

import pytest

from pointsync.models import AuditEntry
from pointsync.reports.audit_log import describe

ANNA = {"noun": "customer", "thing": "anna@shop.example"}
ENTRY = {"actor": "Ada", "how": "password", "thing": "", "before": {}, "after": {}}
TEA = {"noun": "remote", "thing": "https://tea.example"}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"action": "added", "noun": "setting", "thing": "max_attempts", "after": {"value": "12"}},
            "Ada changed Max sync. attempt from 10 to 12",
        ),
        (
            {"noun": "setting", "thing": "send_mails", "before": {"value": "0"}, "after": {"value": "1"}},
            "Ada changed Send mails from this site from off to on",
        ),
        (
            {"noun": "setting", "thing": "site_name", "after": {"value": "Mugs"}},
            "Ada changed site name to Mugs",
        ),
        (
            {"noun": "setting", "thing": "site_name", "before": {"value": "Mugs"}},
            "Ada changed site name from Mugs to none",
        ),
        (
            {"action": "added", "noun": "setting", "thing": "check_seconds", "after": {"value": "60"}},
            "Ada changed Time between two checks from 6 to 60",
        ),
        (
            {"action": "added", "noun": "setting", "thing": "create_customers", "after": {"value": "0"}},
            "Ada changed Create unknown customers from on to off",
        ),
        (
            {"action": "added", "noun": "setting", "thing": "expiry_mail_days", "after": {"value": "7"}},
            "Ada changed Days before points expire from 14 to 7",
        ),
        (
            TEA | {"action": "resent", "after": {"movements": 1200}},
            "Ada sent 1,200 movements to https://tea.example again",
        ),
        (
            {"action": "decided about", "noun": "movement", "thing": "anna@shop.example", "after": {"counts": "here"}},
            "Ada decided about movement anna@shop.example",
        ),
        (
            {"action": "recounted", "noun": "balance", "thing": "anna@shop.example", "after": {"points": 5}},
            "Ada recounted balance anna@shop.example",
        ),
        (TEA | {"action": "added", "after": {"sealed_pass": None}}, "Ada added remote https://tea.example"),
        (
            TEA | {"before": {"target": "a"}, "after": {"target": "b", "sealed_pass": None}},
            "Ada changed remote https://tea.example: target from a to b; Pass changed",
        ),
        (
            TEA | {"before": {"paused_at": None}, "after": {"paused_at": "2026-01-01T00:00:00+00:00"}},
            "Ada paused remote https://tea.example",
        ),
        (
            TEA | {"before": {"paused_at": "2026-01-01T00:00:00+00:00"}, "after": {"paused_at": None}},
            "Ada resumed remote https://tea.example",
        ),
        (
            {"noun": "reserve", "thing": "gold", "before": {"is_active": True}, "after": {"is_active": False}},
            "Ada changed reserve gold: is active from yes to no",
        ),
        (
            {"noun": "delivery", "thing": "7", "before": {"state": "failed"}, "after": {"state": "aside"}},
            "Ada set aside delivery 7",
        ),
        (
            {"noun": "delivery", "thing": "7", "before": {"state": "failed"}, "after": {"state": "pending"}},
            "Ada sent delivery 7 again",
        ),
        ({"action": "deleted", "noun": "admin", "thing": "Max"}, "Ada deleted admin Max"),
        (
            {"noun": "admin", "thing": "Max", "before": {"disabled_at": None}, "after": {"disabled_at": "2026-01-01"}},
            "Ada disabled admin Max",
        ),
        (
            {"noun": "admin", "thing": "Max", "before": {"disabled_at": "2026-01-01"}, "after": {"disabled_at": None}},
            "Ada enabled admin Max",
        ),
        ({"action": "signed out", "noun": "admin", "thing": "Ada"}, "Ada signed out"),
        (
            {"action": "signed out", "noun": "admin", "thing": "Max", "after": {"browsers": 2}},
            "Ada signed Max out of 2 browsers",
        ),
        ({"action": "added", "noun": "long work", "thing": "Audit log"}, "Ada started background task Audit log"),
        (
            {"action": "recorded", "noun": "movements", "thing": "a@shop.example", "after": {"movements": 1}},
            "Ada recorded a movement for a@shop.example",
        ),
        ({"action": "recorded", "noun": "movements", "after": {"movements": 1000}}, "Ada recorded 1,000 movements"),
        ({"action": "signed in", "noun": "admin"}, "Ada signed in"),
        (
            {"action": "failed", "noun": "sign-in", "thing": "Max", "actor": "", "how": "nobody"},
            "Somebody failed to sign in as Max",
        ),
        (TEA | {"action": "added", "actor": "", "how": "site"}, "This site added remote https://tea.example"),
        (
            ANNA | {"action": "renamed", "before": {"customer": "a@old.example"}},
            "Ada renamed customer a@old.example to anna@shop.example",
        ),
        (
            ANNA | {"action": "added", "after": {"alias": "a@work.example"}},
            "Ada added the address a@work.example to customer anna@shop.example",
        ),
        (
            ANNA | {"action": "merged", "before": {"customer": "bob@shop.example", "into": "anna@shop.example"}},
            "Ada merged customer bob@shop.example into anna@shop.example",
        ),
        (
            ANNA | {"action": "unmerged", "after": {"other": "bob@shop.example"}},
            "Ada undid the merge of customers anna@shop.example and bob@shop.example",
        ),
        (
            ANNA | {"action": "distinguished", "after": {"other": "bob@shop.example"}},
            "Ada marked customers anna@shop.example and bob@shop.example as not the same",
        ),
        (ANNA | {"action": "reported"}, "Ada collected the stored data of customer anna@shop.example"),
        (ANNA | {"action": "merged"}, "Ada merged customer anna@shop.example"),
        (
            {"action": "refused", "noun": "change of customers", "thing": "anna@shop.example"}
            | {"after": {"change": "erase", "customer": "anna@shop.example", "origin": "wrk_1"}},
            "Ada refused the erasure of customer anna@shop.example by the site wrk_1",
        ),
        (
            {"action": "informed", "noun": "erasure", "thing_id": "7", "after": {"site": "Tea shop"}},
            "Ada noted that the owner of Tea shop knows of erasure 7",
        ),
        ({"action": "erased", "noun": "erasure", "thing_id": "7"}, "Ada erased a person: erasure 7"),
    ],
)
def test_sentences(entry, sentence):
    assert describe(AuditEntry(**(ENTRY | {"action": "changed"} | entry))) == sentence
