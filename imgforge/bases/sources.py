"""Where packages come from: the settings, else the machine's apt sources, else snapshots.

Formats: deb822 ``*.sources`` and one-line ``*.list`` files (sources.list(5)). Only what is needed
is read from them: mirrors of the archives of one distribution, and the keyring that signs them. The
suite is the definition's, so a machine of any release will do. An archive that nobody names is
taken from the distribution's snapshot service, which also has the packages of a lock after they
left the mirrors. All of it is signed, so it matters little who hands it over.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import InvalidInputError
from imgforge.lock import Package

if TYPE_CHECKING:
    from imgforge import lock
    from imgforge.bases.distributions import Archive, Distribution

APT = Path("/etc/apt")
_FOREIGN = 2
_SECURITY = "-security"
_POCKETS = r"(-security|-updates|-backports|-proposed|-proposed-updates)?"
_DELAY = dt.timedelta(days=1)
"""A snapshot is taken some hours after the Release file that it holds was written, and what an
archive drops stays there for a day or two: a day later is when a lock's packages are found best."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite of one archive. ``url`` is the archive's root, without a slash at its end.

    ``moment`` is when it was as it is there: a snapshot's; None stands for now.
    """

    url: str
    name: str
    moment: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Mirrors of one distribution, the keyring for all, and what is believed of them.

    ``mirrors`` maps archives' names to roots; an archive that is not in it is taken from the
    snapshot ``service``, as it was at ``moment``. ``locked`` maps suites to the dates of a lock,
    which the service is asked for when a package has left the mirror.
    """

    distribution: Distribution
    mirrors: Mapping[str, str]
    keyring: Path
    service: str
    moment: dt.datetime
    locked: Mapping[str, dt.datetime]
    check_valid_until: bool = True

    def suites(self, release: str, architecture: str) -> tuple[Suite, ...]:
        """Return the suites that make up ``release`` for ``architecture``, the main one first."""
        found = []
        for archive in self.distribution.archive:
            if archive.serves(architecture):
                for pattern in archive.suites:
                    url, moment = self._present(archive)
                    found.append(Suite(url, pattern.replace("{suite}", release), moment))
        return tuple(found)

    def urls(self, package: Package, architecture: str) -> tuple[str, ...]:
        """Return where ``package`` of an image for ``architecture`` may be, best first."""
        archive = self._archive(package.suite, architecture)
        moments = []
        if package.suite in self.locked:
            date = self.locked[package.suite]
            moments = [min(date + _DELAY, self.moment), date]
        roots = [self._snapshot(archive, moment) for moment in moments]
        if archive.name in self.mirrors or not roots:
            roots.insert(0, self._present(archive)[0])
        return tuple(f"{root}/{package.path}" for root in dict.fromkeys(roots))

    def hosts(self, architecture: str) -> str:
        """Return the names of the servers that are asked first, for messages."""
        served = [a for a in self.distribution.archive if a.serves(architecture)]
        urls = [self._present(archive)[0] for archive in served]
        return ", ".join(dict.fromkeys(without_password(u).split("/")[2] for u in urls))

    def _present(self, archive: Archive) -> tuple[str, dt.datetime | None]:
        mirror = self.mirrors.get(archive.name)
        if mirror is not None:
            return mirror, None
        return self._snapshot(archive, self.moment), self.moment

    def _snapshot(self, archive: Archive, moment: dt.datetime) -> str:
        return f"{self.service}/{archive.snapshot.replace('{moment}', f'{moment:%Y%m%dT%H%M%SZ}')}"

    def _archive(self, suite: str, architecture: str) -> Archive:
        for archive in self.distribution.archive:
            if archive.serves(architecture):
                for pattern in archive.suites:
                    if suite in {pattern.replace("{suite}", s) for s in self.distribution.suites}:
                        return archive
        raise InvalidInputError(
            f"{self.distribution.title} has no suite {suite!r} for {architecture}"
        )


@dataclass(frozen=True, slots=True)
class _AptSource:
    url: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: Path | None


