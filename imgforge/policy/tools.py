"""What a spec does not ask for, its image does not get, whatever the policy would allow."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from imgforge.policy.bounds import FLAGS, Policy


def asked_for(policy: Policy, tools: Collection[str]) -> Policy:
    """Return ``policy`` for an image whose spec asks for ``tools``, kinds of programs.

    A kind, such as ``shell``, stays allowed only if it is among them. Being root is none.
    """
    wanted = {"allow_root", *(f"allow_{tool.replace('-', '_')}" for tool in tools)}
    flags: dict[str, Any] = {flag: getattr(policy, flag) and flag in wanted for flag in FLAGS}
    return dataclasses.replace(policy, **flags)
