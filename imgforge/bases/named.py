"""What a base is called on the command line, and the image that is meant.

In this order: a definition's name (``python-3.13``, ``cc-bookworm``), ``registry/name@sha256:…``,
a lock (``imgforge.lock``, ``imgforge.lock#builder``), the folder of an OCI layout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgforge import bases, cache
from imgforge import lock as locks
from imgforge.bases import pinned
from imgforge.errors import InvalidInputError
from imgforge.files import LOCK
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.types import Descriptor, Platform

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts

_ROLES = ("runtime", "builder")
_TITLE, _CREATED = "org.opencontainers.image.title", "org.opencontainers.image.created"
_UNREADABLE = {"digest", "diff-id", "malformed", "traversal"}


@dataclass(frozen=True, slots=True)
class Named:
    """A base: what it was called, the layout that holds it, and its index (or only manifest).

    ``base`` is what a lock says of it, None if none does.
    """

    name: str
    layout: Layout
    top: Descriptor
    base: locks.LockedBase | None = None

    @property
    def reference(self) -> str:
        """What it is, by digest."""
        return f"{self.base.reference if self.base else self.name}@{self.top.digest}"


def find(text: str, platforms: tuple[Platform, ...] = (), *, say: Callable[[str], None]) -> Named:
    """Return the base that ``text`` means; made or pulled if it is not in the cache.

    Raises InvalidInputError if it means nothing, and what making and pulling raise.
    """
    stem, _, role = text.rpartition("#")
    path = Path(stem if stem and role in _ROLES else text)
    if is_defined(text):
        held = cached(text)
        if held is not None:
            say(f"{text}: {held.top.digest} of {created(held)}, from the cache")
            return held
        return of_lock(pinned.pin(text, platforms, say=say), say=say)
    if "@" in text and not path.exists():
        reference = Reference.parse(text)
        pin = locks.LockedBase(
            text, "registry", reference.name, str(reference.digest), 0, "", (), ()
        )
        return of_lock(pin, say=say)
    if path.is_dir() and (path / "oci-layout").is_file():
        return _opened(text, path)
    lock = path / LOCK if path.is_dir() else path
    if lock.is_file():
        chosen = role if path != Path(text) else _ROLES[0]
        return of_lock(locks.read(lock).base(cast("locks.Role", chosen)), say=say)
    raise InvalidInputError(
        f"{text} is neither a base nor a lock nor an OCI layout",
        hint="imgforge base list shows the names; a registry's base is written NAME@sha256:…",
    )


def of_lock(base: locks.LockedBase, *, offline: bool = False, say: Callable[[str], None]) -> Named:
    """Return the image of a pinned base, made or pulled if it is not in the cache."""
    opened = _opened(base.name, bases.ensure(base, offline=offline, say=say))
    return Named(base.name, opened.layout, opened.top, base)


def is_defined(name: str) -> bool:
    """Whether a definition has this name, with a suite or without."""
    from imgforge.bases import definitions

    try:
        definitions.find(name)
    except InvalidInputError:
        return name in definitions.names()  # there is one, and it is wrong
    return True


def cached(name: str) -> Named | None:
    """Return the newest image of a definition's base in the cache, nothing added to it."""
    from imgforge.bases import definitions
    from imgforge.bases.image import DEFINITION

    wanted = {_TITLE: f"imgforge/{name}", DEFINITION: definitions.digest(definitions.chain(name))}
    found = []
    for path in cache.directory("bases").iterdir():
        if path.name.startswith("."):
            continue
        try:
            opened = _opened(name, path)
            manifest = opened.layout.read_json(opened.layout.images(opened.top)[0])
            notes = manifest.get("annotations") or {}
            fits = all(notes.get(key) == value for key, value in wanted.items())
            if fits and bases.held(opened.top.digest):
                found.append(opened)
        except (InvalidInputError, AttributeError):
            continue  # a damaged entry is no base; what asks for it by digest makes it again

    def rank(named: Named) -> tuple[str, int, str]:
        return created(named), len(named.layout.images(named.top)), named.top.digest

    return max(found, key=rank, default=None)


def created(named: Named) -> str:
    """Return when a base says its packages are of (RFC 3339), or empty."""
    manifest = named.layout.read_json(named.layout.images(named.top)[0])
    annotations = manifest.get("annotations")
    return str(annotations.get(_CREATED, "")) if isinstance(annotations, dict) else ""


def images(named: Named, platforms: tuple[Platform, ...] = ()) -> dict[Platform, ImageFacts]:
    """Analyse a base's images (only of ``platforms`` if given), each layer once.

    InvalidInputError if an image's bytes are not what its digests say, or one is missing.
    """
    from imgforge.analysis import analyse

    wanted, found = set(map(plain, platforms)), {}
    for image in named.layout.images(named.top):
        platform = image.platform and plain(image.platform)
        if platform and ((wanted and platform not in wanted) or platform.os == "unknown"):
            continue  # BuildKit lists its attestations as images of an unknown platform
        facts = analyse(named.layout, image, cache=cache.directory("analysis"))
        problems = [p for layer in facts.layers for p in layer.problems]
        problems += [p for _, p in facts.problems]
        if wrong := [
            f"{p.path or 'a layer'}: {p.detail}" for p in problems if p.kind in _UNREADABLE
        ]:
            raise InvalidInputError(f"{named.name} cannot be read", details=wrong)
        if not wanted or plain(facts.platform) in wanted:
            found[plain(facts.platform)] = facts
    if missing := [str(p) for p in sorted(wanted - found.keys())]:
        raise InvalidInputError(f"{named.name} has no image for {', '.join(missing)}")
    return found


def plain(platform: Platform) -> Platform:
    """Leave out the only variant that arm64 has: some name it and some do not."""
    only = platform.architecture == "arm64" and platform.variant == "v8"
    return Platform(platform.os, platform.architecture) if only else platform


def _opened(name: str, path: Path) -> Named:
    from imgforge import sole

    layout = Layout.open(path)
    return Named(name, layout, sole.image(layout, layout.index()))
