"""Who the process runs as, resolved through the image's own passwd and group like a runtime.

moby/sys/user and containerd agree: a number is taken as it is, a name is looked up; the group is
the one named after a colon, else the user's in passwd, else 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from imgforge.analysis.facts import ImageFacts

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,10}")
_PASSWD_FIELDS: Final = 4
_GROUP_FIELDS: Final = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """``uid`` or ``gid`` is None where a name cannot be resolved; ``groups`` has ``gid`` too."""

    user: str
    group: str
    uid: int | None
    gid: int | None
    groups: frozenset[int]


def number(text: str) -> int | None:
    """Read a numeric user or group as Go's Atoi does; None if it is a name."""
    return int(text) if _NUMBER.fullmatch(text) else None


def identity(image: ImageFacts) -> Identity:
    """Resolve the configured user (empty: root) in the final file system."""
    user, _, group = image.settings.user.partition(":")
    name, uid, gid = user, number(user or "0"), None
    for entry_name, entry_uid, entry_gid in _passwd(image):
        if (entry_uid == uid) if uid is not None else (entry_name == user):
            name, uid, gid = entry_name, entry_uid, entry_gid
            break
    members = frozenset(g for _, g, names in _groups(image) if name and name in names)
    if group:
        gid = number(group)
        if gid is None:
            gid = next((g for title, g, _ in _groups(image) if title == group), None)
        # A group that is named replaces the supplementary ones (moby/sys/user, GetExecUser).
        members = frozenset()
    elif gid is None and uid is not None:
        gid = 0
    return Identity(user, group, uid, gid, members | ({gid} if gid is not None else set()))


def _passwd(image: ImageFacts) -> Iterator[tuple[str, int, int]]:
    for line in (image.text("etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) >= _PASSWD_FIELDS:
            uid, gid = number(fields[2]), number(fields[3])
            if uid is not None and gid is not None:
                yield fields[0], uid, gid


def _groups(image: ImageFacts) -> Iterator[tuple[str, int, list[str]]]:
    for line in (image.text("etc/group") or "").splitlines():
        fields = line.split(":")
        gid = number(fields[2]) if len(fields) >= _GROUP_FIELDS else None
        if gid is not None:
            yield fields[0], gid, fields[3].split(",")
