"""Predicates by someone who may sign, but means harm: reasons, never an error, and never slowly."""

from __future__ import annotations

import copy
import datetime as dt
import time
from typing import Any

import condition
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge import lock, repository
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Blobs
from imgforge.signing.statement import (
    CYCLONEDX,
    FINDINGS,
    PROVENANCES,
    SPDX,
    VULNERABILITIES,
    VULNS,
)
from imgforge.verify.conditions import Judged, held, provenance, sbom
from imgforge.verify.demand import Attested

KINDS = (*PROVENANCES, SPDX, CYCLONEDX, FINDINGS, VULNERABILITIES, *VULNS, "https://example.com/x")
WORDS = (
    *("buildDefinition", "buildType", "externalParameters", "resolvedDependencies", "runDetails"),
    *("builder", "id", "metadata", "materials", "invocation", "configSource", "uri", "digest"),
    *("gitCommit", "sha1", "sha256", "name", "source", "annotations", "dirty", "flattened"),
    *("workflow", "repository", "ref", "request", "root", "args", "vcs:source", "vcs:revision"),
    *("parameters", "buildkit_metadata", "vcs", "revision", "spdxVersion", "packages", "@graph"),
    *("@context", "type", "externalRefs", "referenceType", "referenceLocator", "relationships"),
    *("bomFormat", "specVersion", "components", "component", "purl", "version", "hashes"),
    *("scanner", "result", "findings", "severity", "ignored", "ignoredUntil", "day", "check"),
    *("scanFinishedOn", "SchemaVersion", "Results", "Target", "Class", "Vulnerabilities", "CVSS"),
    *("matches", "descriptor", "vulnerability", "cvss", "metrics", "baseScore", "runs", "tool"),
    *("driver", "rules", "results", "level", "kind", "ruleId", "ruleIndex", "properties"),
    *("security-severity", "invocations", "executionSuccessful", "score", "method", "Severity"),
)
TEXTS = (
    *("https://imgforge.dev/build/v1", "https://mobyproject.org/buildkit@v1", "source", "git+"),
    *("git+https://example.com/a@refs/heads/main", "oci:x@y", "pkg:docker/x", "c" * 40, "high"),
    *("SPDX-2.3", "CycloneDX", "1.6", "purl", "pkg:npm/x@1", "software_Package", "imgforge 1"),
    *("2026-11-28", "2026-11-28T00:00:00Z", "grype", "2.1.0", "os-pkgs", "UNKNOWN", "LOW", "9.9"),
    *("\ud800", "\x00\x1b[2J", "9" * 400, "a" * 20_000, "@" * 50, "pkg:" + "/" * 3000),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**320),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(TEXTS),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), inner, max_size=8),
    ),
    max_leaves=30,
)


class Nothing(Blobs):
    """Blobs of which none is there."""

    place = "nowhere"

    def open_blob(self, descriptor: object) -> Any:  # noqa: ANN401 - it never returns
        raise FileNotFoundError(descriptor)

    def open_index(self) -> Any:  # noqa: ANN401 - it never returns
        raise FileNotFoundError


COMMIT = "c" * 40
GIT = {"uri": "git+https://example.com/a@refs/heads/main", "digest": {"gitCommit": COMMIT}}
SAMPLES: tuple[tuple[str, Any], ...] = (
    (
        PROVENANCES[0],
        {
            "buildDefinition": {
                "buildType": "https://imgforge.dev/build/v1",
                "externalParameters": {"workflow": {"repository": "https://example.com/a"}},
                "resolvedDependencies": [
                    {**GIT, "name": "source", "annotations": {"dirty": False}},
                    {"uri": "oci:x", "digest": {"sha256": "a" * 64}},
                ],
            },
            "runDetails": {"builder": {"id": "x"}, "metadata": {"buildkit_metadata": {"vcs": {}}}},
        },
    ),
    (
        PROVENANCES[1],
        {
            "buildType": "https://mobyproject.org/buildkit@v1",
            "builder": {"id": "x"},
            "invocation": {
                "configSource": {"uri": "https://example.com/a.git#main", "digest": {}},
                "parameters": {"args": {"vcs:source": "x", "vcs:revision": COMMIT}},
            },
            "materials": [GIT],
        },
    ),
    (
        SPDX,
        {
            "spdxVersion": "SPDX-2.3",
            "packages": [
                {
                    "name": "x",
                    "SPDXID": "x",
                    "checksums": [{"algorithm": "SHA256", "checksumValue": "x"}],
                    "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/x@1"}],
                }
            ],
            "relationships": [{"relationshipType": "DESCRIBES", "relatedSpdxElement": "x"}],
        },
    ),
    (
        CYCLONEDX,
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": {"component": {"type": "container", "name": "x", "hashes": []}},
            "components": [{"type": "library", "name": "x", "purl": "pkg:npm/x@1"}],
        },
    ),
    (
        FINDINGS,
        {"scanner": "imgforge 1", "day": "2026-11-28", "findings": [{"severity": "low"}]},
    ),
    (
        VULNERABILITIES,
        {
            "scanner": {
                "result": {
                    "SchemaVersion": 2,
                    "Results": [
                        {
                            "Target": "x",
                            "Class": "os-pkgs",
                            "Vulnerabilities": [{"Severity": "LOW", "CVSS": {"x": {"V3Score": 1}}}],
                        }
                    ],
                }
            },
            "metadata": {"scanFinishedOn": "2026-11-28T00:00:00Z"},
        },
    ),
    (
        VULNS[1],
        {
            "scanner": {"result": [{"id": "x", "severity": [{"method": "nvd", "score": "low"}]}]},
            "metadata": {"scanFinishedOn": "2026-11-28T00:00:00Z"},
        },
    ),
)


