from __future__ import annotations

import pytest
from madeadvisories import component

from imgforge.advisories import versions
from imgforge.advisories.ecosystems import RULES, Listed, listed, rule
from imgforge.inventory import Component, System

KNOWN = (
    "Red Hat:enterprise_linux:9::baseos", "Red Hat:enterprise_linux:9.2::appstream",
    "Red Hat:enterprise_linux:8::baseos", "SUSE:Linux Enterprise Server 15 SP5",
    "SUSE:Linux Enterprise Module for Basesystem 15 SP5", "SUSE:Linux Enterprise Server 15 SP4",
    "openSUSE:Leap 15.5",
)  # fmt: skip


def places(found: Component, system: System | None = None) -> list[tuple[str, str, str]]:
    return [(e.ecosystem, e.package, e.version) for e in listed(found, system, KNOWN)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (component("pypi", "Zope.Interface", "5.0"), ("PyPI", "zope-interface", "5.0")),
        (component("npm", "core", "7.0.0", "@babel"), ("npm", "@babel/core", "7.0.0")),
        (component("maven", "core", "2.14", "org.log4j"), ("Maven", "org.log4j:core", "2.14")),
        (component("golang", "net", "v0.1", "golang.org/x"), ("Go", "golang.org/x/net", "v0.1")),
        (component("golang", "stdlib", "go1.21rc2"), ("Go", "stdlib", "1.21.0-rc.2")),
        (component("golang", "stdlib", "1.22.1"), ("Go", "stdlib", "1.22.1")),
        (component("cargo", "time", "0.1.40"), ("crates.io", "time", "0.1.40")),
        (component("composer", "Http", "1.0", "Symfony"), ("Packagist", "symfony/http", "1.0")),
        (component("nuget", "Newtonsoft.Json", "9.0.1"), ("NuGet", "newtonsoft.json", "9.0.1")),
        (component("gem", "rails", "7.0"), ("RubyGems", "rails", "7.0")),
        (component("bitnami", "wordpress", "6.1.2-3"), ("Bitnami", "wordpress", "6.1.2")),
        (component("swift", "a", "4.0", "github.com/V"), ("SwiftURL", "github.com/v/a", "4.0")),
    ],
)  # fmt: skip
def test_packages_of_languages_are_listed_by_their_ecosystems_names(
    found: Component, expected: tuple[str, str, str]
) -> None:
    assert places(found) == [expected]


@pytest.mark.parametrize(
    ("kind", "system", "expected"),
    [
        ("deb", System("debian", "12"), ["Debian:12", "Debian"]),
        ("deb", System("debian", "12.5"), ["Debian:12", "Debian"]),
        ("deb", System("ubuntu", "22.04"), ["Ubuntu:22.04:LTS", "Ubuntu:22.04"]),
        ("apk", System("alpine", "3.20.3"), ["Alpine:v3.20"]),
        ("apk", System("wolfi", "20230201"), ["Wolfi"]),
        ("apk", System("chainguard", ""), ["Chainguard"]),
        ("rpm", System("rocky", "9.3"), ["Rocky Linux:9", "Rocky Linux"]),
        ("rpm", System("almalinux", "8.9"), ["AlmaLinux:8", "AlmaLinux"]),
        ("rpm", System("rhel", "9.2"), [KNOWN[0], KNOWN[1]]),
        ("rpm", System("sles", "15.5"), [KNOWN[3], KNOWN[4]]),
        ("rpm", System("opensuse-leap", "15.5"), ["openSUSE:Leap 15.5"]),
        ("rpm", System("opensuse-tumbleweed", "20240101"), ["openSUSE:Tumbleweed"]),
        ("rpm", System("azurelinux", "3.0"), ["Azure Linux:3", "Azure Linux"]),
    ],
)  # fmt: skip
def test_releases_of_distributions_come_from_os_release(
    kind: str, system: System, expected: list[str]
) -> None:
    found = places(component(kind, "zlib", "1.2"), system)
    assert [ecosystem for ecosystem, _, _ in found] == expected


def test_a_distributions_package_is_looked_up_by_its_source() -> None:
    deb = component("deb", "zlib1g", "1:1.2+b1", source="zlib", source_version="1:1.2")
    assert places(deb, System("debian", "12"))[0] == ("Debian:12", "zlib", "1:1.2")
    rpm = component("rpm", "libcurl", "8.1-2", source="curl", source_version="8.1-1")
    assert places(rpm, System("rocky", "9"))[:2] == [
        ("Rocky Linux:9", "curl", "8.1-1"),
        ("Rocky Linux:9", "libcurl", "8.1-2"),
    ]


def test_who_has_extended_maintenance_is_judged_by_it() -> None:
    deb = component("deb", "curl", "7.58.0-2ubuntu3.24+esm3")
    assert places(deb, System("ubuntu", "18.04"))[0][0] == "Ubuntu:Pro:18.04:LTS"


def test_a_purl_names_the_distribution_where_nothing_else_does() -> None:
    found = component("deb", "zlib1g", "1.2")
    package = found.package._replace(purl="pkg:deb/debian/zlib1g@1.2?arch=amd64&distro=debian-12")
    assert places(Component(package))[0] == ("Debian:12", "zlib1g", "1.2")


@pytest.mark.parametrize(
    ("found", "system", "reason"),
    [
        (component("pypi", "web", ""), None, "no version"),
        (component("generic", "node", "22"), None, "no advisories are kept"),
        (component("", "x", "1"), None, "no ecosystem"),
        (component("maven", "core", "1"), None, "group is not known"),
        (component("golang", "m", "(devel)"), None, "from a checkout"),
        (component("deb", "zlib1g", "1.2"), None, "distribution is not known"),
        (component("deb", "zlib1g", "1.2"), System("debian", ""), "release of debian is not known"),
        (component("deb", "zlib1g", "1.2"), System("hannah", "1"), "distribution hannah"),
        (component("apk", "zlib", "1.2"), System("alpine", "3.21_alpha20240923"), "3.21_alpha"),
    ],
)  # fmt: skip
def test_what_nobody_can_know_says_why(
    found: Component, system: System | None, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        listed(found, system, KNOWN)


def test_every_ecosystems_rule_exists() -> None:
    assert set(RULES.values()) <= set(versions.RULES)
    assert rule("Debian:12") == "deb"
    assert rule("TuxCare:Debian:10") == "deb"
    assert rule("Echo:PyPI") == "pypi"
    assert rule("Android") is None
    assert Listed("a", "b", "c").ecosystem == "a"
