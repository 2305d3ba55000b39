"""What is known of an image after its layers were read once: plain, immutable data.

Paths are relative to the image's root, without a leading ``/`` or ``./`` and without ``.`` or
empty components; bytes that are no UTF-8 are kept as surrogate escapes (PEP 383). Named tuples
stand where an image has tens of thousands of a thing: a cached layer has to load in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from imgforge.analysis.config import Settings
from imgforge.oci.types import Platform

FILE: Final = "f"
DIRECTORY: Final = "d"
SYMLINK: Final = "l"
HARDLINK: Final = "h"
CHARACTER: Final = "c"
BLOCK: Final = "b"
FIFO: Final = "p"

MAX_LINKS: Final = 40
"""Symbolic links followed in one look-up, as Linux does (path_resolution(7))."""


class Entry(NamedTuple):
    """One tar member of a layer, whiteouts excepted, in the order of the archive.

    ``kind`` is one of this module's letters, ``mode`` the twelve permission bits, ``size`` bytes
    of content, ``link`` a symbolic link's target as written or a hard link's target as a path,
    ``capability`` the hexadecimal ``security.capability`` attribute, or empty.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    link: str
    capability: str


class FileFact(NamedTuple):
    """One path of the final file system: its inode's data and where that came from.

    ``kind`` is never a hard link: names that share an inode have the same ``layer`` and
    ``origin``. ``layer`` indexes ``ImageFacts.layers``; ``origin`` is the path under which that
    layer holds the content (it differs for hard links and below symbolic links to directories).
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    link: str
    capability: str
    layer: int
    origin: str


class Problem(NamedTuple):
    """Something about an image that must not be trusted.

    ``kind``: ``digest`` (blob against descriptor), ``diff-id``, ``malformed`` (compression, tar,
    a limit exceeded, layer counts), ``traversal`` (a path or link that leaves the root),
    ``device`` (a device node), ``record`` (a package record that cannot be read). Of files in
    the image that are archives: ``unread`` (a limit was exceeded or the packing is unknown: part
    of it was not searched), ``encrypted`` (nobody reads it without its password), ``closed``
    (an archive of a kind that is not opened here), ``damaged`` (truncated, broken, or taken
    differently by different readers).
    """

    kind: str
    path: str
    detail: str


class SecretHit(NamedTuple):
    """A credential in a file. ``sample`` is redacted; the value itself is kept nowhere.

    ``line`` counts from 1, and is 0 for the bytes of an archive as it is packed. ``offset`` is in
    bytes (for UTF-16 text: of its UTF-8 form).
    ``inside`` is the path inside the archive ``path``, empty if it is not in one; archives in
    archives are joined by ``!/``.
    """

    rule: str
    title: str
    path: str
    line: int
    offset: int
    sample: str
    inside: str = ""

    @property
    def place(self) -> str:
        """The path of the file, and of what is inside it as ``path!/inside``."""
        return f"{self.path}!/{self.inside}" if self.inside else self.path


class MalwareHit(NamedTuple):
    """Malware in a file. ``engine`` says who knew it: ``hash``, ``yara`` or ``clamav``.

    ``rule`` is the engine's name for it, ``title`` what it is; ``inside`` as in SecretHit.
    """

    engine: str
    rule: str
    title: str
    path: str
    inside: str = ""

    @property
    def place(self) -> str:
        """The path of the file, and of what is inside it as ``path!/inside``."""
        return f"{self.path}!/{self.inside}" if self.inside else self.path


class Package(NamedTuple):
    """An installed package, found in a layer's own metadata or in a program.

    ``ecosystem`` is the package-url type (``deb``, ``pypi``), ``namespace`` what the purl has
    before the name, decoded (npm's scope with its ``@``, Maven's group, composer's vendor); empty
    for ``deb``, whose distribution is the image's. ``paths`` are the files that say so (the first)
    and the licence texts beside them; ``inside`` is the path in the archive ``paths[0]``, as in
    SecretHit. ``licence`` is as the metadata has it, an SPDX expression or not; ``supplier`` a
    maintainer or author. ``layer`` is the digest of the layer that first brought this very
    package, empty inside LayerFacts, as is ``purl`` (but for an rpm's module label, which becomes
    part of it).

    ``hashes`` (``sha256:<hex>``, ``sha512:<hex>``, ``sha1:<hex>``) are of the package's own file
    as it was installed or is recorded. ``cpes`` are CPE 2.3 names that are certain. ``depends``
    are the names (as the ecosystem spells them, normalised like ``name``; with the namespace
    before a ``/``) of the packages it says it needs, ``source`` and ``source_version`` those that
    advisories of a distribution speak of (for ``pypi`` repository and commit, if it was built from
    one). ``found`` is how it is known: ``record`` (its package manager's), ``manifest`` (the
    package's own), ``lock`` (a list beside it) or ``binary`` (what a compiler or bundler wrote into
    a program or beside it).
    """

    ecosystem: str
    name: str
    version: str
    purl: str
    licence: str
    supplier: str
    paths: tuple[str, ...]
    architecture: str = ""
    source: str = ""
    layer: str = ""
    namespace: str = ""
    inside: str = ""
    hashes: tuple[str, ...] = ()
    cpes: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    source_version: str = ""
    found: str = "record"
    dev: bool = False
    """Whether it is there for development only, as far as its installer says."""

    @property
    def place(self) -> str:
        """The path of the file that says so, and of what is inside it as ``path!/inside``."""
        return f"{self.paths[0]}!/{self.inside}" if self.inside else self.paths[0]

    @property
    def title(self) -> str:
        """Its name with the namespace before it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def key(self) -> str:
        """What findings and exceptions call it: ``pypi:flask``, ``npm:@scope/name``."""
        return f"{self.ecosystem}:{self.title}"


class Claim(NamedTuple):
    """The files that a package's record says are its own.

    ``path`` is the record, ``owner`` the package's ecosystem and name (``deb:libc6``), ``files``
    the paths relative to the root, joined by newlines: there may be tens of thousands. One that
    ends with ``/`` stands for all that is below it.
    """

    path: str
    owner: str
    files: str


class Binary(NamedTuple):
    """A program or shared library (ELF): ``sha256`` (hex) of its bytes, its GNU build id or empty.

    ``name`` and ``version`` are what it is known as by its content (``node`` ``22.1.0``), else
    empty.
    """

    path: str
    sha256: str
    build_id: str = ""
    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer. ``digest`` and ``size`` are those of the bytes that were read.

    ``captured`` holds the text of the few files that checks read (``etc/passwd``, ``etc/group``;
    ``etc/shadow`` without its hashes), ``interpreters`` the ``#!`` line of scripts, ``programs``
    what programs are by their content whatever they are called (``busybox``, ``bash``): also of
    files that nobody may execute, for a hard link may change that. ``removed`` are the paths of
    whiteouts, ``opaque`` the directories with an opaque whiteout.
    """

    digest: str
    diff_id: str
    size: int
    entries: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    captured: Mapping[str, str] = field(default_factory=dict)
    interpreters: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretHit, ...] = ()
    malware: tuple[MalwareHit, ...] = ()
    packages: tuple[Package, ...] = ()
    claims: tuple[Claim, ...] = ()
    binaries: tuple[Binary, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class ImageFacts:
    """One image of one platform.

    ``digest`` is its manifest's, ``config`` the image configuration as decoded JSON whose types
    were checked, ``settings`` the same for reading. ``files`` is the final file system as a
    container runtime would mount it. ``problems`` are those of the image as a whole, by layer
    index (-1: no layer); those inside a layer are in ``layers``.
    """

    digest: str
    platform: Platform
    config: Mapping[str, Any]
    settings: Settings
    layers: tuple[LayerFacts, ...]
    files: Mapping[str, FileFact]
    packages: tuple[Package, ...] = ()
    problems: tuple[tuple[int, Problem], ...] = ()

    @cached_property
    def _moved(self) -> frozenset[tuple[int, str]]:
        """What is seen under other paths only: hard links, names below linked directories."""
        return frozenset((f.layer, f.origin) for f in self.files.values() if f.origin != f.path)

    @cached_property
    def _named(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """The last path of each name, and the others of those that several have.

        Most have one: a list for each would keep the garbage collector busy.
        """
        names = [path[path.rfind("/") + 1 :] for path in self.files]
        last = dict(zip(names, self.files, strict=True))
        others: dict[str, list[str]] = {}
        if len(last) < len(names):
            for name, path in zip(names, self.files, strict=True):
                if last[name] is not path:
                    others.setdefault(name, []).append(path)
        return last, others

    @property
    def names(self) -> KeysView[str]:
        """The last components of all paths of the final file system."""
        return self._named[0].keys()

    def named(self, name: str) -> tuple[str, ...]:
        """Return the paths of the final file system whose last component is ``name``."""
        last, others = self._named
        return (*others.get(name, ()), last[name]) if name in last else ()

    @cached_property
    def endings(self) -> Mapping[str, Sequence[str]]:
        """The names by their last dot and what follows; without a dot, by their last character."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            end = name[name.rfind(".") :]
            if end in found:
                found[end].append(name)
            else:
                found[end] = [name]
        return found

    def ending(self, *ends: str) -> Iterator[str]:
        """Yield the names with one of these ends, such as ``.pem``."""
        return (name for end in ends for name in self.endings.get(end, ()))

    @cached_property
    def commands(self) -> Mapping[str, Sequence[str]]:
        """What lies in any ``bin``, ``sbin`` or ``libexec`` directory: paths by last component."""
        folders = {path for name in ("bin", "sbin", "libexec") for path in self.named(name)}
        found: dict[str, list[str]] = {}
        for path in self.files:
            cut = path.rfind("/")
            if path[:cut] in folders and cut > 0:
                found.setdefault(path[cut + 1 :], []).append(path)
        return found

    @cached_property
    def identified(self) -> Sequence[tuple[FileFact, str]]:
        """Every visible executable that is known by its content, and what it is."""
        if not any(layer.programs for layer in self.layers):
            return ()
        known = [layer.programs for layer in self.layers]
        return [
            (f, known[f.layer][f.origin])
            for f in self.files.values()
            if f.origin in known[f.layer] and f.mode & 0o111
        ]

    @cached_property
    def hidden(self) -> tuple[tuple[int, Entry], ...]:
        """Regular files that are shipped but no longer seen, each with its layer's index."""
        return tuple(
            (index, entry)
            for index, layer in enumerate(self.layers)
            for entry in layer.entries
            if entry.kind == FILE and not self.is_visible(index, entry.path)
        )

    def is_visible(self, layer: int, path: str) -> bool:
        """Whether what layer number ``layer`` holds at ``path`` is in the final file system."""
        fact = self.files.get(path)
        if fact is not None and fact.layer == layer and fact.origin == path:
            return True
        return (layer, path) in self._moved

    def shipped(self) -> Iterator[tuple[int, Entry]]:
        """Every entry of every layer with the layer's index, those hidden later included."""
        for index, layer in enumerate(self.layers):
            for entry in layer.entries:
                yield index, entry

    def resolve(self, path: str) -> str | None:
        """Follow ``path`` through symbolic links inside the image, as a process there would.

        Returns the path of an object that is no symbolic link, ``""`` for the root, or None if
        there is none, a component is no directory, or the links form a loop.
        """
        pending = [part for part in reversed(path.split("/")) if part not in {"", "."}]
        at: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del at[-1:]
                continue
            at.append(part)
            fact = self.files.get("/".join(at))
            if fact is None:
                return None
            if fact.kind == SYMLINK:
                links += 1
                if links > MAX_LINKS:
                    return None
                at = [] if fact.link.startswith("/") else at[:-1]
                pending += [p for p in reversed(fact.link.split("/")) if p not in {"", "."}]
            elif pending and fact.kind != DIRECTORY:
                return None
        return "/".join(at)

    def lookup(self, path: str) -> FileFact | None:
        """Return what ``path`` names in the final file system, symbolic links followed."""
        resolved = self.resolve(path)
        return None if resolved is None else self.files.get(resolved)

    def text(self, path: str) -> str | None:
        """Return the text of a captured file of the final file system, links followed."""
        fact = self.lookup(path)
        return None if fact is None else self.layers[fact.layer].captured.get(fact.origin)

    def interpreter(self, fact: FileFact) -> str | None:
        """Return the ``#!`` line (without the ``#!``) of an executable script, or None."""
        return self.layers[fact.layer].interpreters.get(fact.origin)

    def program(self, fact: FileFact) -> str | None:
        """Return what the executable ``fact`` is by its content, whatever it is called, or None."""
        return self.layers[fact.layer].programs.get(fact.origin)
