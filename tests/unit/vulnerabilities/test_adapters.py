"""What Trivy and grype report, as their documentation has it, becomes a vulnerability like ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import madescan as made
import pytest

from imgforge.errors import ToolMissingError
from imgforge.inventory import Inventory
from imgforge.vulnerabilities import adapters
from imgforge.vulnerabilities.adapters import joined
from imgforge.vulnerabilities.adapters.foreign import Foreign
from imgforge.vulnerabilities.vulnerability import Vulnerability

TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": "acme/web:1",
    "ArtifactType": "container_image",
    "Metadata": {"ImageID": "sha256:" + "1" * 64, "RepoDigests": ["acme/web@sha256:" + "2" * 64]},
    "Results": [
        {"Target": "acme/web:1 (debian 12)", "Class": "os-pkgs", "Type": "debian"},
        {
            "Target": "Python",
            "Class": "lang-pkgs",
            "Type": "python-pkg",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2024-35195",
                    "VendorIDs": ["GHSA-9wx4-h78v-vm56"],
                    "PkgName": "requests",
                    "PkgPath": "app/requests/METADATA",
                    "PkgIdentifier": {"PURL": made.REQUESTS, "UID": "x"},
                    "InstalledVersion": "2.31.0",
                    "FixedVersion": "2.32.0",
                    "Status": "fixed",
                    "Layer": {"Digest": made.APP, "DiffID": made.BASE},
                    "SeveritySource": "ghsa",
                    "PrimaryURL": "https://avd.aquasec.com/nvd/cve-2024-35195",
                    "Title": "requests: subsequent requests to the same host",
                    "Severity": "MEDIUM",
                    "CVSS": {
                        "nvd": {"V3Vector": "CVSS:3.1/AV:N", "V3Score": 9.1},
                        "ghsa": {"V3Vector": "CVSS:3.1/AV:L", "V3Score": 5.6},
                    },
                    "PublishedDate": "2024-05-20T21:15:09.99Z",
                }
            ],
        },
    ],
}
GRYPE: dict[str, Any] = {
    "descriptor": {"name": "grype", "version": "0.90.0"},
    "source": {
        "type": "image",
        "target": {"userInput": "acme/web:1", "manifestDigest": "sha256:3"},
    },
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-9wx4-h78v-vm56",
                "dataSource": "https://github.com/advisories/GHSA-9wx4-h78v-vm56",
                "namespace": "github:language:python",
                "severity": "Medium",
                "description": "Requests session",
                "cvss": [
                    {"version": "3.1", "vector": "CVSS:3.1/AV:L", "metrics": {"baseScore": 5.6}}
                ],
                "epss": [{"cve": "CVE-2024-35195", "epss": 0.01, "percentile": 0.5}],
                "knownExploited": [{"cve": "CVE-2024-35195"}],
                "fix": {"versions": ["2.32.0"], "state": "fixed"},
            },
            "relatedVulnerabilities": [{"id": "CVE-2024-35195"}],
            "artifact": {
                "name": "requests",
                "version": "2.31.0",
                "type": "python",
                "purl": made.REQUESTS,
                "locations": [{"path": "/app/requests/METADATA", "layerID": made.APP}],
            },
        }
    ],
}


def read(value: dict[str, Any]) -> adapters.Report:
    return adapters.read(json.dumps(value).encode(), "x.json")


def only(value: dict[str, Any]) -> Foreign:
    (found,) = read(value).found
    return found


def test_trivy_is_read() -> None:
    report, found = read(TRIVY), only(TRIVY)
    assert report.subject == "acme/web:1"
    assert report.digests == ("sha256:" + "2" * 64, "sha256:" + "1" * 64)
    assert (found.id, found.aliases) == ("CVE-2024-35195", ("GHSA-9wx4-h78v-vm56",))
    assert (found.level, found.rated, found.score) == ("medium", "ghsa", 5.6)
    assert (found.fixed, found.published, found.layer) == ("2.32.0", "2024-05-20", made.APP)


def test_grype_is_read_by_its_cve() -> None:
    found = only(GRYPE)
    assert (found.id, found.aliases) == ("CVE-2024-35195", ("GHSA-9wx4-h78v-vm56",))
    assert (found.level, found.score, found.fixed) == ("medium", 5.6, "2.32.0")
    assert (found.exploited, found.probability) == (True, 0.01)
    assert found.path == "app/requests/METADATA"


def test_the_same_fault_of_both_and_ours_is_one() -> None:
    own = Vulnerability(
        "CVE-2024-35195",
        (),
        made.component(),
        *("", "critical", "CVSS_V3", 9.8, "", "", "", "", "imgforge"),
    )
    (one,) = joined([own], [read(TRIVY), read(GRYPE)], made.inventory())
    assert one.source == "imgforge, trivy, grype"
    assert (one.level, one.score) == ("critical", 9.8)
    assert one.aliases == ()  # what is excused goes by names, and ours are ours
    assert (one.fixed, one.published, one.exploited) == ("2.32.0", "2024-05-20", True)
    assert one.component.part == "app"


def test_what_only_another_knows_is_added_to_our_component() -> None:
    (one,) = joined([], [read(TRIVY)], made.inventory())
    assert one.component == made.component()
    assert one.source == "trivy"


def test_a_package_that_we_did_not_see_counts_all_the_same() -> None:
    (one,) = joined([], [read(TRIVY)], made.inventory(made.component("pkg:pypi/flask@1")))
    assert one.component.package.purl == made.REQUESTS
    assert one.component.package.paths == ("app/requests/METADATA",)


def test_what_nobody_here_rated_is_rated_by_another() -> None:
    own = Vulnerability(
        "CVE-2024-35195",
        (),
        made.component(),
        *("", "critical", "", 0.0, "", "", "", "", "imgforge"),
    )
    (one,) = joined([own], [read(TRIVY)], made.inventory())
    assert (one.level, one.rated) == ("medium", "ghsa")


def test_a_scanner_that_is_not_here_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="grype is not installed") as caught:
        adapters.run("grype", Inventory("", None, None, (), ()), called="web", offline=True)
    assert "--report FILE" in (caught.value.hint or "")
