"""What distributions' package managers recorded, as they themselves, syft and Trivy read it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import madeimage as made
import maderpm
import pytest
from running import run, tool

from imgforge.analysis import ImageFacts, analyse
from imgforge.oci.layout import Layout

DEBIAN = b"ID=debian\nVERSION_ID=12\n"
FEDORA = b"ID=fedora\nVERSION_ID=38\n"
ALPINE = b"ID=alpine\nVERSION_ID=3.18.4\n"
SPEC = """\
Name: {name}
Version: 1.2
Release: 3.fc38
{more}
Summary: a package
License: MIT AND Apache-2.0
Vendor: A Vendor
BuildArch: noarch
%description
A package.
%install
mkdir -p %{{buildroot}}/usr/bin %{{buildroot}}/etc/{name}.d
echo hello > %{{buildroot}}/usr/bin/{name}
echo setting > %{{buildroot}}/etc/{name}.d/{name}.conf
%files
%dir /etc/{name}.d
/etc/{name}.d/{name}.conf
/usr/bin/{name}
"""
MODULE = "nodejs:18:8060020220523:ad008a3a"
PACKAGES = {
    "alpha": "Requires: beta >= 1\nRequires: libgamma.so.1()(64bit)\nRequires: /usr/bin/delta",
    "beta": "Epoch: 2",
    "gamma": "Provides: libgamma.so.1()(64bit)\nModularityLabel: " + MODULE,
    "delta": "Requires: alpha",
}


class Catalogue(NamedTuple):
    """Packages as name, version and architecture, and who needs whom by name."""

    packages: set[tuple[str, str, str]]
    edges: set[tuple[str, str]]
    files: dict[str, set[str]]


def image(folder: Path, members: Mapping[str, bytes]) -> tuple[ImageFacts, Path]:
    """Make an image of these files; return what we find in it and where its layout is.

    Folders have entries of their own: syft looks into no others.
    """
    layout = Layout.create(folder)
    above = {str(up) for path in members for up in Path(path).parents} - {"."}
    folders = [made.folder(path) for path in sorted(above)]
    files = [made.file(path, data) for path, data in members.items()]
    descriptor = made.add(layout, [made.tar(*folders, *files)])
    layout.write_index([descriptor])
    return analyse(layout, descriptor), folder


def ours(facts: ImageFacts, ecosystem: str) -> Catalogue:
    assert [problem for layer in facts.layers for problem in layer.problems] == []
    found = [package for package in facts.packages if package.ecosystem == ecosystem]
    return Catalogue(
        {(p.name, p.version, p.architecture) for p in found},
        {(p.name, needed) for p in found for needed in p.depends},
        {
            claim.owner.partition(":")[2]: set(claim.files.split("\n"))
            for layer in facts.layers
            for claim in layer.claims
        },
    )


def syft(layout: Path, kind: str) -> Catalogue:
    """Return what syft finds; its directories among the files are left out."""
    found = json.loads(run(tool("syft"), "--quiet", "-o", "json", f"oci-dir:{layout}").stdout)
    artifacts = {a["id"]: a for a in found["artifacts"] if a["type"] == kind}
    edges = {
        (artifacts[r["child"]]["name"], artifacts[r["parent"]]["name"])
        for r in found["artifactRelationships"]
        if r["type"] == "dependency-of" and {r["child"], r["parent"]} <= artifacts.keys()
    }
    return Catalogue(
        {
            (a["name"], a["version"].removeprefix("0:"), architecture(a["metadata"]))
            for a in artifacts.values()
        },
        {(child, parent) for child, parent in edges if child != parent},
        {
            a["name"]: {f["path"].lstrip("/") for f in a["metadata"].get("files") or ()}
            for a in artifacts.values()
        },
    )


def architecture(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("architecture") or metadata.get("arch") or "")


def trivy(layout: Path) -> set[tuple[str, str]]:
    """Return the names and versions that Trivy finds, as package URLs have them."""
    done = run(
        *(tool("trivy"), "image", "--quiet", "--skip-db-update", "--offline-scan"),
        *("--scanners", "license", "--format", "json", "--list-all-pkgs", "--input", layout),
    )
    listed = [p for r in json.loads(done.stdout)["Results"] for p in r.get("Packages", [])]
    return {
        (p["Name"], "-".join(filter(None, (p["Version"], p.get("Release", ""))))) for p in listed
    }


def without_epoch(found: Catalogue) -> set[tuple[str, str]]:
    return {(name, version.rpartition(":")[2]) for name, version, _ in found.packages}


# -- dpkg -----------------------------------------------------------------------------------------


def queried(*fields: str) -> list[list[str]]:
    """Ask dpkg for fields of what has files on this machine."""
    template = "${db:Status-Status}\\t" + "\\t".join(f"${{{name}}}" for name in fields) + "\\n"
    lines = run("dpkg-query", "--show", f"--showformat={template}").stdout.splitlines()
    return [
        row[1:]
        for row in (line.split("\t") for line in lines)
        if row[0] not in {"config-files", "not-installed"}
    ]


def test_dpkg(tmp_path: Path) -> None:
    info = Path("/var/lib/dpkg/info")
    members = {"etc/os-release": DEBIAN}
    for path in [Path("/var/lib/dpkg/status"), *sorted(info.glob("lib*.list"))[:50]]:
        members[str(path)[1:]] = path.read_bytes()
    facts, layout = image(tmp_path / "layout", members)
    found = ours(facts, "deb")
    rows = queried("Package", "Version", "Architecture", "source:Package", "source:Version")
    assert found.packages == {(row[0], row[1], row[2]) for row in rows}
    assert {
        (p.name, p.source or p.name, p.source_version or p.version) for p in facts.packages
    } == {(row[0], row[3], row[4]) for row in rows}
    judged = syft(layout, "deb")
    assert found.packages == judged.packages
    # syft does not know that ``python3:any`` is python3, and takes alternatives for needs.
    more = found.edges - judged.edges
    says = {row[0]: f"{row[1]},{row[2]}" for row in queried("Package", "Depends", "Pre-Depends")}
    assert {(name, needed) for name, needed in more if f"{needed}:any" not in says[name]} == set()
    fewer = {(name, there) for name, there in judged.edges - found.edges if "|" not in says[name]}
    assert fewer == set()
    assert len(found.edges) > len(found.packages)
    for claim in facts.layers[0].claims:
        name = Path(claim.path).name.removesuffix(".list")
        listed = run("dpkg-query", "--listfiles", name).stdout.splitlines()
        plain = [path for path in listed if path.startswith("/") and not Path(path).is_dir()]
        assert {f"/{path}" for path in claim.files.split("\n")} >= set(plain)


def test_a_file_for_each_package(tmp_path: Path) -> None:
    members = {"etc/os-release": DEBIAN}
    paragraphs = Path("/var/lib/dpkg/status").read_text().split("\n\n")
    chosen = {}
    for paragraph in paragraphs:
        name = paragraph.partition("\n")[0].removeprefix("Package: ")
        sums = Path(f"/var/lib/dpkg/info/{name}.md5sums")
        if "Status: install ok installed" in paragraph and sums.is_file():
            chosen[name] = sums.read_bytes()
            members[f"var/lib/dpkg/status.d/{name}"] = f"{paragraph}\n".encode()
            members[f"var/lib/dpkg/status.d/{name}.md5sums"] = chosen[name]
        if len(chosen) == 40:
            break
    facts, layout = image(tmp_path / "layout", members)
    found = ours(facts, "deb")
    assert {name for name, _, _ in found.packages} == set(chosen)
    judged = syft(layout, "deb")
    assert found.packages == judged.packages
    # Settings are in no checksum file; syft takes them from another field.
    for name, files in found.files.items():
        assert files - {""} <= judged.files[name]
        assert all(path.startswith("etc/") for path in judged.files[name] - files)


# -- apk ------------------------------------------------------------------------------------------

INSTALLED = """\
C:Q1v4QhLje3kWlC8DJj+ZfJTjlJRSU=
P:busybox
V:1.36.1-r5
A:x86_64
S:510000
I:950000
T:Size optimized toolbox of many common UNIX utilities
U:https://busybox.net/
L:GPL-2.0-only
o:busybox
m:Natanael Copa <ncopa@alpinelinux.org>
t:1691000000
c:cb70ca5c6d6db0399d2dd09189c5d57827bce5cd
D:so:libc.musl-x86_64.so.1
p:/bin/sh cmd:busybox=1.36.1-r5 cmd:sh=1.36.1-r5
F:bin
R:busybox
a:0:0:755
Z:Q1mQqMa0D0GPlDgKAQn0MxLYVnZ4A=

