"""``imgforge scan``: what is named is read, judged, printed, and compared with an earlier scan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import madeimage
import madescan as made
import pytest

from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.report.scan_json import json_schema
from imgforge.sbom import cyclonedx, spdx

Scan = Callable[..., tuple[int, str]]


@pytest.fixture
def scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scan:
    """Return what scans SBOMs in a folder with a database of one advisory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGFORGE_DB", str(made.database(tmp_path)))
    boms = tmp_path / "sboms" / "deep"
    boms.mkdir(parents=True)
    bad, good = made.inventory(), made.inventory(made.component("pkg:pypi/flask@3.0.0"))
    (boms / "bad.json").write_bytes(cyclonedx.render(bad, name="acme/bad", created=0))
    (boms / "good.json").write_bytes(spdx.render(good, name="acme/good", created=0))

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["scan", *arguments])
        out, err = capsys.readouterr()
        return code, out + err

    return run


def value(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text)[0]
    jsonschema.validate(found, json_schema())
    return found


def vex(tmp_path: Path, purl: str = "pkg:pypi/requests") -> str:
    said = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "web team",
        "timestamp": "2026-01-01T00:00:00Z",
        "statements": [
            {
                "vulnerability": {"name": "CVE-2024-35195"},
                "products": [{"@id": purl}],
                "status": "not_affected",
                "justification": "vulnerable_code_not_in_execute_path",
            }
        ],
    }
    (tmp_path / "web.vex.json").write_text(json.dumps(said))
    return "web.vex.json"


def test_folders_of_sboms_are_judged_by_what_has_to_change(scan: Scan) -> None:
    code, said = scan("sboms")
    assert code == 10
    assert "critical CVE-2024-35195  requests 2.31.0 -> 2.32.0" in said
    assert "1 of 2 targets have no known vulnerability" in said
    assert "2 targets, 1 failed: 1 critical" in said
    assert scan("sboms/deep/good.json")[0] == 0


def test_json_is_as_its_schema_says(scan: Scan) -> None:
    code, said = scan("sboms", "--format", "json", "--quiet")
    found = value(said)
    assert (code, found["passed"]) == (10, False)
    bad, good = found["targets"]
    assert (bad["gate"]["passed"], good["gate"]["passed"]) == (False, True)
    (one,) = bad["images"][0]["vulnerabilities"]
    assert one["id"] == "CVE-2024-35195"
    assert one["aliases"] == ["GHSA-9wx4-h78v-vm56"]
    assert (one["fixed"], one["score"], one["fails"]) == ("2.32.0", 9.8, True)
    assert one["published"] == "2024-05-20"


def test_a_vex_statement_excuses_and_is_shown(scan: Scan, tmp_path: Path) -> None:
    code, said = scan("sboms", "--vex", vex(tmp_path))
    assert code == 0
    assert "VEX not_affected: vulnerable_code_not_in_execute_path, by web team" in said
    assert "1 of 1 statements matched: 1" in said
    other = vex(tmp_path, "pkg:pypi/flask@1")
    code, said = scan("sboms", "--vex", other, "--format", "json", "--quiet")
    assert code == 10
    assert [t["images"][0]["vex"][0]["matched"] for t in value(said)["targets"]] == [[], []]


@pytest.mark.parametrize("form", ["sarif", "github"])
def test_other_formats_have_the_rule(scan: Scan, form: str) -> None:
    code, said = scan("sboms", "--format", form, "--quiet")
    assert code == 10
    assert "IF200" in said


def test_the_predicate_is_cosigns_and_has_no_path(scan: Scan, tmp_path: Path) -> None:
    from imgforge.signing import predicate
    from imgforge.signing.statement import VULNERABILITIES

    target = str(tmp_path / "sboms/deep/bad.json")
    code, _ = scan(target, "--format", "vuln", "--output", "vuln.json")
    assert code == 10
    data = predicate.read(VULNERABILITIES, tmp_path / "vuln.json")
    assert str(tmp_path).encode() not in data
    scan(target, "--format", "vuln", "--output", "again.json")
    assert (tmp_path / "again.json").read_bytes() == data


