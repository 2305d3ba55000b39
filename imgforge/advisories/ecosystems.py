"""Under which names the databases of the world list a component, and by which rule it is ordered.

Names of ecosystems are OSV's (ossf.github.io/osv-schema, "Defined ecosystems"); their releases
come from os-release(5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from imgforge.analysis.facts import Package
    from imgforge.inventory import Component, System

RULES: Final = {
    "AlmaLinux": "rpm", "Alpaquita": "apk", "Alpine": "apk", "Azure Linux": "rpm",
    "BellSoft Hardened Containers": "apk", "Bioconductor": "cran", "Bitnami": "semver",
    "CRAN": "cran", "Chainguard": "apk", "CleanStart": "apk", "Debian": "deb", "Echo": "deb",
    "GitHub Actions": "semver", "Go": "semver", "Hackage": "hackage", "Hex": "semver",
    "Julia": "semver", "Mageia": "rpm", "Maven": "maven", "MinimOS": "apk", "NuGet": "nuget",
    "Packagist": "composer", "Photon OS": "rpm", "Pub": "pub", "PyPI": "pypi", "Red Hat": "rpm",
    "Rocky Linux": "rpm", "RubyGems": "gem", "SUSE": "rpm", "SwiftURL": "semver", "Ubuntu": "deb",
    "Wolfi": "apk", "crates.io": "semver", "npm": "semver", "openEuler": "rpm", "openSUSE": "rpm",
}  # fmt: skip
"""Ecosystem without its release → rule in :mod:`imgforge.advisories.versions`."""

_LANGUAGES: Final = {
    "bioconductor": "Bioconductor", "bitnami": "Bitnami", "cargo": "crates.io",
    "composer": "Packagist", "cran": "CRAN", "gem": "RubyGems", "githubactions": "GitHub Actions",
    "golang": "Go", "hackage": "Hackage", "hex": "Hex", "julia": "Julia", "maven": "Maven",
    "npm": "npm", "nuget": "NuGet", "pub": "Pub", "pypi": "PyPI", "swift": "SwiftURL",
}  # fmt: skip
"""Type of a package URL → ecosystem."""

_SLASHED: Final = frozenset({"Go", "GitHub Actions", "Packagist", "SwiftURL", "npm"})
"""Ecosystems whose names have the namespace before a slash."""

_FOLDED: Final = frozenset({"GitHub Actions", "Go", "Hex", "NuGet", "Packagist", "Pub", "SwiftURL"})
"""Ecosystems that take a name in any case, or whose package URLs have none (golang)."""

_DISTRIBUTIONS: Final = frozenset({"deb", "rpm", "apk"})

MAVEN: Final = "Maven"
GROUPLESS: Final = "its Maven group is not known"
_JARS: Final = (".jar", ".war", ".ear")

_ROLLING: Final = {
    "wolfi": "Wolfi", "chainguard": "Chainguard", "minimos": "MinimOS", "cleanstart": "CleanStart",
    "opensuse-tumbleweed": "openSUSE:Tumbleweed",
}  # fmt: skip
_GO_RELEASE: Final = re.compile(r"(?:go)?([0-9]+\.[0-9]+)(\.[0-9]+)?(?:(rc|beta|alpha)([0-9]+))?")


class Listed(NamedTuple):
    """Where to look: ``ecosystem`` of OSV, the ``package``'s name there, its ``version``."""

    ecosystem: str
    package: str
    version: str


def rule(ecosystem: str) -> str | None:
    """Return the rule that orders an ecosystem's versions, or None if nobody knows it."""
    name, _, rest = ecosystem.partition(":")
    if name in {"TuxCare", "Root", "Echo"} and rest and rule(rest):
        return rule(rest)
    return RULES.get(name)


def folded(ecosystem: str, package: str) -> str:
    """Return a package's name as the database has it: spelt as the ecosystem compares names."""
    name = ecosystem.partition(":")[0]
    if name == "PyPI":
        return re.sub(r"[-_.]+", "-", package).lower()
    if name == "SwiftURL":
        package = re.sub(r"^https?://|\.git$", "", package)
    return package.lower() if name in _FOLDED else package


def listed(component: Component, system: System | None, known: Iterable[str]) -> tuple[Listed, ...]:
    """Return where advisories about ``component`` are; ValueError says why nobody can know.

    ``known`` are the ecosystems that the database has: some distributions split a release into
    many. A distribution's packages are looked up by their source's name, and by their own where
    databases list those.
    """
    package = component.package
    if not package.version:
        raise ValueError("it has no version")
    if package.ecosystem in _DISTRIBUTIONS:
        return _of_distribution(component, system or _named_system(package.purl), known)
    ecosystem = _LANGUAGES.get(package.ecosystem)
    if is_groupless(package):
        raise ValueError(GROUPLESS)
    if ecosystem is None:
        what = package.ecosystem or "no ecosystem"
        raise ValueError(f"no advisories are kept for packages of its kind ({what})")
    name = package.name
    if ecosystem == "Maven":
        name = f"{package.namespace}:{name}"
    elif package.namespace and ecosystem in _SLASHED:
        name = f"{package.namespace}/{name}"
    return (Listed(ecosystem, folded(ecosystem, name), _version(ecosystem, name, package.version)),)


