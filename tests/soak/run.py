"""One soak: load, disturbances and samples for a while, and then everything must come back in step."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from tests.soak.admin import Admin
from tests.soak.disturbances import Disturbances
from tests.soak.sampler import Sampler
from tests.soak.shop import Shop
from tests.soak.sites import FAKETIME, SoakSite, running_sites
from tests.support.process import wait_until

RATE = 3.0
"""Orders in a second on each site."""
BACK_IN_STEP_SECONDS = 180
FULL_SECONDS = 180
ROLLBACKS = 2
"""In a soak of that length."""


@dataclass(slots=True)
class Report:
    """What a soak has shown. It has passed if there are no failures."""

    failures: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def run_soak(folder: Path, seconds: float, seed: str, rollbacks: int | None = None) -> Report:
    """Run three sites in `folder` for so long, then repair them as the manual says, and check them."""
    report = Report()
    with running_sites(folder, seed) as sites:
        sampler, admin = Sampler(sites), Admin(sites)
        shops = [Shop(site, seed, RATE) for site in sites]
        disturbances = Disturbances(sites, shops, sampler, folder, seed)
        for thread in (*shops, sampler, admin):
            thread.start()
        began = monotonic()
        try:
            disturbances.start(round(ROLLBACKS * seconds / FULL_SECONDS) if rollbacks is None else rollbacks)
            sampler.join(seconds)
            disturbances.stop()
            report.figures["seconds"] = round(monotonic() - began)
            for shop in shops:
                shop.finish()
            ended = monotonic()
            wait_until(lambda: _is_in_step(sites, sampler), BACK_IN_STEP_SECONDS, "all sites are green and equal")
            report.figures["back in step after, s"] = round(monotonic() - ended, 1)
        except AssertionError as error:
            report.failures += [str(error), *_describe(sites, sampler)]
        finally:
            disturbances.stop()
            for shop in shops:
                shop.finish()
            admin.finish()
            sampler.finish()
        report.failures += [worker.failure for worker in (*shops, sampler, admin) if worker.failure]
        report.failures += sampler.describe_failures()
        if not report.failures:
            report.failures += _check_balances(sites, shops)
        report.figures |= _figures(sites, shops, sampler, disturbances, admin)
    return report


def _is_in_step(sites: list[SoakSite], sampler: Sampler) -> bool:
    is_green = all(site.member.rows("SELECT 1 FROM remote WHERE status <> 'green'") == [] for site in sites)
    return is_green and not sampler.difference_count() and not any(site.member.waiting() for site in sites)


def _describe(sites: list[SoakSite], sampler: Sampler) -> list[str]:
    """What is not in step, for people who look for the cause."""
    found = [f"differs: {each}" for each in sampler.describe_differences()]
    for site in sites:
        for row in site.member.rows("SELECT name, status, status_text FROM remote WHERE status <> 'green'"):
            found.append(f"{site.name}: {row}")
        found += [f"{site.name}: waits: {site.member.waiting()}"] if site.member.waiting() else []
    return found


def _check_balances(sites: list[SoakSite], shops: list[Shop]) -> list[str]:
    """Compare the balances with what the shops have recorded: each order once, on every site."""
    expected: Counter[str] = Counter()
    refs = {row for site in sites for row in site.member.rows("SELECT origin, ref FROM movement")}
    for shop in shops:
        # An order that was refused when it was repeated counts only if some site still had it.
        unsure = {order.ref for order in shop.unsure if (shop.site.auth, order.ref) not in refs}
        for order in shop.orders:
            expected[order.customer] += 0 if order.ref in unsure else order.points
    failures = []
    for site in sites:
        balances = site.member.balances()
        for customer in sorted(expected.keys() | balances.keys()):
            if balances.get(customer, 0) != expected[customer]:
                failures.append(
                    f"{site.name}: {customer} has {balances.get(customer)}, and the shops recorded {expected[customer]}"
                )
        # Whoever edited a movement has edited its hourly total, too, which is not restored by itself.
        site.process.run("verify", "--repair", "--json")
        verified = site.process.run("verify", "--json")
        if verified.returncode:
            failures.append(f"{site.name}: verify finds {verified.stdout.strip()[:500]}")
    return failures


def _figures(
    sites: list[SoakSite], shops: list[Shop], sampler: Sampler, disturbances: Disturbances, admin: Admin
) -> dict[str, Any]:
    network = sum((site.proxy.counts for site in sites), Counter())
    passed = network.pop("passed", 0)
    [(movements,)] = sites[0].member.rows("SELECT count(*) FROM movement")
    return {
        "samples of all three lists": sampler.sample_count,
        "samples that were wrong": sampler.wrong_count,
        "readings of all rows": sampler.reading_count,
        **{f"remotes shown as {status}": count for status, count in sampler.statuses.most_common()},
        **{f"most seconds green: {what}": seconds for what, seconds in sampler.longest_green.items()},
        "movements at the end": movements,
        **sum((shop.counts for shop in shops), Counter()),
        "clock jumps": "none: libfaketime is not installed (apt-get install faketime)" if not FAKETIME else 0,
        **dict(sorted(disturbances.counts.items())),
        **admin.counts,
        "requests between sites that passed": passed,
        **{f"requests {fault}": count for fault, count in network.most_common()},
    }
