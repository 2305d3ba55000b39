from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.checks.dockerfile import judge
from imgforge.checks.finding import Severity
from imgforge.policy import Policy

GOLDEN = Path(__file__).resolve().parents[3] / "golden"
RENDERED = sorted(GOLDEN.glob("*/*/Dockerfile"))

# Specs without a health check, which is theirs to say; and programs that end by themselves.
UNHEALTHY = {
    *("cases/binary", "cases/python-pip"),
    *("examples/java-maven", "examples/python-cli", "examples/rust-cli"),
}


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.parent.name)
def test_what_we_render_ourselves_has_no_findings(path: Path) -> None:
    found = judge(path.read_bytes(), "Dockerfile", Policy())
    expected = ["IF170"] if str(path.parent.relative_to(GOLDEN)) in UNHEALTHY else []
    assert [f.check for f in found if f.severity >= Severity.LOW] == expected


def test_there_are_rendered_ones() -> None:
    assert len(RENDERED) >= 5
