"""An inventory that has one of everything."""

from __future__ import annotations

from imgforge.analysis.facts import Binary, Package
from imgforge.inventory import Component, Inventory, System
from imgforge.oci.types import Platform


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


LIBC = Package(
    "deb",
    "libc6",
    "2.41-12",
    "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13",
    "LGPL-2.1-or-later AND Odd terms (of mine)",
    "GNU Libc (Debian) Maintainers <glibc@lists.debian.test>",
    ("var/lib/dpkg/status.d/libc6", "usr/share/doc/libc6/copyright"),
    architecture="amd64",
    source="glibc",
    layer=digest("a"),
    depends=("libgcc-s1",),
    source_version="2.41-12+b1",
)
SCOPED = Package(
    "npm",
    "core",
    "7.0.0",
    "pkg:npm/%40babel/core@7.0.0",
    "mit",
    "",
    ("app/n\udcffode\\x41/@babel/core/package.json",),
    layer=digest("b"),
    namespace="@babel",
    hashes=(f"sha512:{'1' * 128}", f"sha256:{'2' * 64}", "blake3:00"),
    cpes=("cpe:2.3:a:babel:core:7.0.0:*:*:*:*:*:*:*", "cpe:2.3:a:b:c:7.0.0:*:*:*:*:*:*:*"),
    depends=("@babel/types", "semver"),
    dev=True,
)
SHADED = Package(
    "maven",
    "log4j-core",
    "2.17.1",
    "pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1",
    "Apache-2.0 OR LicenseRef-other",
    "",
    ("app/all.jar",),
    namespace="org.apache.logging.log4j",
    inside="BOOT-INF/lib/log4j-core.jar",
    layer=digest("b"),
    found="manifest",
)
NAMELESS = Package("", "left", "1", "", "", "A\nB", ())


def whole() -> Inventory:
    libc = Component(LIBC, part="base", declared="imgforge.lock runtime libc6")
    shaded = Component(SHADED, part="app", scope="optional", needs=(libc.ref,), owner="deb:libjava")
    scoped = Component(
        SCOPED, "app", "dev", "package-lock.json:12", tuple(sorted((libc.ref, shaded.ref)))
    )
    compiler = Component(LIBC._replace(purl="pkg:deb/debian/gcc@14"), part="build", scope="dev")
    tool = Component(LIBC, part="build", needs=(compiler.ref,))
    components = (libc, shaded, scoped, Component(NAMELESS))
    return Inventory(
        digest("d"),
        Platform("linux", "arm64", "v8"),
        System("debian", "13", "trixie"),
        (digest("a"), digest("b")),
        tuple(sorted(components, key=lambda c: c.ref)),
        tuple(sorted((compiler, tool), key=lambda c: c.ref)),
        (
            Binary("app/bin/\udcfe", "3" * 64),
            Binary("app/node", "4" * 64, "beef", "node", "22.1.0"),
        ),
    )
