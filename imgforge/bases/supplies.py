"""Supplies: the files that a lock's bases are made of, carried from one cache to another.

They travel as one OCI artifact (image-spec 1.1) with a layer a file: in an image layout, in a tar
archive of one, or in a registry. Each lands in the cache under the hash that was taken here of its
bytes, and only a lock says which hashes are wanted; so an artifact from anywhere can do no harm.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from imgforge import cache
from imgforge.bases import fetch
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError
from imgforge.lock import Lock, LockedBase, LockedPlatform
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.types import EMPTY, EMPTY_JSON, MANIFEST, MAX_MANIFEST, Descriptor, sha256

if TYPE_CHECKING:
    from imgforge.bases.sources import Sources

ARTIFACT = "application/vnd.imgforge.packages.v1"
PACKAGE = "application/vnd.debian.binary-package"
TARBALL = "application/gzip"
FILE = "application/octet-stream"
TITLE = "org.opencontainers.image.title"

MAX_FILE = 2 << 30
"""Bytes of one file; the largest package of our bases has under 0.1 GB."""

MAX_FILES = 8192
MAX_MANIFESTS = 64
"""Looked at in one layout."""

_PIECE = 1 << 20
_JOBS = 4
_MEMBER = re.compile(r"oci-layout|index\.json|blobs/sha256/[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Supply:
    """One file: what it is called, its hash (sha256, hex) and size, and what a person calls it."""

    title: str
    sha256: str
    size: int
    media_type: str
    about: str


def of(locked: LockedPlatform) -> tuple[Supply, ...]:
    """Return what one platform of a base is made of; nothing for a base from a registry."""
    arch = locked.platform.architecture
    found = []
    for layer in locked.layers:
        for p in layer.packages:
            about = f"package {p.name} {p.version} {p.architecture}"
            title = p.path.rsplit("/", 1)[-1]
            found.append(Supply(title, p.sha256, p.size, PACKAGE, about))
        for w in layer.wheels:
            about = f"wheel {w.name} {w.version} for {arch}"
            title = f"{w.name}-{w.version}-{arch}"
            found.append(Supply(title, w.sha256, w.size, FILE, about))
        for t in layer.tarballs:
            about = f"npm package {t.name} {t.version}"
            title = t.path.rsplit("/", 1)[-1]
            found.append(Supply(title, t.sha256, t.size, TARBALL, about))
    return tuple({s.sha256: s for s in found}.values())


def missing(supplies: Iterable[Supply]) -> list[Supply]:
    """Return those that the cache does not have, or not as their hash says."""
    wanted = list(supplies)
    with ThreadPoolExecutor(_JOBS) as pool:
        held = pool.map(fetch.cached, [s.sha256 for s in wanted])
        return [supply for supply, path in zip(wanted, held, strict=True) if path is None]


def bring(
    locked: LockedPlatform,
    sources: Callable[[], Sources],
    *,
    offline: bool,
    say: Callable[[str], None],
) -> dict[str, Path]:
    """Return the packages and tarballs of a platform in the cache, by their sha256 (hex).

    What it lacks is downloaded, ``sources`` being asked only then; BuildFailedError that names all
    of it when ``offline``. Files of wheels come another way (:mod:`imgforge.bases.wheels`).
    """
    from imgforge.bases import npm

    packages = {p.sha256: p for layer in locked.layers for p in layer.packages}
    tarballs = {t.sha256: t for layer in locked.layers for t in layer.tarballs}
    lacking = [s for s in missing(of(locked)) if s.sha256 in packages or s.sha256 in tarballs]
    if lacking and offline:
        raise BuildFailedError(
            f"{len(lacking)} packages are not in the cache and this run is offline",
            details=[s.about for s in lacking],
            hint="run once with network access",
        )
    if lacking:
        size = sum(s.size for s in lacking) / 1e6
        say(f"{locked.platform}: fetching {len(lacking)} packages, {size:.1f} MB")
        names = {s.sha256 for s in lacking}
        wanted = [npm.wanted(t) for t in tarballs.values() if t.sha256 in names]
        if any(name in packages for name in names):
            roots, arch = sources(), locked.platform.architecture
            wanted += [
                fetch.Wanted(roots.urls(p, arch), p.sha256, p.size)
                for p in packages.values()
                if p.sha256 in names
            ]
        fetch.blobs(wanted)
    folder = cache.directory("blobs")
    return {name: folder / name for name in (*packages, *tarballs)}


def export(lock: Lock, target: str, *, offline: bool = False, say: Callable[[str], None]) -> str:
    """Write what ``lock`` needs, on all its platforms, to ``target``; return the artifact's digest.

    ``target`` is a ``FILE.tar``, a directory, or ``registry/repository:tag``, and what is returned
    for the last is ``registry/repository@digest``. Packages that the cache lacks are downloaded
    unless ``offline``. Same lock, same bytes. Raises InvalidInputError (the target, a lock of
    registry bases alone), BuildFailedError (files that are nowhere), and what downloads and
    registries give cause for.
    """
    kind = _kind(target)
    bases = [base for base in (lock.runtime, lock.builder) if base is not None]
    made = [base for base in bases if base.source == "packages"]
    for base in bases:
        if base.source == "registry":
            say(f"base {base.name} lies in a registry: mirror {base.reference}@{base.digest} there")
    found: dict[str, Supply] = {}
    for supply in (s for base in made for p in base.platforms for s in of(p)):
        found.setdefault(supply.sha256, supply)
    supplies = sorted(found.values(), key=lambda s: (s.title, s.sha256))
    if not supplies:
        raise InvalidInputError(
            "no base of this lock is made of packages: there is nothing to export"
        )
    if not offline:
        for base in (b for b in made if b.archives):
            _download(base, say)
    lacking = missing(supplies)
    if lacking:
        raise BuildFailedError(
            f"{len(lacking)} files that the lock needs are not in the cache",
            details=[s.about for s in lacking],
            hint="imgforge lock brings them, with network access",
        )
    say(f"exporting {len(supplies)} files, {sum(s.size for s in supplies) / 1e6:.1f} MB")
    if kind == "directory":
        return _to_directory(supplies, Path(target))
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=cache.directory("blobs")) as folder:
        layout, top = _layout(Path(folder), supplies, os.link)
        if kind == "archive":
            _to_archive(layout, Path(target))
            return top.digest
        return _to_registry(layout, top, target)


def import_(source: str, *, say: Callable[[str], None]) -> int:
    """Bring the files of an exported artifact into the cache; return how many it did not have.

    ``source`` is whatever :func:`export` wrote. Nothing else in it is believed than that a file has
    the hash it was filed under. InvalidInputError if it is no such artifact, RegistryError and
    TransientError if it comes from a registry.
    """
    path = Path(source)
    if path.is_dir():
        return _taken(lambda name: _opened(path / name), source, say)
    if path.is_file():
        with path.open("rb") as file, _archive(file, source) as opened:
            return _taken(opened, source, say)
    if _kind(source) == "registry":
        return _from_registry(Reference.parse(source), say)
    raise InvalidInputError(
        f"there is no {source} to import",
        hint="name a FILE.tar or directory that was exported, or registry/repository:tag",
    )


def _kind(target: str) -> str:
    first, slash, _ = target.partition("/")
    if target.endswith(".tar"):
        return "archive"
    placed = first in {"", ".", "..", "~"} or Path(target).exists()
    if slash and not placed and (first == "localhost" or "." in first or ":" in first):
        return "registry"
    return "directory"


def _download(base: LockedBase, say: Callable[[str], None]) -> None:
    from imgforge.bases import fit, sources, wheels

    roots = functools.partial(sources.find, base.archives[0].suite, base.archives)
    chain = fit.chain(base)
    for locked in base.platforms:
        bring(locked, roots, offline=False, say=say)
        for definition, layer in zip(chain, locked.layers, strict=True):
            for wheel, pinned in zip(definition.wheel, layer.wheels, strict=True):
                wheels.install(wheel, pinned, locked.platform.architecture, offline=False)


def _layout(
    folder: Path, supplies: Sequence[Supply], place: Callable[[Path, Path], object]
) -> tuple[Layout, Descriptor]:
    """Make the layout of the artifact; ``place`` brings a file of the cache to its new path."""
    layout = Layout.create(folder)
    layers = []
    for supply in supplies:
        digest = f"sha256:{supply.sha256}"
        place(cache.directory("blobs") / supply.sha256, layout.blob_path(digest))
        notes = {TITLE: supply.title}
        layers.append(Descriptor(supply.media_type, digest, supply.size, notes).to_json())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": layout.add(EMPTY_JSON, EMPTY).to_json(),
        "layers": layers,
    }
    top = layout.add_json(manifest, MANIFEST, artifact_type=ARTIFACT)
    if top.size > MAX_MANIFEST:
        raise InvalidInputError(f"{len(supplies)} files are too many for one artifact")
    layout.write_index([top])
    return layout, top


def _to_directory(supplies: Sequence[Supply], target: Path) -> str:
    old = target.is_dir() and any(target.iterdir())
    if (target.exists() and not target.is_dir()) or (old and not (target / "oci-layout").is_file()):
        raise InvalidInputError(
            f"{target} is there already and is no image layout", hint="name a new directory"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as folder:
        # Copies, since whoever may write there must not reach into the cache.
        fresh = Path(folder, "new")
        _, top = _layout(fresh, supplies, shutil.copyfile)
        if target.exists():
            target.rename(Path(folder, "old"))
        fresh.rename(target)
    return top.digest


def _to_archive(layout: Layout, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=".new-", dir=target.parent)
    temporary = Path(name)
    try:
        with (
            os.fdopen(fd, "wb") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            blobs = sorted(layout.path.glob("blobs/sha256/*"))
            for path in (layout.path / "oci-layout", layout.path / "index.json", *blobs):
                member = tarfile.TarInfo(str(path.relative_to(layout.path)))
                member.size = path.stat().st_size
                with path.open("rb") as content:
                    tar.addfile(member, content)
        temporary.chmod(0o644)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)


def _to_registry(layout: Layout, top: Descriptor, target: str) -> str:
    from imgforge.oci.registry import Registry

    reference = Reference.parse(target)
    if reference.tag is None or reference.digest is not None:
        raise InvalidInputError(f"{target} names no tag", hint="write registry/repository:tag")
    with Registry(reference) as registry:
        registry.put_image(layout, top)
        registry.put_manifest(reference.tag, layout.read(top), top.media_type)
        found = registry.find(reference.tag)
        if found is None or found[0].digest != top.digest:
            raise RegistryError(f"{target} does not name {top.digest} after it was tagged")
    return str(reference.with_digest(top.digest))


def _from_registry(reference: Reference, say: Callable[[str], None]) -> int:
    from imgforge.oci.registry import Registry

    with (
        Registry(reference) as registry,
        tempfile.TemporaryDirectory(prefix=".incoming-", dir=cache.directory("blobs")) as folder,
    ):
        layout = Layout.create(Path(folder))
        top, data = registry.resolve()
        try:
            files = _files(data, str(reference))
        except CorruptLayoutError as error:
            raise RegistryError(error.message) from error
        fresh = [f for f in files if fetch.cached(f.digest.removeprefix("sha256:")) is None]
        say(f"importing {len(fresh)} of {len(files)} files of {reference.name}@{top.digest}")

        def bring(file: Descriptor) -> None:
            registry.fetch_blob(file, layout)
            name = file.digest.removeprefix("sha256:")
            layout.blob_path(file.digest).rename(cache.directory("blobs") / name)

        with ThreadPoolExecutor(_JOBS) as pool:
            list(pool.map(bring, fresh))
    return len(fresh)


def _taken(open_: Callable[[str], IO[bytes]], place: str, say: Callable[[str], None]) -> int:
    """Import from a layout whose files ``open_`` opens by their names in it."""
    index = _json(_small(open_, "index.json", place), f"{place}: index.json")
    found = index.get("manifests")
    try:
        tops = [Descriptor.from_json(item) for item in found] if isinstance(found, list) else []
    except ValueError as error:
        raise CorruptLayoutError(f"{place}: index.json: {error}") from error
    if len(tops) > MAX_MANIFESTS:
        raise CorruptLayoutError(f"{place} lists over {MAX_MANIFESTS} manifests")
    # What a manifest is stands in itself: not every tool copies it into the index.
    manifests = (_small(open_, _name(t), place, t.digest) for t in tops if t.media_type == MANIFEST)
    artifacts = [data for data in manifests if _json(data, place).get("artifactType") == ARTIFACT]
    if len(artifacts) != 1:
        raise CorruptLayoutError(f"{place} does not hold one artifact of type {ARTIFACT}")
    files = _files(artifacts[0], place)
    fresh = [f for f in files if fetch.cached(f.digest.removeprefix("sha256:")) is None]
    say(f"importing {len(fresh)} of {len(files)} files of {place}")
    for file in fresh:
        with open_(_name(file)) as stream:
            _into_cache(stream, file, place)
    return len(fresh)


def _into_cache(stream: IO[bytes], file: Descriptor, place: str) -> None:
    folder, name = cache.directory("blobs"), file.digest.removeprefix("sha256:")
    state, left = hashlib.sha256(), file.size
    fd, temporary = tempfile.mkstemp(prefix=".incoming-", dir=folder)
    try:
        with os.fdopen(fd, "wb") as out:
            while piece := stream.read(min(_PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    break
                state.update(piece)
                out.write(piece)
        if left or state.hexdigest() != name:
            raise CorruptLayoutError(f"{place}: {file.digest} does not match its digest or size")
        Path(temporary).chmod(0o644)
        Path(temporary).rename(folder / name)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _files(data: bytes, place: str) -> list[Descriptor]:
    """Return the file descriptors of the artifact's manifest, each digest once."""
    manifest = _json(data, place)
    if manifest.get("artifactType") != ARTIFACT or manifest.get("mediaType") != MANIFEST:
        raise CorruptLayoutError(f"{place} is no artifact of type {ARTIFACT}")
    files = {file.digest: file for file in references(manifest)[1:]}
    if len(files) > MAX_FILES:
        raise CorruptLayoutError(f"{place} holds over {MAX_FILES} files")
    for file in files.values():
        if file.size > MAX_FILE:
            raise CorruptLayoutError(f"{place}: {file.digest} is over {MAX_FILE} bytes")
    return list(files.values())


