"""The checks of Dockerfiles, one module each: a rule, and what it looks for.

Ids stand in groups: IF100 reading, IF101 who it runs as, IF11x credentials, IF12x origin of images,
IF13x downloads, IF14x packages, IF15x privileges, IF16x places and ports, IF17x running, IF18x the
build context. To add a check, write a module and name it in ``CHECKS``.

Comments in a Dockerfile excuse nothing: whoever writes the file would judge themselves. What is to
be accepted stands in the policy, with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from imgforge.checks.dockerfile import (
    accounts,
    base_allowed,
    base_argument,
    base_unpinned,
    build_privileges,
    build_tools,
    copied_image,
    credential_copy,
    exposed_ports,
    fetched_and_run,
    frontend,
    git_add,
    health_check,
    local_add,
    named_user,
    package_caches,
    permissions,
    pipefail,
    plain_http,
    remote_add,
    root_user,
    search_paths,
    secret_mount,
    secret_text,
    secret_variable,
    several_commands,
    shell_entrypoint,
    ssh_server,
    stage_names,
    sudo,
    unpinned_packages,
    unreadable,
    unverified,
    update_alone,
    upgrade,
    volumes,
    whole_context,
    workdirs,
)
from imgforge.checks.dockerfile.subject import Subject, subject
from imgforge.checks.finding import Finding
from imgforge.checks.rule import Rule
from imgforge.dockerfile.context import Context
from imgforge.dockerfile.stages import Dockerfile, examine
from imgforge.errors import ImgforgeError
from imgforge.policy.bounds import Policy


class Check(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, subject: Subject, policy: Policy) -> Iterator[Finding]:
        """Yield what is wrong with a Dockerfile."""


CHECKS: Final[tuple[Check, ...]] = (
    root_user,
    named_user,
    sudo,
    secret_variable,
    secret_text,
    credential_copy,
    secret_mount,
    base_unpinned,
    base_argument,
    base_allowed,
    copied_image,
    frontend,
    remote_add,
    git_add,
    local_add,
    fetched_and_run,
    unverified,
    plain_http,
    pipefail,
    unpinned_packages,
    update_alone,
    upgrade,
    package_caches,
    build_tools,
    permissions,
    build_privileges,
    ssh_server,
    accounts,
    volumes,
    workdirs,
    exposed_ports,
    search_paths,
    health_check,
    several_commands,
    shell_entrypoint,
    stage_names,
    whole_context,
)
RULES: Final[tuple[Rule, ...]] = (unreadable.RULE, *(check.RULE for check in CHECKS))
"""Every rule about Dockerfiles, by id."""

_LONGEST: Final = 300
"""Characters of a message."""


def judge(
    data: bytes, name: str, policy: Policy, context: Context | None = None, *, target: str = ""
) -> list[Finding]:
    """Judge a Dockerfile: every finding, by line, with ``name`` as its path.

    ``context`` is what is known of the folder, ``target`` the stage that is built. What BuildKit
    would refuse is a finding of IF100 and the only kind then. Nothing is excused or re-rated here:
    that is the caller's, with the policy, as for images. An exception inside a check is an
    ImgforgeError that names it: what was not checked has not passed.
    """
    file = examine(data, name, target=target)
    if not isinstance(file, Dockerfile):
        return list(unreadable.report(name, file))
    return run(file, policy, context)


def run(
    file: Dockerfile,
    policy: Policy,
    context: Context | None = None,
    checks: Sequence[Check] = CHECKS,
) -> list[Finding]:
    """Judge a Dockerfile that was read already."""
    read = subject(file, context)
    found: set[Finding] = set()
    for module in checks:
        try:
            found.update(module.check(read, policy))
        except Exception as error:
            raise ImgforgeError(
                f"the check {module.RULE.id} ({module.RULE.title}) failed: {error!r}",
                hint="the Dockerfile was not judged; please report this",
            ) from error
    return sorted(
        (_printable(finding) for finding in found),
        key=lambda f: (f.line, -f.severity, f.check, f.key, f.message),
    )


def _printable(finding: Finding) -> Finding:
    """Return ``finding`` with what it quotes of the file as ASCII without control characters."""
    message, key = (
        "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)
        for text in (finding.message, finding.key)
    )
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
    return replace(finding, message=shown, key=key)
