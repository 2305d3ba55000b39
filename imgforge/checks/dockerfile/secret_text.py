"""IF111: credentials in commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.commands import Command, options
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.downloads import CURL
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile import Step
from imgforge.policy.bounds import Policy
from imgforge.secrets import placeholder, secret_name, secret_value
from imgforge.secrets.names import listed

RULE: Final = Rule(
    "IF111",
    Severity.CRITICAL,
    "A command of the Dockerfile holds a credential",
    why=(
        "What a RUN says is kept in the image's history, and what a here-document writes is "
        "kept in a layer. A token on a command line or a password in a URL is therefore "
        "published with the image, and was given to every builder and cache on the way."
    ),
    remedy="Revoke it, and hand secrets to build steps with RUN --mount=type=secret.",
    example="""\
RUN curl -u ci:hunter22x https://example.org/a.tgz | tar xz
# better
RUN --mount=type=secret,id=netrc,target=/root/.netrc \\
    curl --netrc -o a.tgz https://example.org/a.tgz
""",
    references=("CIS Docker Benchmark 4.10", "NIST SP 800-190 4.1.4", "Trivy DS-0031", "CWE-798"),
)


_PASSWORDS: Final = listed("--password --passwd --token --api-key --auth-token --http-password")
_VALUED: Final = {
    "curl": CURL | {"--oauth2-bearer", "--proxy-user"},
    "sshpass": _PASSWORDS | {"-p"},
    "docker": _PASSWORDS | {"-p"},
}
"""Options with values, by program; those that are not curl's own are passwords."""

_AUTHORIZATION: Final = re.compile(
    r"(?i)(?:proxy-)?authorization:\s*(?:bearer|basic|token)\s+(\S+)"
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Look through texts of instructions and here-documents, and at variables before commands."""
    for stage, step in subject.steps():
        if step.name in {"ENV", "ARG", "LABEL"}:
            continue  # see IF110
        for place, text, line in _texts(step):
            kind = secret_value(text)
            if kind is not None:
                message = f"{place} holds a {kind}"
                key = f"{stage.title}:{step.name}:{kind}"
                yield RULE.finding(message, path=subject.path, line=line, key=key)
    for run in subject.runs:
        for command in run.commands():
            for what in _given(command):
                message = f"{run.step.name} in {run.stage.title} {what}"
                key = f"{run.stage.title}:{what}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)


def _given(command: Command) -> Iterator[str]:
    """Say which secrets a command is given in variables or options, not what they are."""
    words = command.assigned
    if command.name in {"export", "declare"}:
        words = (*words, *command.args)
    for name, value in (word.split("=", 1) for word in words if "=" in word):
        if secret_name(name) and _meant(value):
            yield f"sets {name}, which is named for a secret"
    valued = _VALUED.get(command.name, _PASSWORDS)
    for option, value in options(command.args, valued).given:
        if option in {"-H", "--header"}:
            secret = _AUTHORIZATION.match(value)
            given = secret is not None and _meant(secret[1])
        elif option in {"-u", "--user"}:
            given = ":" in value and _meant(value.partition(":")[2])
        else:
            given = option in valued and option not in CURL and _meant(value)
        if given:
            yield f"gives {command.name} a password with {option}"


def _meant(value: str) -> bool:
    """Whether a value is a secret itself and not where it comes from."""
    return not placeholder(value) and "$" not in value and "`" not in value


def _texts(step: Step) -> Iterator[tuple[str, str, int]]:
    yield step.name, step.instruction.text, step.line
    for heredoc in step.instruction.heredocs:
        yield f"the here-document {heredoc.name}", heredoc.content, heredoc.line