def test_what_our_predicate_says_can_be_demanded(scan: Scan, tmp_path: Path) -> None:
    import datetime as dt

    from imgforge.signing.statement import VULNERABILITIES
    from imgforge.verify.conditions import scans
    from imgforge.verify.demand import Attested

    for arguments, bad in (([], True), (["--vex", vex(tmp_path)], False)):
        scan("sboms/deep/bad.json", *arguments, "--format", "vuln", "--output", "vuln.json")
        said = json.loads((tmp_path / "vuln.json").read_text())
        wanted = Attested(VULNERABILITIES, below="high", max_age=1)
        today = dt.datetime.now(dt.UTC).date()
        reasons = list(scans.reasons(wanted, said, today))
        assert bool(reasons) is bad
        assert not bad or "CVE-2024-35195" in reasons[0]


def test_an_earlier_scan_says_what_is_new_and_gone(scan: Scan, tmp_path: Path) -> None:
    scan("sboms", "--format", "json", "--output", "before.json")
    assert "new since before.json: 0; gone: 0" in scan("sboms", "--baseline", "before.json")[1]
    (tmp_path / "more").mkdir()
    flask = made.advisory("GHSA-f", package="flask", fixed="3.1.0", aliases=["CVE-2026-7"])
    database = made.database(tmp_path / "more", flask)
    arguments = ["sboms", "--baseline", "before.json", "--db", str(database)]
    said = scan(*arguments)[1]
    assert "new since before.json: 1; gone: 1" in said
    assert "+ CVE-2026-7  pkg:pypi/flask@3.0.0  in sboms/deep/good.json" in said
    found = value(scan(*arguments, "--format", "json", "--quiet")[1])
    assert [e["id"] for e in found["changes"]["new"]] == ["CVE-2026-7"]
    assert [e["id"] for e in found["changes"]["gone"]] == ["CVE-2024-35195"]
    lost = scan("sboms/deep/good.json", "--baseline", "before.json")[1]
    assert "not scanned now: sboms/deep/bad.json" in lost


def test_a_day_says_what_is_new(scan: Scan) -> None:
    assert "new since 2024-05-20: 1" in scan("sboms", "--since", "2024-05-20")[1]
    assert "new since 2024-05-21: 0" in scan("sboms", "--since", "2024-05-21")[1]
    assert scan("sboms", "--since", "May")[0] == 2


