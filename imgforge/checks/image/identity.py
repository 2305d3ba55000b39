"""Who the process runs as, resolved through the image's own passwd and group like a runtime.

moby/sys/user and containerd agree: a number is taken as it is, a name is looked up; the group is
the one named after a colon, else the user's in passwd, else 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from imgforge.analysis.facts import SYMLINK, FileFact, ImageFacts

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,1000}")
_LARGEST: Final = (1 << 63) - 1
_IDS: Final = 1 << 31
"""Runtimes take ids below this; older ones cut higher ones to 32 bits (CVE-2024-40635)."""
_UID, _GID = 2, 3
_GROUP_FIELDS: Final = 4
_OTHERS: Final = 0o002
_GROUP: Final = 0o020
_STICKY: Final = 0o1000


@dataclass(frozen=True, slots=True)
class Identity:
    """``uid`` or ``gid`` is None where a name cannot be resolved; ``groups`` has ``gid`` too."""

    user: str
    group: str
    uid: int | None
    gid: int | None
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A line of passwd(5) or, with ``uid`` as the group's number, of group(5)."""

    name: str
    password: str
    uid: int


def number(text: str) -> int | None:
    """Read a numeric user or group as Go's Atoi does; None if it is a name."""
    value = int(text) if _NUMBER.fullmatch(text) else None
    return None if value is None or abs(value) > _LARGEST else value


def may_be_root(uid: int | None) -> bool:
    """Whether some runtime takes a user of this number for root."""
    return uid is not None and not 0 < uid < _IDS


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


def users(image: ImageFacts) -> list[Account]:
    """Return the accounts of /etc/passwd in order; lines that libraries skip are left out."""
    return _accounts(image.text("etc/passwd") or "")


def groups(image: ImageFacts) -> list[Account]:
    """Return the groups of /etc/group in order."""
    return _accounts(image.text("etc/group") or "")


def may_write(who: Identity, fact: FileFact) -> bool:
    """Whether the process may change ``fact``, as its owner also after giving itself the right.

    Root may change everything, which is another finding: for it only what everybody may counts.
    """
    if fact.kind == SYMLINK:
        return False
    if fact.mode & _OTHERS:
        return True
    if not who.uid:
        return False
    return fact.uid == who.uid or bool(fact.mode & _GROUP and fact.gid in who.groups)


def may_replace(image: ImageFacts, who: Identity, path: str) -> bool:
    """Whether the process may put something of its own where ``path`` is or would be.

    ``path`` is free of symbolic links as far as it exists. A directory above that may be written
    is enough: what stands in it can be moved away, unless the sticky bit forbids that.
    """
    while path:
        child = image.files.get(path)
        path = path.rpartition("/")[0]
        folder = image.files.get(path)
        if folder is None or not may_write(who, folder):
            continue
        uid = who.uid or None
        owns = uid in {folder.uid, child.uid if child else uid}
        if owns or not folder.mode & _STICKY:
            return True
    return False


def _accounts(text: str) -> list[Account]:
    found = []
    for line in text.split("\n"):
        fields = line.strip().split(":")
        uid = number(fields[2]) if len(fields) >= _GROUP_FIELDS else None
        if uid is not None and not line.startswith("#"):
            found.append(Account(fields[0], fields[1], uid))
    return found


def _passwd(image: ImageFacts) -> Iterator[tuple[str, int, int]]:
    for fields in _lines(image, "etc/passwd"):
        yield fields[0], _id(fields, _UID), _id(fields, _GID)


def _groups(image: ImageFacts) -> Iterator[tuple[str, int, list[str]]]:
    for fields in _lines(image, "etc/group"):
        members = fields[_GID].split(",") if len(fields) >= _GROUP_FIELDS else []
        yield fields[0], _id(fields, _UID), members


def _lines(image: ImageFacts, path: str) -> Iterator[list[str]]:
    """Yield the fields of each line as moby/sys/user splits them, which skips empty lines only."""
    for line in (image.text(path) or "").split("\n"):
        text = line.strip()
        if text:
            yield text.split(":")


def _id(fields: list[str], index: int) -> int:
    """Return a number as moby/sys/user has it: 0 for what is absent or none."""
    return number(fields[index]) or 0 if index < len(fields) else 0