C:Q1aCu0LmUDoAFSOX49uHvkYC1WasQ=
P:musl
V:1.2.4-r2
A:x86_64
S:383304
I:622592
T:the musl c library (libc) implementation
U:https://musl.libc.org/
L:MIT
o:musl
m:Timo Teras <timo.teras@iki.fi>
t:1649396308
c:ee13d43a53938d8a04ba787b9423f3270a3c14a7
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1mQqMa0D0GPlDgKAQn0MxLYVnZ4A=

C:Q1mQqMa0D0GPlDgKAQn0MxLYVnZ4A=
P:scanelf
V:1.3.7-r2
A:x86_64
S:1
I:1
T:Scan ELF binaries for stuff
U:https://wiki.gentoo.org/wiki/Hardened/PaX_Utilities
L:GPL-2.0-only AND MIT
o:pax-utils
m:Natanael Copa <ncopa@alpinelinux.org>
t:1
c:ee13d43a53938d8a04ba787b9423f3270a3c14a7
D:so:libc.musl-x86_64.so.1 /bin/sh
F:usr
F:usr/bin
R:scanelf
a:0:0:755
Z:Q1mQqMa0D0GPlDgKAQn0MxLYVnZ4A=

"""


@pytest.mark.parametrize("folder", ["lib", "usr/lib"])
def test_apk(tmp_path: Path, folder: str) -> None:
    members = {"etc/os-release": ALPINE, f"{folder}/apk/db/installed": INSTALLED.encode()}
    facts, layout = image(tmp_path / "layout", members)
    found = ours(facts, "apk")
    judged = syft(layout, "apk")
    assert found.packages == judged.packages
    assert (
        found.edges
        == judged.edges
        == {
            ("busybox", "musl"),
            ("scanelf", "musl"),
            ("scanelf", "busybox"),
        }
    )
    assert found.files == {
        name: files - {"usr", "usr/bin", "bin", "lib"} for name, files in judged.files.items()
    }
    assert {p.purl for p in facts.packages} >= {
        "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4"
    }
    assert without_epoch(found) == trivy(layout)


# -- rpm ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build small packages and install them with rpm; return the root they are in."""
    top = tmp_path_factory.mktemp("rpm")
    for name, more in PACKAGES.items():
        spec = top / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, more=more))
        define = ("--define", f"_topdir {top}", "--define", "_binary_payload w2.gzdio")
        run(tool("rpmbuild"), "-bb", *define, spec)
    root = top / "root"
    root.mkdir()
    rpm(root, "--initdb")
    built = sorted((top / "RPMS").rglob("*.rpm"))
    rpm(root, "--install", "--nodeps", "--noscripts", "--ignoreos", "--nosignature", *built)
    return root


