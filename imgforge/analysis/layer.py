"""One layer, read once: its digests, entries, credentials, packages and whatever is wrong.

Nothing is written to disk. Every regular file that is text (no zero byte at its start) or UTF-16
is searched for credentials whatever its name or place; large ones pass by in windows.
"""

from __future__ import annotations

import re
from typing import IO, Final

from imgforge.analysis.blob import Blob, Limits, ahead
from imgforge.analysis.facts import (
    BLOCK,
    CHARACTER,
    HARDLINK,
    Entry,
    LayerFacts,
    Package,
    Problem,
    SecretHit,
)
from imgforge.analysis.packages import reader
from imgforge.analysis.tar import Archive, Member
from imgforge.secrets.find import LONGEST, Candidates, find, is_config, redacted

CAPTURED: Final = frozenset(
    {"etc/passwd", "etc/group", "etc/os-release", "usr/lib/os-release", "usr/etc/passwd"}
    | {"etc/shadow", "etc/ld.so.preload"}
)
_CAPTURE: Final = 1 << 20
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_HEAD: Final = 8000
_EDGE: Final = 64
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_INTERPRETER: Final = re.compile(rb"#![ \t]*([^\r\n]{1,512})")


def read_layer(
    file: IO[bytes], size: int, candidates: Candidates, limits: Limits | None = None
) -> LayerFacts:
    """Read the blob ``file`` of ``size`` bytes; raises what reading it does, and nothing else."""
    limits = limits or Limits()
    blob = Blob(file, size, limits)
    layer = _Layer(Archive(ahead(blob.pieces()), limits), candidates, limits)
    layer.read()
    if blob.problem is not None:
        # The archive's own trouble is only what follows from this.
        layer.problems = [blob.problem, *layer.problems]
    return layer.facts(blob)


class _Layer:
    def __init__(self, archive: Archive, candidates: Candidates, limits: Limits) -> None:
        self._archive = archive
        self._candidates = candidates
        self._limits = limits
        self.entries: list[Entry] = []
        self.removed: list[str] = []
        self.opaque: list[str] = []
        self.captured: dict[str, str] = {}
        self.interpreters: dict[str, str] = {}
        self.secrets: list[SecretHit] = []
        self.packages: list[Package] = []
        self.problems: list[Problem] = []
        self.overflow = False

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
            secrets=tuple(self.secrets),
            packages=tuple(self.packages),
            problems=tuple(self.problems),
        )

    def read(self) -> None:
        for member in self._archive:
            raw = member.name.decode(errors="surrogateescape")
            path = self._inside(raw, raw, "path")
            link = member.link.decode(errors="surrogateescape")
            if member.kind == HARDLINK:
                link = self._inside(link, raw, "hard link to")
            if member.kind in {CHARACTER, BLOCK}:
                self.problems.append(Problem("device", path, "a device node"))
            if member.sparse:
                self.problems.append(Problem("sparse", path, "a sparse file: content not read"))
            elif member.size:
                self._content(member, path)
            self._place(member, path, link)
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
                self.packages += found.read(path, data)
            except ValueError as error:
                self.problems.append(Problem("record", path, str(error)))
        if path in CAPTURED and len(data) <= _CAPTURE:
            text = data.decode(errors="surrogateescape")
            self.captured[path] = _without_hashes(text) if path == "etc/shadow" else text
        if member.mode & 0o111 and data.startswith(b"#!"):
            line = _INTERPRETER.match(data)
            if line is not None:
                self.interpreters[path] = line[1].decode(errors="surrogateescape").strip()
        if data.startswith(_UTF16):
            self._search(path, _utf8(data), 0, 0, last=True)
        elif b"\0" not in data[:_HEAD]:
            self._windows(path, data, member.size)

    def _windows(self, path: str, data: bytes, size: int) -> None:
        """Search a file window by window; each begins with the end of the one before."""
        offset = lines = 0
        left = size - len(data)
        while True:
            self._search(path, data, offset, lines, last=not left)
            if not left:
                return
            step = len(data) - LONGEST - _EDGE
            lines += data.count(b"\n", 0, step)
            offset += step
            fresh = self._archive.read(self._limits.window)
            left = left - len(fresh) if fresh else 0
            data = data[step:] + fresh

    def _search(self, path: str, data: bytes, offset: int, lines: int, *, last: bool) -> None:
        # A match that starts near the end may be cut off: the next window has it whole.
        first, stop = (_EDGE if offset else 0), len(data) - (0 if last else LONGEST)
        for match in find(data, self._candidates(data), config=is_config(path)):
            if not first <= match.start < stop:
                continue
            if len(self.secrets) == self._limits.secrets:
                if not self.overflow:
                    self.problems.append(Problem("malformed", path, "too many credentials"))
                self.overflow = True
                return
            line = lines + data.count(b"\n", 0, match.start) + 1
            rule = match.rule
            self.secrets.append(
                SecretHit(rule.id, rule.title, path, line, offset + match.start, redacted(match))
            )


def _without_hashes(shadow: str) -> str:
    """Put ``HASH`` for every password hash of shadow(5): no copy of one is kept."""
    return re.sub(r"(?m)^([^:\n]*:!?)[^:!*\n][^:\n]*", r"\1HASH", shadow)


def _utf8(data: bytes) -> bytes:
    return data.decode("utf-16", errors="replace").encode(errors="replace")