def test_a_list_names_targets(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# ours\n\nsboms/deep/good.json # this one\n")
    assert scan("--list", "list.txt")[0] == 0
    assert scan("--list", "none.txt")[0] == 2


def test_what_cannot_be_read_is_told_beside_what_can(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "sboms" / "broken.json").write_text('{"name": "package.json"}')
    code, said = scan("sboms")
    assert code == 2
    assert "1 of 3 targets could not be scanned" in said
    assert "CVE-2024-35195" in said


def test_many_sboms_are_read_by_several_processes(scan: Scan, tmp_path: Path) -> None:
    good = (tmp_path / "sboms/deep/good.json").read_bytes()
    for number in range(40):
        (tmp_path / "sboms" / f"{number:02}.json").write_bytes(good)
    (tmp_path / "sboms" / "99.json").write_text('{"spdxVersion": "SPDX-2.3", "packages": 1}')
    code, said = scan("sboms", "--format", "json", "--quiet")
    found = value(said)
    assert code == 2
    assert len(found["targets"]) == 42
    assert [each["target"] for each in found["failed"]] == ["sboms/99.json"]


def test_a_layout_is_read(scan: Scan, tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    meta = b"Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\n"
    name = "usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA"
    layout.write_index([madeimage.add(layout, [madeimage.tar(madeimage.file(name, meta))])])
    code, said = scan("layout", "--format", "json", "--quiet")
    assert code == 10
    (one,) = value(said)["targets"][0]["images"][0]["vulnerabilities"]
    assert one["path"] == name
    code, said = main_check(layout, tmp_path)
    assert code == 10
    assert "IF200" in said


def main_check(layout: Layout, tmp_path: Path) -> tuple[int, str]:
    out = tmp_path / "check.json"
    code = main(["check", str(layout.path), "--format", "json", "--output", str(out)])
    return code, out.read_text()


ACCEPTED = """\
[[vulnerabilities.ignore]]
id = 'CVE-2024-35195'
reason = 'r'
owner = 'o'
expires = """
POLICIES = [
    ("[vulnerabilities]\nfail-on = 'critical'", ["--fail-on", "high"], 10),
    ("fail-on = 'medium'", ["--fail-on", "high"], 2),
    ("", ["--only-fixed"], 2),
    ("", ["--vex", "web.vex.json"], 2),
    ("[delegate]\nchecks = ['IF200']", ["--vex", "web.vex.json"], 0),
    ("[vulnerabilities]\nvex = ['*.vex.json']", [], 0),
    ("[vulnerabilities]\nvex = ['*.nothing']", [], 2),
    ("[vulnerabilities]\nrequired = true\ndatabase-max-age = 0", [], 5),
    ("[vulnerabilities]\ngrace = 36500", [], 0),
    (f"{ACCEPTED}2999-01-01", [], 0),
    (f"{ACCEPTED}2020-01-01", [], 10),
]


@pytest.mark.parametrize(("text", "flags", "code"), POLICIES)
def test_a_policy_bounds_what_flags_say(
    scan: Scan, tmp_path: Path, text: str, flags: list[str], code: int
) -> None:
    vex(tmp_path)
    (tmp_path / "policy.toml").write_text(text)
    assert scan("sboms", "--policy", "policy.toml", *flags)[0] == code


def test_without_a_database_nothing_passes(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_DB", str(tmp_path / "none"))
    code, said = scan("sboms/deep/good.json")
    assert code == 2
    assert "there is no advisory database" in said
    (tmp_path / "policy.toml").write_text("[vulnerabilities]\nrequired = true")
    code, said = scan("sboms/deep/good.json", "--policy", "policy.toml")
    assert code == 5
    assert "the policy requires a scan" in said
    (tmp_path / "none").write_bytes(b"no database")
    assert scan("sboms/deep/good.json")[0] == 2


def test_another_scanners_report_counts(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        "VulnerabilityID": "CVE-2026-9",
        "PkgName": "flask",
        "InstalledVersion": "3.0.0",
        "PkgIdentifier": {"PURL": "pkg:pypi/flask@3.0.0"},
        "FixedVersion": "3.1.0, 4.0.0",
        "Severity": "HIGH",
    }
    report = {
        "SchemaVersion": 2,
        "ArtifactName": "x",
        "Results": [{"Target": "Python", "Class": "lang-pkgs", "Vulnerabilities": [found]}],
    }
    (tmp_path / "trivy.json").write_text(json.dumps(report))
    arguments = ["sboms/deep/good.json", "--report", "trivy.json"]
    code, said = scan(*arguments, "--format", "json", "--quiet")
    assert code == 10
    (one,) = value(said)["targets"][0]["images"][0]["vulnerabilities"]
    assert (one["id"], one["source"], one["fixed"]) == ("CVE-2026-9", "trivy", "3.1.0")
    monkeypatch.setenv("IMGFORGE_DB", str(tmp_path / "none"))
    assert scan(*arguments)[0] == 2  # one that is named must be there
    monkeypatch.delenv("IMGFORGE_DB")
    assert scan(*arguments)[0] == 10
    assert scan("sboms", "--report", "trivy.json")[0] == 2


def test_a_scanner_that_is_not_installed_is_an_error(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert scan("sboms/deep/good.json", "--with", "grype")[0] == 3


def test_of_a_registry_nothing_is_believed_unasked(scan: Scan) -> None:
    code, said = scan("registry.invalid/acme/web:1")
    assert code == 2
    assert "nothing says who must have signed its SBOM" in said


def test_a_scan_that_read_nothing_is_no_scan_that_is_done(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"name": "package.json"}')
    code, said = scan("broken.json")
    assert code == 2
    assert "failed scan" in said
    assert "ok scan" not in said


def test_an_empty_list_is_no_pass(scan: Scan, tmp_path: Path) -> None:
    """The program that should have written it may have failed."""
    (tmp_path / "list.txt").write_text("# none\n\n")
    code, said = scan("--list", "list.txt")
    assert code == 2
    assert "list.txt names nothing to scan" in said
    assert scan("sboms/deep/good.json", "--list", "list.txt")[0] == 2
