"""IF180: the whole context copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF180",
    Severity.MEDIUM,
    "The whole folder is copied, secrets and history included",
    why=(
        "COPY . takes everything that lies in the folder that day: .git with its history "
        "and remotes, .env and keys of whoever builds, caches. It is then in a layer for "
        "good. A .dockerignore keeps it away, from the builder too."
    ),
    remedy=(
        "Copy the folders that are needed by name, or list .git, .env and keys in a .dockerignore."
    ),
    example="""\
COPY . /app
# better
COPY src/ /app/src/
""",
    references=("CIS Docker Benchmark 4.10", "Dockle DKL-LI-0003", "CWE-538"),
)

_UNWANTED: Final = (
    *(".git", ".env", ".npmrc", ".netrc", ".pypirc", ".aws", ".ssh", ".docker", ".kube", ".gnupg"),
    *(".svn", ".hg", ".envrc", ".terraform", "id_rsa", "id_ed25519", "terraform.tfstate"),
)
"""Names at the top of a folder that an image should never have."""


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find COPY and ADD of the folder itself, and say what would come along if that is known."""
    for stage, step in subject.steps():
        if step.name not in {"COPY", "ADD"} or step.instruction.flag("from"):
            continue
        if not any(source in {".", "./", "/", "*", "./*"} for source in step.args[:-1]):
            continue
        excluded = {value.strip("/") for value in step.instruction.values("exclude")}
        context = subject.context
        if context is None:
            message = f"{step.name} takes the whole folder; what lies in it is not known here"
            severity = Severity.INFO
        else:
            found = [n for n in _UNWANTED if n in context.names and context.sends(n)]
            found = [name for name in found if name not in excluded]
            if not found and context.ignore is not None and not context.sends(".git"):
                continue
            severity = Severity.MEDIUM if found else Severity.INFO
            message = f"{step.name} takes the whole folder"
            message += f", with {', '.join(found)}" if found else ", and nothing keeps .git away"
        yield RULE.finding(
            message,
            path=subject.path,
            line=step.line,
            key=f"{stage.title}:{step.args[0]}",
            severity=severity,
        )