def find(
    suite: str,
    locked: Sequence[lock.Archive] = (),
    environ: Mapping[str, str] | None = None,
    apt: Path = APT,
) -> Sources:
    """Find the sources of ``suite``'s distribution; ``locked`` are a lock's archives and dates.

    The settings (:mod:`imgforge.settings`) win over the apt sources below ``apt``. Raises
    InvalidInputError if no distribution has the suite, a setting is wrong or a keyring missing.
    """
    from imgforge import settings
    from imgforge.bases import distributions

    distribution = distributions.of(suite)
    all_given = settings.load(os.environ if environ is None else environ)
    given: settings.Archive = getattr(all_given, distribution.name)
    found = _of_machine(distribution, apt, trusting=given.keyring is not None)
    roots = {name: source.url for name, source in found.items()}
    ports = given.ports_mirror if isinstance(given, settings.Ubuntu) else None
    named = {"main": given.mirror, "security": given.security_mirror, "ports": ports}
    roots.update({name: root for name, root in named.items() if root})
    if given.snapshot:
        roots = {}
    dates: dict[str, dt.datetime] = {}
    for archive in locked:
        date = settings.moment(archive.date)
        dates[archive.suite] = max(date, dates.get(archive.suite, date))
    return Sources(
        distribution,
        {name: root.rstrip("/") for name, root in roots.items()},
        _keyring(distribution, given.keyring, found),
        given.snapshot_mirror or distribution.snapshot,
        settings.moment(given.snapshot) if given.snapshot else dt.datetime.now(dt.UTC),
        dates,
        given.check_valid_until,
    )


def without_password(url: str) -> str:
    """Return ``url`` for messages, user and password left out."""
    return re.sub(r"(?<=//)[^/]*@", "", url)


def _keyring(
    distribution: Distribution, named: str | None, found: Mapping[str, _AptSource]
) -> Path:
    if named:
        if not Path(named).is_file():
            raise InvalidInputError(
                f"there is no keyring {named}, which the settings name",
                hint=f"IMGFORGE_{distribution.name.upper()}_KEYRING names it, or config.toml",
            )
        return Path(named).resolve()
    machine = [source.keyring for source in found.values() if source.keyring is not None]
    for path in (*machine, *map(Path, distribution.keyrings)):
        if path.is_file():
            return path.resolve()
    return distribution.own_keyring


def _of_machine(distribution: Distribution, apt: Path, *, trusting: bool) -> dict[str, _AptSource]:
    """Return the machine's source for each archive of ``distribution`` that it has one for.

    One with a key of its own counts only if the settings name the keyring (``trusting``).
    """
    suites = re.compile(rf"({'|'.join(distribution.suites + distribution.aliases)}){_POCKETS}")
    marks = {a.name: a.marked for a in distribution.archive if a.marked}
    found: dict[str, _AptSource] = {}

    def rank(source: _AptSource) -> int:
        # Others publish suites of the same name (a browser's vendor, a database's), with own keys.
        if source.keyring is None:
            return 1
        own = source.keyring.name.startswith(f"{distribution.name}-archive-")
        return 0 if own else _FOREIGN

    usable = (source for source in _apt_sources(apt) if trusting or rank(source) < _FOREIGN)
    for source in sorted(usable, key=rank):
        if not all(suites.fullmatch(suite) for suite in source.suites):
            continue
        if distribution.components[0] not in source.components:
            continue
        marked = next((name for name, mark in marks.items() if mark in source.url), None)
        secure = [suite.endswith(_SECURITY) for suite in source.suites]
        names = [marked] if marked else ["main"] * (not all(secure)) + ["security"] * any(secure)
        for name in names:
            found.setdefault(name, source)
    return found


def _apt_sources(apt: Path) -> Iterator[_AptSource]:
    folder = apt / "sources.list.d"
    files = [
        apt / "sources.list",
        *sorted(folder.glob("*.list")),
        *sorted(folder.glob("*.sources")),
    ]
    for path in files:
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            continue
        yield from _deb822(text) if path.suffix == ".sources" else _one_line(text)


def _source(
    urls: list[str], suites: list[str], components: list[str], keyring: str
) -> Iterator[_AptSource]:
    # A key may stand in the file itself; then the distribution's own keyring is used.
    path = Path(keyring) if keyring.startswith("/") else None
    for url in urls:
        if suites and re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
            yield _AptSource(url, tuple(suites), tuple(components), path)


def _deb822(text: str) -> Iterator[_AptSource]:
    for block in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in {" ", "\t"} and key:
                fields[key] += "\n" + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                key = name.strip().lower()
                fields[key] = value.strip()
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        if "deb" in fields.get("types", "").split():
            yield from _source(
                fields.get("uris", "").split(),
                fields.get("suites", "").split(),
                fields.get("components", "").split(),
                fields.get("signed-by", ""),
            )


def _one_line(text: str) -> Iterator[_AptSource]:
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line.strip())
        if found:
            options = dict(o.split("=", 1) for o in (found[1] or "").split() if "=" in o)
            yield from _source(
                [found[2]], [found[3]], found[4].split(), options.get("signed-by", "")
            )
