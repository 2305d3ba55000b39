"""IF054: PATH leads to places where somebody else may put programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import Identity, identity, may_replace, may_write
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF054",
    Severity.MEDIUM,
    "PATH has a relative or writable directory",
    why="A program that is called by its name alone is looked for in each directory of PATH. Who"
    " may write into one of them, or chooses the working directory that a relative entry means,"
    " decides what runs instead.",
    remedy="Name absolute directories only, owned by root and closed to others.",
    example="ENV PATH=$PATH:.:/home/app/bin\nENV PATH=/usr/local/bin:/usr/bin",
    references=("CWE-426", "CWE-427", "CIS Distribution Independent Linux 6.2.6"),
)

DEFAULT: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What Docker and containerd set where the image sets nothing."""


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find entries that are empty (which means here), relative, writable, or could be made."""
    value, who = image.settings.variable("PATH"), identity(image)
    for folder in dict.fromkeys((DEFAULT if value is None else value).split(":")):
        problem = unsafe(image, who, folder)
        if problem:
            yield RULE.finding(f"PATH has {problem}", path=folder.strip("/"), key=folder)


def unsafe(image: ImageFacts, who: Identity, folder: str) -> str:
    """Say what is wrong with an entry of a search path; empty if root alone decides about it."""
    if not folder.startswith("/"):
        return f"the relative directory {folder!r}" if folder else "an empty entry, which means ."
    path = image.resolve(folder)
    fact = None if path is None else image.files.get(path)
    if fact is not None and may_write(who, fact):
        return f"{folder}, which may be written ({fact.mode:04o}, owner {fact.uid}:{fact.gid})"
    missing = path is None
    if may_replace(image, who, folder.strip("/") if path is None else path):
        return f"{folder}, which could be {'made' if missing else 'exchanged'}"
    return ""
