"""IF013: files that decide who is who can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import DIRECTORY, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity, may_replace, may_write
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF013",
    Severity.HIGH,
    "A file that decides about accounts can be changed",
    why="Who may write passwd gives an account uid 0 or an empty password; who may write sudoers"
    " or a file of PAM needs no password at all. One write then turns a foothold in the process"
    " into root of the container.",
    remedy="Let root own them, and nobody else write them (0644, shadow 0640, sudoers 0440).",
    example="RUN chmod g=u /etc/passwd          # group 0 may write it\nRUN chmod 0644 /etc/passwd"
    " && chown 0:0 /etc/passwd",
    references=(
        "CIS Distribution Independent Linux 6.1.2 to 6.1.9",
        "CVE-2019-19351",
        "NIST SP 800-190 4.1.2",
    ),
)

_FILES: Final = (
    *("etc/passwd", "etc/passwd-", "etc/shadow", "etc/shadow-", "etc/group", "etc/group-"),
    *("etc/gshadow", "etc/gshadow-", "etc/sudoers", "etc/doas.conf", "etc/security/opasswd"),
    *("etc/nsswitch.conf", "etc/subuid", "etc/subgid"),
)
_FOLDERS: Final = ("etc/sudoers.d", "etc/pam.d", "etc/doas.d")
_SECRET: Final = frozenset({"etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-"})
_GROUP_OR_OTHERS: Final = 0o022
_OTHERS_READ: Final = 0o004


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find files of wrong owner or mode, what the user may put in their place, open shadows."""
    who = identity(image)
    inside = tuple(folder + "/" for folder in _FOLDERS if folder in image.files)
    names = [path for path in (*_FILES, *_FOLDERS) if path in image.files]
    if inside:
        names += [path for path in image.files if path.startswith(inside)]
    for name in names:
        path = image.resolve(name)
        fact = None if path is None else image.files.get(path)
        if path is None or fact is None:
            continue
        state = f"/{name} has mode {fact.mode:04o} and owner {fact.uid}:{fact.gid}"
        layer = image.layers[fact.layer].digest
        group = 0o020 if fact.gid else 0
        if fact.uid != 0 or may_write(who, fact) or fact.mode & _GROUP_OR_OTHERS & (group | 0o002):
            yield RULE.finding(state, path=name, layer=layer)
        elif may_replace(image, who, path):
            yield RULE.finding(f"{state}, but a directory above can be written", path=name)
        elif name in _SECRET and fact.kind != DIRECTORY and fact.mode & _OTHERS_READ:
            message = f"{state}: everybody may read it"
            yield RULE.finding(message, path=name, layer=layer, severity=Severity.MEDIUM)
