"""Resolving a base against the archives: which packages and wheels, from which day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from imgforge.bases import counterparts, fetch, layers, npm, release, wheels
from imgforge.bases.changes import is_security
from imgforge.bases.closure import close
from imgforge.bases.definitions import PACKAGES, Definition, abi, digest
from imgforge.bases.index import MAX_PACKED, Candidate, Index, compare, load
from imgforge.bases.sources import Sources, Suite
from imgforge.errors import RegistryError
from imgforge.lock import Archive, LockedBase, LockedLayer, LockedPlatform, Tarball, Wheel
from imgforge.oci.types import Platform, sha256


@dataclass(frozen=True, slots=True)
class Offer:
    """What the archives make of a base today; the digests of ``base`` are still empty.

    ``fixes`` maps a package's name to its newest version among the security updates, whether that
    was taken or one that the next point release has in its place.
    """

    base: LockedBase
    fixes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """A suite's Release file, verified."""

    suite: Suite
    release: release.Release
    sha256: str

    @property
    def archive(self) -> Archive:
        """What a lock says of it."""
        date = f"{self.release.date.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        return Archive(self.suite.name, date, self.sha256)


@dataclass(frozen=True, slots=True)
class _Others:
    """What one layer holds besides packages of the distribution."""

    wheels: tuple[Wheel, ...]
    tarballs: tuple[Tarball, ...]


def resolve(  # noqa: PLR0917 - the same arguments for every base
    name: str,
    chain: Sequence[Definition],
    platforms: Sequence[Platform],
    packages: Sequence[str],
    sources: Sources,
    say: Callable[[str], None],
    against: Sequence[str] = (),
) -> Offer:
    """Return the base ``name`` that ``chain`` describes today.

    ``packages`` go into the chain's last layer, and so does what compiling ``against`` libraries
    takes. Raises what the archives and uv give cause for.
    """
    suite = chain[-1].suite_name
    architectures = {p: layers.architecture(p) for p in platforms}
    named = sorted(set(architectures.values()))
    hosts = ", ".join(dict.fromkeys(sources.hosts(arch) for arch in named))
    say(f"reading the archives of {suite} at {hosts}")
    reads = releases(sources, suite, named)
    indexes = load_indexes(reads, sources, suite, named)
    others = {d.name: _others(d, named, say) for d in chain}
    added = {arch: _added(indexes[arch], packages, against) for arch in named}
    locked = tuple(
        LockedPlatform(p, "", _layers(chain, indexes[arch], added[arch], arch, others))
        for p, arch in sorted(architectures.items())
    )
    base = LockedBase(
        name=name,
        source="packages",
        reference=f"imgforge/{name}",
        digest="",
        epoch=max(int(r.release.date.timestamp()) for r in reads.values()),
        definition=digest(chain),
        archives=tuple(dict.fromkeys(r.archive for r in reads.values())),
        platforms=locked,
        abi=abi(chain),
    )
    return Offer(base, _fixes(base, indexes.values()))


def _added(index: Index, packages: Sequence[str], against: Sequence[str]) -> tuple[str, ...]:
    """Return the packages on top: those named, the libraries compiled against, and their -dev."""
    found = counterparts.of(index, against, packages)
    return tuple(dict.fromkeys((*packages, *against, *found)))


def _fixes(base: LockedBase, indexes: Iterable[Index]) -> dict[str, str]:
    names = {p.name for x in base.platforms for layer in x.layers for p in layer.packages}
    found: dict[str, str] = {}
    for index in indexes:
        for name in names:
            for package in (c.package for c in index.named(name)):
                known = found.get(name)
                if is_security(package.suite) and (
                    not known or compare(package.version, known) > 0
                ):
                    found[name] = package.version
    return found


