"""Resolving a base against the archives: which packages and wheels, from which day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from imgforge.bases import fetch, layers, npm, release, wheels
from imgforge.bases.changes import is_security
from imgforge.bases.closure import close
from imgforge.bases.definitions import PACKAGES, Definition, abi, digest
from imgforge.bases.index import Candidate, Index, compare, load
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
class _Read:
    """A suite's Release file, verified."""

    suite: Suite
    release: release.Release
    sha256: str


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
) -> Offer:
    """Return the base ``name`` that ``chain`` describes today.

    ``packages`` go into the chain's last layer. Raises what the archives and uv give cause for.
    """
    suite = chain[-1].suite_name
    say(f"reading the archives of {suite}")
    reads = _releases(sources, suite)
    architectures = {p: layers.architecture(p) for p in platforms}
    named = sorted(set(architectures.values()))
    indexes = _indexes(reads, named)
    others = {d.name: _others(d, named, say) for d in chain}
    locked = tuple(
        LockedPlatform(p, "", _layers(chain, indexes[arch], packages, arch, others))
        for p, arch in sorted(architectures.items())
    )
    base = LockedBase(
        name=name,
        source="packages",
        reference=f"imgforge/{name}",
        digest="",
        epoch=max(int(r.release.date.timestamp()) for r in reads),
        definition=digest(chain),
        archives=tuple(
            Archive(
                r.suite.name, f"{r.release.date.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}", r.sha256
            )
            for r in reads
        ),
        platforms=locked,
        abi=abi(chain),
    )
    return Offer(base, _fixes(base, indexes.values()))


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


def _releases(sources: Sources, name: str) -> list[_Read]:
    now = dt.datetime.now(dt.UTC)
    suites = sources.suites(name)

    def read(suite: Suite) -> _Read:
        place = f"{suite.name}'s InRelease"
        data = fetch.small(http, f"{suite.url}/dists/{suite.name}/InRelease", release.MAX_BYTES)
        text = release.verify(data, sources.keyring, place)
        check = sources.check_valid_until
        parsed = release.parse(text, suite.name, now=now, check_valid_until=check, place=place)
        return _Read(suite, parsed, sha256(data).removeprefix("sha256:"))

    with fetch.client() as http, ThreadPoolExecutor(len(suites)) as pool:
        return list(pool.map(read, suites))


def _indexes(reads: Sequence[_Read], architectures: Sequence[str]) -> dict[str, Index]:
    wanted, owners = [], []
    for arch in architectures:
        for read in reads:
            folder = f"main/binary-{arch}"
            known = read.release.files.get(f"{folder}/Packages.xz")
            if known is None:
                raise RegistryError(f"{read.suite.name} has no package index for {arch}")
            digest_, size = known
            root = f"{read.suite.url}/dists/{read.suite.name}/{folder}"
            urls = (f"{root}/by-hash/SHA256/{digest_}", f"{root}/Packages.xz")
            wanted.append(fetch.Wanted(urls, digest_, size))
            owners.append((arch, read.suite.name))
    with ThreadPoolExecutor(max(1, len(architectures))) as pool:
        loaded = list(zip(owners, pool.map(load, fetch.blobs(wanted)), strict=True))
    return {
        arch: Index([(suite, stanzas) for (owner, suite), stanzas in loaded if owner == arch])
        for arch in architectures
    }


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


def _layers(
    chain: Sequence[Definition],
    index: Index,
    packages: Sequence[str],
    architecture: str,
    others: Mapping[str, Mapping[str, _Others]],
) -> tuple[LockedLayer, ...]:
    below: list[Candidate] = []
    exclude: set[str] = set()
    out = []
    for definition in chain:
        exclude |= set(definition.exclude)
        wanted = packages if definition.name == PACKAGES else definition.packages
        found = close(index, wanted, below=below, exclude=exclude)
        below += found
        other = others[definition.name][architecture]
        out.append(
            LockedLayer(
                definition.name, tuple(c.package for c in found), other.wheels, other.tarballs
            )
        )
    return tuple(out)
