from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imgforge import checks
from imgforge.checks.finding import Finding, Severity
from imgforge.policy import Policy


def finding(severity: Severity, layer: str) -> Finding:
    return Finding("IF020", severity, "t", "m", "r", path="app/key.pem", layer=layer, key="pem")


def test_a_mild_finding_never_hides_a_worse_one_with_its_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One path can be a published test key in one layer and a credential in another."""
    worst, mild = finding(Severity.CRITICAL, "a"), finding(Severity.LOW, "b")
    assert worst.fingerprint == mild.fingerprint
    platforms: Iterator[list[Finding]] = iter([[worst, mild], [mild]])
    monkeypatch.setattr(checks, "run", lambda *_: next(platforms))
    images: Any = [None, None]
    judged = checks.judge(images, Policy())
    assert judged == [worst, mild]
    assert not checks.gate_holds(judged, Policy())