def releases(sources: Sources, name: str, architectures: Sequence[str]) -> dict[Suite, Read]:
    """Return the verified Release files of all suites that make up ``name``, by suite."""
    now = dt.datetime.now(dt.UTC)
    suites = dict.fromkeys(s for arch in architectures for s in sources.suites(name, arch))

    def read(suite: Suite) -> Read:
        place = f"{suite.name}'s InRelease"
        data = fetch.small(http, f"{suite.url}/dists/{suite.name}/InRelease", release.MAX_BYTES)
        text = release.verify(data, sources.keyring, place)
        parsed = release.parse(
            text,
            suite.name,
            now=suite.moment or now,
            check_valid_until=sources.check_valid_until,
            place=place,
        )
        return Read(suite, parsed, sha256(data).removeprefix("sha256:"))

    with fetch.client() as http, ThreadPoolExecutor(len(suites)) as pool:
        return dict(zip(suites, pool.map(read, suites), strict=True))


def load_indexes(
    reads: Mapping[Suite, Read], sources: Sources, name: str, architectures: Sequence[str]
) -> dict[str, Index]:
    """Return the package index of each architecture over all suites that make up ``name``."""
    wanted, owners = [], []
    for arch in architectures:
        for suite in sources.suites(name, arch):
            for component in sources.distribution.components:
                wanted.append(_index(reads[suite], f"{component}/binary-{arch}"))
                owners.append((arch, suite.name))
    with ThreadPoolExecutor(max(1, len(architectures))) as pool:
        loaded = list(zip(owners, pool.map(load, fetch.blobs(wanted)), strict=True))
    return {
        arch: Index([(suite, stanzas) for (owner, suite), stanzas in loaded if owner == arch])
        for arch in architectures
    }


def _index(read: Read, folder: str) -> fetch.Wanted:
    known = read.release.files.get(f"{folder}/Packages.xz")
    if known is None:
        component, _, arch = folder.partition("/binary-")
        raise RegistryError(f"{read.suite.name} has no package index for {arch} in {component}")
    digest_, size = known
    if size > MAX_PACKED:
        raise RegistryError(f"{read.suite.name}'s package index is over {MAX_PACKED} bytes")
    root = f"{read.suite.url}/dists/{read.suite.name}/{folder}"
    plain = f"{root}/Packages.xz"
    # The plain name is given a new content with each Release file, and mirrors copy file by file.
    urls = (f"{root}/by-hash/SHA256/{digest_}", plain)
    return fetch.Wanted(urls, digest_, size, moving=frozenset({plain}))


def _others(
    definition: Definition, architectures: Sequence[str], say: Callable[[str], None]
) -> dict[str, _Others]:
    """Pin what a definition takes from elsewhere than the distribution, by architecture."""
    found = [wheels.lock(wheel, architectures) for wheel in definition.wheel]
    out = {}
    for name in architectures:
        tarballs = [npm.lock(wanted, name, say) for wanted in definition.npm]
        out[name] = _Others(tuple(w[name] for w in found), tuple(t for t in tarballs if t))
    return out


def closures(
    chain: Sequence[Definition], index: Index, packages: Sequence[str] = ()
) -> list[tuple[Candidate, ...]]:
    """Return what each layer of ``chain`` holds of ``index``, lowest first; see :func:`close`."""
    below: list[Candidate] = []
    exclude: set[str] = set()
    out = []
    for definition in chain:
        exclude |= set(definition.exclude)
        wanted = packages if definition.name == PACKAGES else definition.packages
        out.append(close(index, wanted, below=below, exclude=exclude))
        below += out[-1]
    return out


def _layers(
    chain: Sequence[Definition],
    index: Index,
    packages: Sequence[str],
    architecture: str,
    others: Mapping[str, Mapping[str, _Others]],
) -> tuple[LockedLayer, ...]:
    out = []
    for definition, found in zip(chain, closures(chain, index, packages), strict=True):
        other = others[definition.name][architecture]
        out.append(
            LockedLayer(
                definition.name, tuple(c.package for c in found), other.wheels, other.tarballs
            )
        )
    return tuple(out)
