"""IF234: version and changelog that do not agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.catalogs import releases
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.stack.subject import Subject
from imgforge.workshop import papers

RULE: Final = Rule(
    "IF234",
    Severity.MEDIUM,
    "The version and the changelog do not agree",
    why=(
        "A change that was written down under a version which stack.toml does not have yet reaches "
        "nobody, or worse, reaches those who pinned the old one under its old name. Locks pin the "
        "digest besides the version, so that builds fail then instead of changing quietly."
    ),
    remedy="Give the newest heading of CHANGELOG.md and version in stack.toml the same number.",
    example="""\
version = "1.0.0" # while CHANGELOG.md begins with
## 1.1.0
""",
    references=("Semantic Versioning 2.0.0", "Keep a Changelog 1.1.0"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Compare the newest heading with the definition's version."""
    sections = papers.sections(subject.folder)
    version = subject.stack.definition.version
    if not (subject.folder / papers.CHANGELOG).is_file():
        return
    if not sections:
        message = f"{papers.CHANGELOG} has no heading for {version}"
        path, line = subject.path(papers.CHANGELOG), 1
        yield RULE.finding(message, path=path, line=line, key="none")
        return
    newest = max(sections, key=lambda section: section.version)
    if newest.version != releases.version(version):
        said = ".".join(map(str, newest.version))
        message = f"the newest version of {papers.CHANGELOG} is {said}, stack.toml has {version}"
        path, line = (
            (subject.path(papers.CHANGELOG), newest.line)
            if newest.version < releases.version(version)
            else subject.toml("version")
        )
        yield RULE.finding(message, path=path, line=line, key=version)
