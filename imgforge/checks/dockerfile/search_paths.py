"""IF163: search paths for programs and libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF163",
    Severity.MEDIUM,
    "Programs or libraries are searched where others may write",
    why=(
        "An empty entry, a relative one or a folder that everybody may write in PATH or "
        "LD_LIBRARY_PATH lets whoever writes there choose which program runs under a known "
        "name. LD_PRELOAD puts a library into every process."
    ),
    remedy=(
        "Use absolute folders that root owns, and leave LD_PRELOAD to whoever starts the container."
    ),
    example="""\
ENV PATH=.:/tmp/bin:$PATH
# better
ENV PATH=/app/bin:$PATH
""",
    references=("CWE-426", "CWE-427"),
)

_LISTS: Final = frozenset({"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "NODE_PATH", "PERL5LIB"})
_STRICT: Final = frozenset({"PATH", "LD_LIBRARY_PATH"})
_SHARED: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - the very thing that is looked for


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the variables of ENV in the image's own stages."""
    for step in subject.shipped("ENV"):
        for name, value in step.pairs:
            what = _fault(name, value or "")
            if what:
                message = f"ENV {name} {what}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=name)


def _fault(name: str, value: str) -> str:
    if name in {"LD_PRELOAD", "LD_AUDIT"} and value:
        return "loads a library into every process"
    if name not in _LISTS:
        return ""
    strict = name in _STRICT and value
    for folder in value.split(":"):
        if folder.startswith(_SHARED):
            return f"has {folder}, where everybody may write"
        if (strict and folder in {"", "."}) or folder.startswith("./"):
            return "has the folder that happens to be the current one"
        if strict and not folder.startswith(("/", "$", "~")):
            return f"has the relative folder {folder}"
    return ""
