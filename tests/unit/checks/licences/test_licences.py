from __future__ import annotations

from pathlib import Path

import madeimage as made

from imgforge import checks
from imgforge.analysis.facts import Package
from imgforge.checks import Severity, licences
from imgforge.inventory import Component, Inventory
from imgforge.policy import Policy
from imgforge.policy.licences import Licences

APP = Package(
    *("npm", "name", "1.0", "", "AGPL-3.0-only", "", ("app/package.json",)), namespace="@scope"
)
OTHER = Package("pypi", "other", "2", "", "", "", ("app/a.jar",), inside="b/METADATA")
INVENTORY = Inventory("sha256:1", None, None, (), (Component(APP), Component(OTHER)))


def test_findings_name_package_place_and_key(tmp_path: Path) -> None:
    policy = Policy(licences=(Licences(deny=("AGPL-*",)),))
    image = made.facts(tmp_path, [])
    found = checks.run(image, policy, licences.bound(INVENTORY, policy))
    assert [(f.check, f.severity, f.path, f.key) for f in found] == [
        ("IF210", Severity.HIGH, "app/package.json", "npm:@scope/name"),
        ("IF211", Severity.MEDIUM, "app/a.jar!/b/METADATA", "pypi:other"),
    ]
    assert "the npm package @scope/name 1.0 is under AGPL-3.0-only" in found[0].message


def test_a_list_of_what_is_allowed_fails_what_nobody_knows(tmp_path: Path) -> None:
    policy = Policy(licences=(Licences(allow=("AGPL-*",)),))
    found = checks.run(made.facts(tmp_path, []), policy, licences.bound(INVENTORY, policy))
    assert [(f.check, f.severity) for f in found] == [("IF211", Severity.HIGH)]


def test_nobody_asks_if_no_policy_does() -> None:
    assert licences.bound(INVENTORY, Policy()) == ()
