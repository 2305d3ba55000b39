"""IF235: a stack without tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject
from imgforge.trial.expect import FILE as EXPECT
from imgforge.workshop import tests

RULE: Final = Rule(
    "IF235",
    Severity.MEDIUM,
    "The stack has no tests",
    why=(
        "That a stack renders says little: whether what it installs runs without a shell, as "
        "nobody, with nothing writable, only a real image shows. Without a test the first one to "
        "learn that an update of a base broke it is an application's team, in production."
    ),
    remedy="Make a folder below tests/ with a small application, its spec and an expect.toml.",
    example="""\
acme-web/tests/basic/imgforge.toml
acme-web/tests/basic/expect.toml
acme-web/tests/basic/app/...
""",
    references=("NIST SP 800-218 PW.8", "imgforge docs/how-to/own-stack.md"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look for tests, and for those that say nothing of what is expected."""
    found = tests.of(subject.folder)
    if not found:
        path, line = subject.toml("name")
        yield RULE.finding("there are no tests", path=path, line=line, key="none")
    for test in tests.own(subject.folder):
        if not (test / EXPECT).is_file():
            name = f"tests/{test.name}/imgforge.toml"
            message = f"there is no {EXPECT} beside it"
            yield RULE.finding(message, path=subject.path(name), line=1, key=test.name)
