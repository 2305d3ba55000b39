"""The checks of images, one module each: a rule, and what it looks for.

Ids stand in groups: IF00x who it runs as and which accounts it has, IF01x privileges, IF02x
credentials, IF03x attack surface, IF04x integrity, IF05x running, IF06x origin, age and size,
IF07x what does not belong, IF08x drift from a spec, IF09x the policy itself; IF1xx are rules of
Dockerfiles, but IF19x those of ``checks.inventory``. To add a check, write a module and name it in
``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding
from imgforge.checks.image import (
    account_files,
    added,
    age,
    base,
    budget,
    caches,
    capabilities,
    credential_files,
    devices,
    digests,
    downloader,
    duplicate_ids,
    end_of_life,
    entrypoint,
    expired_ignore,
    expiring_ignore,
    health,
    injection,
    labels,
    leftovers,
    malformed,
    malware,
    named_user,
    package_manager,
    package_records,
    passwords,
    places,
    ports,
    remote_login,
    root_group,
    root_user,
    search_path,
    second_root,
    secret_config,
    secret_env,
    secret_files,
    setuid,
    shell,
    sudo,
    toolchain,
    traversal,
    unread,
    unverified,
    updates,
    world_writable,
    writable_code,
)
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy


class Check(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:
        """Yield what is wrong with ``image``."""


CHECKS: Final[tuple[Check, ...]] = (
    root_user,
    named_user,
    root_group,
    second_root,
    duplicate_ids,
    passwords,
    setuid,
    capabilities,
    world_writable,
    account_files,
    writable_code,
    secret_files,
    secret_env,
    secret_config,
    credential_files,
    shell,
    package_manager,
    toolchain,
    downloader,
    sudo,
    remote_login,
    digests,
    malformed,
    traversal,
    devices,
    unread,
    package_records,
    entrypoint,
    health,
    labels,
    places,
    search_path,
    injection,
    ports,
    updates,
    unverified,
    added,
    base,
    age,
    end_of_life,
    budget,
    malware,
    leftovers,
    caches,
    expired_ignore,
    expiring_ignore,
)
