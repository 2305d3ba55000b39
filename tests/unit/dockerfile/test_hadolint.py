from __future__ import annotations

import json

from imgforge.checks.dockerfile import RULES, judge
from imgforge.checks.finding import Severity
from imgforge.dockerfile import hadolint
from imgforge.policy import Policy

DATA = b"FROM a:1@sha256:" + b"a" * 64 + b"\nRUN b && \\\n  sudo c\nRUN sudo d\nUSER 5\n"


def report(*items: tuple[str, int, str]) -> bytes:
    keys = {"column": 1, "file": "x", "message": "two\nlines"}
    return json.dumps([{**keys, "code": c, "line": n, "level": v} for c, n, v in items]).encode()


def test_its_findings_are_ours() -> None:
    out = hadolint.read(report(("SC2086", 4, "info"), ("DL3027", 2, "warning")), "D")
    assert [(f.check, f.line, f.severity) for f in out] == [
        ("DL3027", 2, Severity.LOW),
        ("SC2086", 4, Severity.INFO),
    ]
    assert out[0].message == "two lines"
    assert out[0].path == "D"
    assert out[0].remedy.endswith("DL3027.")


def test_what_ours_say_in_the_same_instruction_is_not_said_twice() -> None:
    ours = judge(DATA, "D", Policy())
    theirs = hadolint.read(report(("DL3004", 2, "error"), ("DL3004", 5, "error")), "D")
    merged = hadolint.merged(ours, theirs, RULES, DATA)
    assert [(f.check, f.line) for f in merged if f.check in {"IF103", "DL3004"}] == [
        ("IF103", 3),
        ("IF103", 4),
        ("DL3004", 5),
    ]
