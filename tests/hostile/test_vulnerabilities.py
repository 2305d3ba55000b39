"""VEX documents, reports and baselines by somebody who means harm: an error or a refusal, soon."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import madescan as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.errors import InvalidInputError
from imgforge.policy import Policy
from imgforge.report import scan, scan_json, scan_predicate
from imgforge.vulnerabilities import adapters, baseline, vex
from imgforge.vulnerabilities.adapters import joined
from imgforge.vulnerabilities.scan import Scanner
from imgforge.vulnerabilities.scanned import UNASKED
from imgforge.vulnerabilities.vex.applied import Subject, apply

DAY = dt.date(2026, 7, 1)
SUBJECT = Subject("acme/web", (made.DIGEST,))
WORDS = (
    *("@context", "https://openvex.dev/ns/v0.2.0", "statements", "vulnerability", "name", "@id"),
    *("products", "status", "not_affected", "justification", "component_not_present", "author"),
    *("timestamp", "2026-01-01T00:00:00Z", "subcomponents", "identifiers", "purl", "hashes"),
    *("bomFormat", "CycloneDX", "vulnerabilities", "analysis", "state", "affects", "ref", "id"),
    *("versions", "components", "bom-ref", "metadata", "document", "csaf_version", "cve", "flags"),
    *("product_tree", "branches", "product_status", "known_not_affected", "tracking"),
    *("SchemaVersion", "Results", "Vulnerabilities", "VulnerabilityID", "CVSS", "Severity"),
    *("matches", "descriptor", "grype", "artifact", "fix", "epss", "locations", "CVE-2026-1"),
    *("targets", "images", "tool", "imgforge", "version", "PkgIdentifier", "PURL"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=30,
)
HEADS: tuple[dict[str, Any], ...] = (
    {"@context": "https://openvex.dev/ns/v0.2.0"},
    {"bomFormat": "CycloneDX"},
    {"document": {"csaf_version": "2.0"}},
    {"SchemaVersion": 2},
    {"matches": [], "descriptor": {"name": "grype"}},
    {"tool": {"name": "imgforge"}, "version": 1},
)


@given(st.sampled_from(HEADS), st.dictionaries(st.sampled_from(WORDS), JSON, max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_document_is_more_than_refused(
    tmp_path_factory: pytest.TempPathFactory, head: dict[str, Any], rest: dict[str, Any]
) -> None:
    data = json.dumps({**rest, **head}, allow_nan=True).encode(errors="surrogatepass")
    path = tmp_path_factory.getbasetemp() / "baseline.json"
    path.write_bytes(data)
    assert refusal(lambda: vex.read(data, "x")).isprintable()
    assert refusal(lambda: adapters.read(data, "x")).isprintable()
    assert refusal(lambda: baseline.load(path)).isprintable()


def refusal(read: Callable[[], object]) -> str:
    """Return why something is not read, or nothing; any other error is a bug."""
    try:
        read()
    except InvalidInputError as error:
        return error.message
    return ""


def openvex(products: list[Any], count: int = 1, **fields: Any) -> bytes:  # noqa: ANN401 - JSON
    one = {
        "vulnerability": {"name": "CVE-2026-1"},
        "products": products,
        "status": "not_affected",
        "justification": "component_not_present",
        **fields,
    }
    head = {"@context": vex.OPENVEX[0], "timestamp": "2026-01-01T00:00:00Z", "author": "a\x1b[2J"}
    return json.dumps({**head, "statements": [one] * count}).encode()


@pytest.mark.parametrize(
    "name", ["pkg:*/*", "pkg:pypi/**", "*", ".*", "[", "pkg:pypi/[r]equests", ""]
)
def test_nothing_means_everything(name: str) -> None:
    (found,) = joined((), [adapters.read(trivy(), "x")], made.inventory())
    try:
        documents = [vex.read(openvex([{"@id": name}]), "x")]
    except InvalidInputError:
        return
    (one,), _ = apply([found], documents, made.inventory(), SUBJECT, DAY)
    assert one.statement is None


def trivy(**fields: Any) -> bytes:  # noqa: ANN401 - JSON
    found = {
        "VulnerabilityID": "CVE-2026-1",
        "PkgName": "requests",
        "InstalledVersion": "2.31.0",
        "PkgIdentifier": {"PURL": made.REQUESTS},
        "Severity": "HIGH",
        **fields,
    }
    return json.dumps({"SchemaVersion": 2, "Results": [{"Vulnerabilities": [found]}]}).encode()


def test_what_a_terminal_obeys_never_reaches_it() -> None:
    evil = "a\x1b]0;x\x07\u202e\nb"
    report = adapters.read(
        trivy(Title=evil, FixedVersion=evil, PkgName=evil, PkgIdentifier={}, InstalledVersion=evil),
        "x",
    )
    document = vex.read(
        openvex([{"@id": made.DIGEST}], justification=None, impact_statement=evil), "x"
    )
    scanner = Scanner(Policy(day=DAY), None, UNASKED, (document,))
    scanned = scanner.scan(made.inventory(), SUBJECT, reports=[report])
    assert scanned.found[0].statement is not None
    from imgforge import scanning
    from imgforge.vulnerabilities.contents import Contents

    read = Contents(evil, made.DIGEST, evil, (made.inventory(),))
    result = scanning.judged(evil, read, [scanned], Policy(day=DAY))
    for text in (
        scan.render([result]),
        scan_json.render([result], DAY, UNASKED),
        scan_predicate.render([result], DAY, UNASKED).decode(),
    ):
        assert text.isascii()
        assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["", "CVE 1", "CVE-1\n", "\x1b[2J", "a" * 300, 7, None, ["CVE-1"]])
def test_a_report_with_a_name_that_is_none_is_refused(name: object) -> None:
    with pytest.raises(InvalidInputError, match="x is no report"):
        adapters.read(trivy(VulnerabilityID=name), "x")


def test_a_huge_document_is_read_in_time_or_refused() -> None:
    start = time.process_time()
    big = openvex([{"@id": f"pkg:pypi/p{n}"} for n in range(50)], 5_000)
    document = vex.read(big, "x")
    (found,) = joined((), [adapters.read(trivy(), "x")], made.inventory())
    apply([found], [document], made.inventory(), SUBJECT, DAY)
    assert time.process_time() - start < 20
    for data in (b"[" * 100_000, b'{"a":' * 100_000, b" " * (vex.MAX_SIZE + 1)):
        with pytest.raises(InvalidInputError):
            vex.read(data, "x")


def test_components_within_components_end() -> None:
    inner: dict[str, Any] = {"bom-ref": "x", "purl": "pkg:pypi/x"}
    for _ in range(200):
        inner = {"components": [inner]}
    data = {"bomFormat": "CycloneDX", "components": [inner], "vulnerabilities": []}
    assert vex.read(json.dumps(data).encode(), "x").statements == ()


def test_a_baseline_that_is_none_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"{}", b'{"version": 1}', b"[" * 9999, b"\xff"):
        (tmp_path / "b.json").write_bytes(data)
        with pytest.raises(InvalidInputError, match="is no earlier scan"):
            baseline.load(tmp_path / "b.json")