def is_groupless(package: Package) -> bool:
    """Whether it is a Java archive of which nobody says the group, by which advisories know it."""
    if package.ecosystem == "generic":
        place = package.inside or (package.paths[0] if package.paths else "")
        return place.lower().endswith(_JARS)
    return package.ecosystem == "maven" and not package.namespace


def _version(ecosystem: str, name: str, version: str) -> str:
    """Return a version as advisories write it."""
    if ecosystem == "Go":
        if version in {"(devel)", "v0.0.0"}:
            raise ValueError("it was built from a checkout: it has no version")
        found = _GO_RELEASE.fullmatch(version) if name in {"stdlib", "toolchain"} else None
        if found is not None:
            minor, patch, kind, number = found.groups()
            return f"{minor}{patch or '.0'}" + (f"-{kind}.{number}" if kind else "")
    if ecosystem == "Bitnami":
        return re.sub(r"-[0-9]+$", "", version)  # the revision of their packaging
    return version


def _named_system(purl: str) -> System | None:
    """Return the distribution that a package URL names (``pkg:deb/debian/x?distro=debian-12``)."""
    from imgforge.inventory import System

    head, _, query = purl.partition("#")[0].partition("?")
    parts = head.removeprefix("pkg:").split("/")
    distro = parse_qs(query).get("distro", [""])[0]
    namespace = unquote(parts[1]) if len(parts) > 2 else ""  # noqa: PLR2004 - type, namespace, name
    name, _, version = distro.rpartition("-")
    if not name:
        return None
    return System(namespace or name, version)


def _of_distribution(
    component: Component, system: System | None, known: Iterable[str]
) -> tuple[Listed, ...]:
    package = component.package
    if system is None:
        raise ValueError("its distribution is not known")
    ecosystems = _releases(system, package.version, known)
    if any(rule(ecosystem) != package.ecosystem for ecosystem in ecosystems):
        # Whoever forges os-release would else have the packages looked up where nobody lists them.
        raise ValueError(f"{system.id} has no packages of its kind ({package.ecosystem})")
    source = package.source or package.name
    pairs = {source: package.source_version or package.version}
    if package.ecosystem != "deb":
        pairs.setdefault(package.name, package.version)
    return tuple(
        Listed(ecosystem, name, version)
        for ecosystem in ecosystems
        for name, version in pairs.items()
    )


def _releases(system: System, version: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the ecosystems of a distribution's release; ValueError if there can be none."""
    name, release = system.id.lower(), system.version
    if name in _ROLLING:
        return (_ROLLING[name],)
    if name not in _RELEASED:
        raise ValueError(f"no advisories are known for the distribution {name}")
    if not release:
        raise ValueError(f"the release of {name} is not known (os-release has no VERSION_ID)")
    return _RELEASED[name](release, version, known)


def _by_major(ecosystem: str) -> _Release:
    return lambda release, *_: (f"{ecosystem}:{release.partition('.')[0]}", ecosystem)


def _by_release(ecosystem: str) -> _Release:
    return lambda release, *_: (_joined(ecosystem, release),)


def _joined(ecosystem: str, release: str) -> str:
    return f"{ecosystem}{' ' if ':' in ecosystem else ':'}{release}"


def _alpine(release: str, _: str, __: Iterable[str]) -> tuple[str, ...]:
    found = re.fullmatch(r"([0-9]+\.[0-9]+)(?:\.[0-9]+)?", release)
    if found is None:
        raise ValueError(f"advisories know releases of Alpine, not {release}")
    return (f"Alpine:v{found.group(1)}",)


def _ubuntu(release: str, version: str, _: Iterable[str]) -> tuple[str, ...]:
    # What Expanded Security Maintenance mends is listed apart; who has its packages is judged by
    # that.
    pro = "Pro:" if "esm" in version else ""
    return f"Ubuntu:{pro}{release}:LTS", f"Ubuntu:{pro}{release}"


def _red_hat(release: str, _: str, known: Iterable[str]) -> tuple[str, ...]:
    exact = f"Red Hat:enterprise_linux:{release.partition('.')[0]}"
    return tuple(e for e in known if e == exact or e.startswith((f"{exact}:", f"{exact}.")))


def _suse(release: str, _: str, known: Iterable[str]) -> tuple[str, ...]:
    # Every product and module of a service pack is a release of its own.
    major, _, pack = release.partition(".")
    ending = f" {major} SP{pack}" if pack and pack != "0" else f" {major}"
    return tuple(e for e in known if e.startswith("SUSE:") and e.endswith(ending))


_Release = Callable[[str, str, Iterable[str]], tuple[str, ...]]

_RELEASED: Final[dict[str, _Release]] = {
    "almalinux": _by_major("AlmaLinux"),
    "alpaquita": _by_release("Alpaquita"),
    "alpine": _alpine,
    "azurelinux": _by_major("Azure Linux"),
    "debian": _by_major("Debian"),
    "mageia": _by_release("Mageia"),
    "openeuler": _by_release("openEuler"),
    "opensuse-leap": _by_release("openSUSE:Leap"),
    "photon": _by_release("Photon OS"),
    "redhat": _red_hat,
    "rhel": _red_hat,
    "rocky": _by_major("Rocky Linux"),
    "sled": _suse,
    "sles": _suse,
    "ubuntu": _ubuntu,
}
"""``ID`` of os-release → what gives a release's ecosystems."""