def rpm(root: Path, *arguments: str | Path) -> list[str]:
    """Run rpm on ``root``; Debian's keeps its database where no distribution does."""
    place = ("--root", root, "--dbpath", "/usr/lib/sysimage/rpm")
    environment = {"HOME": str(root), "LC_ALL": "C.UTF-8"}
    done = run(tool("rpm"), *place, *arguments, env={**os.environ, **environment})
    return done.stdout.splitlines()


def headers(database: Path) -> Sequence[bytes]:
    """Return what rpm wrote, as SQLite's own library reads it."""
    with closing(sqlite3.connect(database)) as base:
        return [blob for (blob,) in base.execute("SELECT blob FROM Packages ORDER BY hnum")]


@pytest.mark.parametrize("kind", ["sqlite", "ndb", "berkeley"])
def test_rpm(tmp_path: Path, installed: Path, kind: str) -> None:
    database = installed / "usr/lib/sysimage/rpm/rpmdb.sqlite"
    blobs = headers(database)  # which also takes in the log beside it
    path, data = {
        "sqlite": ("usr/lib/sysimage/rpm/rpmdb.sqlite", database.read_bytes()),
        "ndb": ("usr/lib/sysimage/rpm/Packages.db", maderpm.ndb(*blobs)),
        "berkeley": ("var/lib/rpm/Packages", maderpm.berkeley(*blobs, size=4096)),
    }[kind]
    facts, layout = image(tmp_path / "layout", {"etc/os-release": FEDORA, path: data})
    found = ours(facts, "rpm")
    form = "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{EPOCHNUM}\\t%{LICENSE}\\t%{VENDOR}\\n"
    said = [line.split("\t") for line in rpm(installed, "-qa", "--queryformat", form)]
    assert {(p.name, p.version, p.architecture, p.licence, p.supplier) for p in facts.packages} == {
        (name, version if epoch == "0" else f"{epoch}:{version}", arch, licence, vendor)
        for name, version, arch, epoch, licence, vendor in said
    }
    assert found.edges == {
        ("alpha", "beta"),
        ("alpha", "gamma"),
        ("alpha", "delta"),
        ("delta", "alpha"),
    }
    form = "[%{=NAME}\\t%{FILEMODES:perms}\\t%{FILENAMES}\\n]"
    listed = [line.split("\t") for line in rpm(installed, "-qa", "--queryformat", form)]
    assert found.files == {
        name: {p[1:] for n, mode, p in listed if n == name and mode[0] != "d"} for name in PACKAGES
    }
    judged = syft(layout, "rpm")
    assert found.packages == judged.packages
    assert without_epoch(found) == trivy(layout)
    assert {p.purl for p in facts.packages} >= {
        "pkg:rpm/fedora/beta@1.2-3.fc38?arch=noarch&distro=fedora-38&epoch=2",
        f"pkg:rpm/fedora/gamma@1.2-3.fc38?arch=noarch&distro=fedora-38&rpmmod={MODULE}",
    }
