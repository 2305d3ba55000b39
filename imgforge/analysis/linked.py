"""Programs and shared libraries (ELF) as they go by: hashed, and what compilers wrote into them.

What a Go program was made of lies in its data, and what a Rust program was made of after all that
is loaded; neither place is known before, and nothing of the program is held whole but what those
lists are. Only of Go before 1.18, whose header points at texts that went by before, the program is
kept until that header is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final, NamedTuple

from imgforge.analysis import known
from imgforge.analysis.elf import build_id, shape
from imgforge.analysis.facts import Binary, Package, Problem
from imgforge.analysis.packages import go, rust
from imgforge.analysis.programs import GO, KNOWN, Mark

_HEAD: Final = 8192
"""Bytes within which a linker's notes and a packer's name are."""

_PACKER: Final = b"UPX!"
_EDGE: Final = 512
"""Bytes that tell whether a list of crates begins."""


class Found(NamedTuple):
    """What a program is and what is in it."""

    binary: Binary
    packages: list[Package]
    problems: list[Problem]


class Linked:
    """One program or library. ``most`` bounds the bytes of an old Go program that are kept."""

    def __init__(self, path: str, head: bytes, size: int, most: int) -> None:
        self._path = path
        self._shape = shape(head)
        self._build_id = build_id(head, self._shape) if self._shape else ""
        self._packed = _PACKER in head[:1024]
        self._hash = hashlib.sha256()
        self._seen = 0
        self._held: list[bytes] | None = [] if go.NOTE in head[:_HEAD] and size <= most else None
        self._pointing = -1
        self._versions: dict[known.Known, str] = {}
        self._texts: tuple[str, str] | None = None
        # A list whose end has not come: of Go, of Rust.
        self._go = self._rust = b""
        self._crates: bytes | None = None
        self._sought = True
        self._loaded = self._shape.end if self._shape else 0
        self._edge = b""
        self._named = False
        self._failures: list[str] = []

    @property
    def is_one(self) -> bool:
        """Whether it is a program or a library at all."""
        return self._shape is not None

    def window(self, start: int, data: bytes, marks: Collection[object]) -> None:
        """Take the bytes from ``start`` on, which may begin with some that came before.

        ``marks`` has what an engine found in ``data``, Go's mark and those of known programs too.
        """
        for mark in marks:
            entry = KNOWN.get(mark) if isinstance(mark, Mark) else None
            if entry is not None and not self._versions.get(entry):
                self._versions[entry] = known.version(entry, data)
        new = data[self._seen - start :] if start < self._seen else data
        self._hash.update(new)
        if self._held is not None:
            self._held.append(new)
        if self._go:
            self._go += new
            self._read_go()
        elif GO in marks and self._texts is None and self._pointing < 0:
            self._find_go(start, data)
        self._seen += len(new)
        if self._seen > self._loaded:
            self._find_rust(new[max(0, len(new) - (self._seen - self._loaded)) :])

    def end(self) -> Found:
        """Return what it was."""
        digest = self._hash.hexdigest()
        releases = [(entry, self._versions.get(entry, "")) for entry in known.TABLE]
        releases = [(entry, version) for entry, version in releases if version]
        name, version = next(((e.name, v) for e, v in releases if e.itself), ("", ""))
        binary = Binary(self._path, digest, self._build_id, name, version)
        packages = [self._release(entry, version, digest) for entry, version in releases]
        for listed in (self._modules, self._listed_crates):
            try:
                packages += listed()
            except ValueError as error:
                self._failures.append(str(error))
        problems = [Problem("record", self._path, text) for text in dict.fromkeys(self._failures)]
        if self._packed:
            text = "a program packed with UPX is not opened"
            problems.append(Problem("closed", self._path, text))
        return Found(binary, packages, problems)

    def _release(self, entry: known.Known, version: str, digest: str) -> Package:
        return Package(
            "generic",
            entry.name,
            version,
            purl="",
            licence="",
            supplier="",
            paths=(self._path,),
            hashes=(f"sha256:{digest}",) if entry.itself else (),
            cpes=(known.cpe(entry, version),),
            found="binary",
        )

    def _modules(self) -> list[Package]:
        if self._go:
            raise ValueError("Go's build information has no end")
        if self._pointing >= 0:
            self._texts = self._pointed()
        return [] if self._texts is None else go.packages(self._path, *self._texts)

    def _listed_crates(self) -> list[Package]:
        if self._rust or (self._named and self._sought and self._crates is None):
            raise ValueError("the list of crates has no end or is not where it should be")
        return [] if self._crates is None else rust.packages(self._path, self._crates)

    def _find_go(self, start: int, data: bytes) -> None:
        at = -1
        while (at := data.find(go.MAGIC, at + 1)) >= 0:
            if (start + at) % go.ALIGNED:
                continue
            follows = go.is_inline(data[at : at + 32])
            if follows is False:
                self._pointing = start + at
                return
            if follows:
                self._go = data[at:]
                self._read_go()
                if self._go or self._texts is not None:
                    self._held = None
                    return

    def _read_go(self) -> None:
        try:
            self._texts = go.inline(self._go)
        except go.Incomplete:
            return
        except ValueError as error:
            self._failures.append(str(error))
        self._go = b""

    def _pointed(self) -> tuple[str, str]:
        if self._held is None or self._shape is None:
            raise ValueError("Go's build information lies elsewhere in a program too large to keep")
        return go.pointed(b"".join(self._held), self._pointing, self._shape)

    def _find_rust(self, new: bytes) -> None:
        """Look for the list in what follows all that is loaded."""
        data = self._edge + new
        self._named = self._named or rust.SECTION in data
        if self._rust:
            self._rust += new
            self._read_rust()
        elif self._sought and self._crates is None:
            for match in rust.STREAM.finditer(data):
                if rust.begins(data[match.start() : match.start() + _EDGE]):
                    self._rust = data[match.start() :]
                    self._read_rust()
                    break
        self._edge = data[-_EDGE:]

    def _read_rust(self) -> None:
        try:
            self._crates = rust.listed(self._rust)
        except rust.Incomplete:
            return
        except ValueError as error:
            self._failures.append(str(error))
            self._sought = False
        self._rust = b""
