"""IF060: a base that the policy does not list."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.labels import PREFIX
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF060",
    Severity.HIGH,
    "The base is not one that the policy allows",
    why="Most of an image is its base, so who made it decides most of what runs. A list of bases is"
    " how an organisation keeps out those that nobody maintains or knows.",
    remedy="Build on a base that bases.allow lists, or have the list extended.",
    example='# policy.toml\n[bases]\nallow = ["python-*", "registry.acme.example/bases/*"]',
    references=("CIS Docker Benchmark 4.2", "NIST SP 800-190 4.1.5", "hadolint DL3026"),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Compare the base labels with every list of the policy; what names no base is on none."""
    if not policy.bases.allow:
        return
    labels = image.settings.labels
    name, digest = labels.get(f"{PREFIX}base.name", ""), labels.get(f"{PREFIX}base.digest", "")
    if not name:
        message = f"the policy lists bases, but the image has no label {PREFIX}base.name"
        yield RULE.finding(message, key="unknown")
        return
    known = _names(name, digest)
    for allow in policy.bases.allow:
        if not any(fnmatchcase(each, glob) for each in known for glob in allow):
            listed = ", ".join(allow) or "nothing"
            message = f"the base {name} is not in bases.allow, which lists {listed}"
            yield RULE.finding(message, key=name)


def _names(name: str, digest: str) -> set[str]:
    """Return what a glob may match: as the label has it, with its digest, as the spec names it.

    A base made by imgforge is labelled ``imgforge/NAME``, and policies call it NAME.
    """
    own = name.removeprefix("imgforge/")
    known = {name, own} if "/" not in own else {name}
    return known | {f"{each}@{digest}" for each in known if digest and "@" not in each}
