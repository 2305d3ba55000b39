"""One layer, read once: its digests, entries, credentials, packages and whatever is wrong.

Nothing is written to disk. This module models the archive's entries; what is in files is
:mod:`imgforge.analysis.content`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from imgforge.analysis.blob import SMALL, Blob, Limits, Readable, ahead
from imgforge.analysis.content import Contents, Scanner
from imgforge.analysis.facts import (
    BLOCK,
    CHARACTER,
    HARDLINK,
    Claim,
    Entry,
    LayerFacts,
    Problem,
)
from imgforge.analysis.packages import claims, reader
from imgforge.analysis.tar import Archive, Member
from imgforge.secrets.find import Candidates

CAPTURED: Final = frozenset(
    {"etc/passwd", "etc/group", "etc/os-release", "usr/lib/os-release", "usr/etc/passwd"}
    | {"etc/shadow", "etc/ld.so.preload"}
)
_CAPTURE: Final = 1 << 20
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
Row = TypeVar("Row")
_INTERPRETER: Final = re.compile(rb"#![ \t]*([^\r\n]{1,512})")


def read_layer(
    file: Readable,
    size: int,
    candidates: Candidates,
    limits: Limits | None = None,
    scanner: Scanner | None = None,
) -> LayerFacts:
    """Read the blob ``file`` of ``size`` bytes; raises what reading it does.

    ``scanner`` looks for malware; what that raises is raised.
    """
    limits = limits or Limits()
    blob = Blob(file, size, limits)
    contents = Contents(candidates, limits, scanner)
    pieces = blob.pieces() if size < SMALL else ahead(blob.pieces())
    layer = _Layer(Archive(pieces, limits), contents, limits)
    layer.read()
    if blob.problem is not None:
        # The archive's own trouble is only what follows from this.
        layer.problems = [blob.problem, *layer.problems]
    return layer.facts(blob)


class _Layer:
    def __init__(self, archive: Archive, contents: Contents, limits: Limits) -> None:
        self._archive = archive
        self._contents = contents
        self._limits = limits
        self.entries: list[Entry] = []
        self.removed: list[str] = []
        self.opaque: list[str] = []
        self.captured: dict[str, str] = {}
        self.interpreters: dict[str, str] = {}
        self.claims: dict[str, list[Claim]] = {}
        self.problems: list[Problem] = []
        self._known: tuple[dict[str, Any], ...] = (
            *(self.captured, self.interpreters, self.claims),
            *(contents.programs, contents.packages, contents.binaries),
        )

    def facts(self, blob: Blob) -> LayerFacts:
        return LayerFacts(
            digest=blob.digest,
            diff_id=blob.diff_id,
            size=blob.size,
            entries=tuple(self.entries),
            removed=tuple(self.removed),
            opaque=tuple(self.opaque),
            captured=self.captured,
            interpreters=self.interpreters,
            programs=self._contents.programs,
            secrets=tuple(self._contents.secrets),
            malware=tuple(self._contents.malware),
            packages=_joined(self._contents.packages),
            claims=_joined(self.claims),
            binaries=tuple(self._contents.binaries.values()),
            problems=(*self.problems, *self._contents.problems),
        )

    def read(self) -> None:
        for member in self._archive:
            raw = member.name.decode(errors="surrogateescape")
            path = self._inside(raw, raw, "path")
            link = member.link.decode(errors="surrogateescape")
            if member.kind == HARDLINK:
                link = self._inside(link, raw, "hard link to")
            # What was under this name before is gone, whatever comes now.
            for known in self._known:
                known.pop(path, None)
            if member.kind in {CHARACTER, BLOCK}:
                self.problems.append(Problem("device", path, "a device node"))
            if member.size:
                self._content(member, path)
            self._place(member, path, link)
        self._contents.flush()
        self.problems += self._archive.problems

    def _inside(self, name: str, owner: str, what: str) -> str:
        """Return ``name`` relative to the root; anything that pretends otherwise is a problem."""
        if name.startswith("/") and name.strip("/"):
            self.problems.append(Problem("traversal", owner, f"absolute {what} {name}"))
        if "//" not in name and "./" not in name and not name.startswith("/"):
            name = name.removesuffix("/")
            if name not in {"", ".", ".."} and "/." not in name:
                return name
        parts: list[str] = []
        for part in name.split("/"):
            if part == "..":
                self.problems.append(Problem("traversal", owner, f"{what} {name} climbs out"))
                del parts[-1:]
            elif part not in {"", "."}:
                parts.append(part)
        return "/".join(parts)

    def _place(self, member: Member, path: str, link: str) -> None:
        folder, _, name = path.rpartition("/")
        if not name.startswith(_WHITEOUT):
            self.entries.append(
                Entry(
                    path,
                    member.kind,
                    member.mode,
                    member.uid,
                    member.gid,
                    member.size,
                    link,
                    member.capability,
                )
            )
        elif name == _OPAQUE:
            self.opaque.append(folder)
        elif name.removeprefix(_WHITEOUT) in {"", ".", ".."}:
            self.problems.append(Problem("traversal", path, "a whiteout of no name"))
        else:
            target = name.removeprefix(_WHITEOUT)
            self.removed.append(f"{folder}/{target}" if folder else target)

    def _content(self, member: Member, path: str) -> None:
        name = path[path.rfind("/") + 1 :]
        found = reader(path, name)
        window = self._limits.window
        if found is not None:
            if member.size > self._limits.captured:
                self.problems.append(Problem("record", path, "the record is too large"))
            else:
                window = max(window, member.size)
        data = self._archive.read(window)
        if found is not None and len(data) == member.size:
            try:
                self._contents.add(path, found.read(path, data))
                self.claims[path] = claims(found, path, data)
            except ValueError as error:
                self.problems.append(Problem("record", path, str(error)))
        if path in CAPTURED and len(data) <= _CAPTURE:
            text = data.decode(errors="surrogateescape")
            self.captured[path] = _without_hashes(text) if path == "etc/shadow" else text
        if data.startswith(b"#!"):
            line = _INTERPRETER.match(data)
            if line is not None:
                self.interpreters[path] = line[1].decode(errors="surrogateescape").strip()
        self._contents.file(path, data, self._archive.read, member.size)


def _joined(*found: Mapping[str, list[Row]]) -> tuple[Row, ...]:
    return tuple(row for by in found for rows in by.values() for row in rows)


def _without_hashes(shadow: str) -> str:
    """Put ``HASH`` for every password hash of shadow(5): no copy of one is kept."""
    return re.sub(r"(?m)^([^:\n]*:!?)[^:!*\n][^:\n]*", r"\1HASH", shadow)