def demands(kind: str, locked: Any) -> list[Attested]:  # noqa: ANN401 - a path or None
    return [
        Attested(kind, builder="x", source="https://example.com/*", ref="*", build_type="*"),
        Attested(kind, locked=locked),
        Attested(kind, true=True),
        Attested(kind, below="low", max_age=3),
        Attested(kind, where={"/scanner/result": "*", "/materials/0/uri": "x*"}),
    ]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - a path
    path = tmp_path_factory.mktemp("lock") / "imgforge.lock"
    path.write_text("")
    return path


@pytest.fixture(autouse=True)
def _pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each example the reading of a lock."""
    monkeypatch.setattr(lock, "read", lambda _: None)
    monkeypatch.setattr(provenance, "_pins", lambda _: frozenset({"sha256:" + "a" * 64}))


def judge(kind: str, predicate: object, locked: object) -> None:
    subject = Judged("sha256:" + "a" * 64, Nothing(), condition.IMAGE, dt.date(2026, 11, 28))
    for demand in demands(kind, locked):
        reasons = held(demand, predicate, subject)
        assert len(reasons) <= 21
        assert all(r.isascii() and r.isprintable() and 0 < len(r) < 1500 for r in reasons)


relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@relaxed
@given(kind=st.sampled_from(KINDS), predicate=values)
def test_any_json_gives_reasons_only(locked: object, kind: str, predicate: object) -> None:
    judge(kind, predicate, locked)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every part of a JSON value."""
    below: Any = ()
    if isinstance(value, dict):
        below = value.items()
    elif isinstance(value, list):
        below = enumerate(value)
    return [path, *(place for key, inner in below for place in places(inner, (*path, key)))]


@relaxed
@given(sample=st.sampled_from(SAMPLES), data=st.data())
def test_any_part_of_a_good_one_may_be_anything(
    locked: object, sample: tuple[str, Any], data: st.DataObject
) -> None:
    kind, predicate = copy.deepcopy(sample)
    path = data.draw(st.sampled_from(places(predicate)[1:]))
    inner = predicate
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = data.draw(values)
    judge(kind, predicate, locked)


@relaxed
@given(predicate=values)
def test_what_proves_a_thing_must_say_it(predicate: object) -> None:
    """No predicate that lacks what is demanded holds: here, that of an unknown type."""
    subject = Judged("sha256:" + "a" * 64, None, condition.IMAGE, dt.date(2026, 11, 28))
    for demand in demands("https://example.com/x", None)[:1]:
        assert held(demand, predicate, subject)
    for demand in (Attested(SPDX, true=True), Attested(CYCLONEDX, true=True)):
        assert held(demand, predicate, subject)


@relaxed
@given(text=st.one_of(st.text(), st.sampled_from(TEXTS)))
def test_uris_are_read_or_refused(text: str) -> None:
    for read in (repository.read, repository.read_context, sbom.normal):
        try:
            read(text)
        except ValueError:
            continue
    assert "@" not in repository.of_remote(text)
    repository.folded(text)


@pytest.mark.parametrize("glob", ["*a*a*a*a*a*a*a*a*b", "*" * 50 + "b", "*?" * 40 + "b"])
def test_no_text_makes_a_glob_slow(glob: str) -> None:
    began = time.process_time()
    predicate = {"a": "a" * 10_000}
    assert condition.against(predicate, KINDS[-1], where={"/a": glob})
    assert time.process_time() - began < 1


def test_depth_and_floods_are_bounded() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"components": [deep], "a": deep, "type": "file", "name": "x"}
    for kind in KINDS:
        for demand in ({"below": "low"}, {"source": "*"}, {"where": {"/a/a": "x"}}):
            assert condition.against({"scanner": {"result": deep}, "a": deep}, kind, **demand)
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [deep]}
    (reason,) = condition.against(bom, CYCLONEDX)
    assert "components" in reason
    wide = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "x"}] * 500_001}
    (reason,) = condition.against(wide, SPDX)
    assert "over 500000" in reason


def test_a_lock_that_is_broken_is_no_reason_but_an_error(
    tmp_path: Any,  # noqa: ANN401 - a path
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    path = tmp_path / "imgforge.lock"
    path.write_text("broken")
    with pytest.raises(InvalidInputError):
        condition.against(SAMPLES[0][1], SAMPLES[0][0], locked=path)