def _name(descriptor: Descriptor) -> str:
    return "blobs/" + descriptor.digest.replace(":", "/")


def _small(
    open_: Callable[[str], IO[bytes]], name: str, place: str, digest: str | None = None
) -> bytes:
    with open_(name) as stream:
        data = stream.read(MAX_MANIFEST + 1)
    if len(data) > MAX_MANIFEST:
        raise CorruptLayoutError(f"{place}: {name} is over {MAX_MANIFEST} bytes")
    if digest is not None and sha256(data) != digest:
        raise CorruptLayoutError(f"{place}: {name} does not match its digest")
    return data


def _json(data: bytes, place: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptLayoutError(f"{place} is not JSON") from error
    if not isinstance(value, dict):
        raise CorruptLayoutError(f"{place} is not a JSON object")
    return value


def _opened(path: Path) -> IO[bytes]:
    """Open a plain file: no link is followed, and nothing that would never end is read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CorruptLayoutError(f"cannot read {path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise CorruptLayoutError(f"{path} is no plain file")
    return os.fdopen(fd, "rb")


class _Cautious:
    """A file for tarfile, which reads long names and the like whole, whatever size they claim."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Read as from a file, but never more at once than the largest manifest."""
        if not 0 <= size <= MAX_MANIFEST + 1:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


@contextlib.contextmanager
def _archive(file: IO[bytes], place: str) -> Iterator[Callable[[str], IO[bytes]]]:
    """Give what opens the members of an archive, which is never unpacked."""
    try:
        with tarfile.open(fileobj=_Cautious(file), mode="r:") as tar:  # type: ignore[call-overload]
            members: dict[str, tarfile.TarInfo] = {}
            for member in tar:
                name = member.name.removeprefix("./")
                if member.isdir() and name in {"", ".", "blobs", "blobs/sha256"}:
                    continue
                plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE}
                if not plain or not _MEMBER.fullmatch(name) or name in members:
                    raise CorruptLayoutError(f"{place} holds {member.name[:100]!r}, not a layout's")
                members[name] = member
                if len(members) > MAX_FILES + 4:
                    raise CorruptLayoutError(f"{place} holds over {MAX_FILES} files")

            def open_(name: str) -> IO[bytes]:
                if name not in members:
                    raise CorruptLayoutError(f"{place} lacks {name}")
                stream: IO[bytes] = tar.extractfile(members[name])
                return stream

            yield open_
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise CorruptLayoutError(f"{place} is no tar archive: a size in it is negative") from error
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise CorruptLayoutError(
            f"{place} is no tar archive of an image layout: {error}"
        ) from error
