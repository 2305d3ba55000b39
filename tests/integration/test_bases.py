"""Bases from the real archive: the same bytes every time, and what apt and ldconfig would say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from imgforge import bases, cache, lock
from imgforge.bases import definitions, fetch, release, sources
from imgforge.oci.layer import MTIME
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")

MAKE_AGAIN = """\
import os, sys
from pathlib import Path
from imgforge import bases, lock
os.umask(0o077)
base = lock.read(Path(sys.argv[1])).base("runtime")
path = bases.ensure(base, say=lambda line: print(line, file=sys.stderr))
print(path)
"""


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def python() -> lock.LockedBase:
    return bases.resolve("python-3.13", (AMD64, ARM64), say=quiet)


def members(base: lock.LockedBase, platform: Platform) -> dict[str, tarfile.TarInfo]:
    """Return what a container of the base would hold, by path."""
    layout = Layout.open(bases.ensure(base, say=quiet))
    (top,) = layout.index()
    image = next(i for i in layout.images(top) if i.platform == platform)
    found: dict[str, tarfile.TarInfo] = {}
    for layer in layout.read_json(image)["layers"]:
        with tarfile.open(layout.blob_path(layer["digest"])) as tar:
            found.update((m.name, m) for m in tar)
    return found


def content(base: lock.LockedBase, platform: Platform, path: str) -> bytes:
    """Return a file as the uppermost layer that has it holds it."""
    layout = Layout.open(bases.ensure(base, say=quiet))
    (top,) = layout.index()
    image = next(i for i in layout.images(top) if i.platform == platform)
    for layer in reversed(layout.read_json(image)["layers"]):
        with tarfile.open(layout.blob_path(layer["digest"])) as tar:
            if path in tar.getnames():
                file = tar.extractfile(path)
                assert file is not None
                return file.read()
    raise AssertionError(path)


def test_made_again_elsewhere_it_has_the_digest_that_was_locked(
    python: lock.LockedBase, tmp_path: Path
) -> None:
    """Another cache, directory, umask, locale, time zone, hash seed and temporary directory."""
    inputs = lock.Inputs("python", "1", "python-3.13", "", (AMD64, ARM64), ())
    path = tmp_path / "imgforge.lock"
    lock.write(lock.Lock(inputs, python), path)
    elsewhere = tmp_path / "a-temporary-directory-with-a-rather-longer-name"
    elsewhere.mkdir()
    other = {
        **os.environ,
        "IMGFORGE_CACHE": str(tmp_path / "cache"),
        "TMPDIR": str(elsewhere),
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "7",
    }
    made = subprocess.run(
        [sys.executable, "-c", MAKE_AGAIN, str(path)],
        env=other,
        cwd=elsewhere,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    layout = Layout.open(Path(made.stdout.strip()))
    (top,) = layout.index()
    assert top.digest == python.digest
    assert layout.path != bases.ensure(python, say=quiet)


def test_the_lowest_layers_are_shared(python: lock.LockedBase) -> None:
    static = bases.resolve("static", (AMD64, ARM64), say=quiet)
    builder = bases.resolve("python-3.13-dev", (AMD64,), say=quiet)
    for platform in (AMD64, ARM64):
        assert python.on(platform).layers[:1] == static.on(platform).layers
    assert builder.on(AMD64).layers[:-1] == python.on(AMD64).layers

    def layers(base: lock.LockedBase) -> list[str]:
        layout = Layout.open(bases.ensure(base, say=quiet))
        (top,) = layout.index()
        return [d["digest"] for d in layout.read_json(layout.images(top)[0])["layers"]]

    assert layers(python) == layers(builder)[:-1]
    assert layers(static) == layers(python)[:1]


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
def test_the_contract_of_runtime_bases(python: lock.LockedBase, platform: Platform) -> None:
    found = members(python, platform)
    assert not [m.name for m in found.values() if m.mode & 0o6000 or m.isdev() or m.islnk()]
    assert not [p for p in found if re.fullmatch(r"usr/bin/(\w*sh|busybox|apt|dpkg)", p)]
    assert (found["tmp"].mode, found["home/nonroot"].uid) == (0o1777, 65532)
    assert found["bin"].linkname == "usr/bin"
    assert found["usr/bin/python3"].linkname == "python3.13"
    assert "usr/lib/locale/C.utf8/LC_CTYPE" in found
    assert "usr/share/zoneinfo/Europe/Berlin" in found
    assert {m.mtime for m in found.values()} == {MTIME}
    owners = {(m.uid, m.gid) for m in found.values() if not m.name.startswith("home/")}
    assert owners == {(0, 0)}
    recorded = {Path(p).name for p in found if p.startswith("var/lib/dpkg/status.d/")}
    locked = {p.name for layer in python.on(platform).layers for p in layer.packages}
    assert {n for n in recorded if not n.endswith(".md5sums")} - {"status.d"} == locked
    bundle = content(python, platform, "etc/ssl/certs/ca-certificates.crt")
    assert bundle.count(b"BEGIN CERTIFICATE") > 100
    passwd = content(python, platform, "etc/passwd").decode()
    assert "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n" in passwd


def test_bytecode_is_there_where_it_was_promised(python: lock.LockedBase) -> None:
    counts = {
        platform: sum(p.endswith(".pyc") for p in members(python, platform))
        for platform in (AMD64, ARM64)
    }
    assert counts[AMD64] == counts[ARM64] > 400
    path = "usr/lib/python3.13/json/__pycache__/__init__.cpython-313.pyc"
    json_module = content(python, AMD64, path)
    assert json_module == content(python, ARM64, path)
    assert json_module[4:8] == b"\x01\x00\x00\x00"
    assert b"imgforge-" not in json_module


@pytest.mark.parametrize(
    ("platform", "word"), [(AMD64, "libc6,x86-64"), (ARM64, "libc6,AArch64")], ids=str
)
def test_ldconfig_reads_the_loader_cache(
    python: lock.LockedBase, platform: Platform, word: str, tmp_path: Path
) -> None:
    path = tmp_path / "ld.so.cache"
    path.write_bytes(content(python, platform, "etc/ld.so.cache"))
    shown = subprocess.run(
        ["/sbin/ldconfig", "-p", "-C", str(path)], check=True, capture_output=True, text=True
    ).stdout
    found = dict(re.findall(rf"^\t(\S+) \({word}\) => (\S+)$", shown, re.MULTILINE))
    assert {"libc.so.6", "libssl.so.3", "libsqlite3.so.0", "libstdc++.so.6"} <= set(found)
    assert len(found) == len(shown.splitlines()) - 1
    assert {p.removeprefix("/") for p in found.values()} <= set(members(python, platform))


def test_ldconfig_would_have_listed_the_same(python: lock.LockedBase, tmp_path: Path) -> None:
    layout = Layout.open(bases.ensure(python, say=quiet))
    (top,) = layout.index()
    image = next(i for i in layout.images(top) if i.platform == AMD64)
    root = tmp_path / "root"
    for layer in layout.read_json(image)["layers"]:
        with tarfile.open(layout.blob_path(layer["digest"])) as tar:
            wanted = re.compile(r"lib|lib64|etc/ld\.so\.conf.*|usr/lib(64)?/.*\.so.*|usr/lib\w*")
            # As an attribute: bookworm's Python 3.11.2 knows no such argument.
            tar.extraction_filter = getattr(tarfile, "tar_filter", None)
            tar.extractall(root, [m for m in tar if wanted.fullmatch(m.name)])  # noqa: S202 - our own
    (root / "etc/ld.so.cache").unlink(missing_ok=True)

    def names(*options: str) -> set[str]:
        command = ["/sbin/ldconfig", *options]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return set(re.findall(r"^\t(\S+) \(", shown, re.MULTILINE))

    names("-X", "-r", str(root), "-C", "/etc/ld.so.cache")
    ours = tmp_path / "ours"
    ours.write_bytes(content(python, AMD64, "etc/ld.so.cache"))
    assert names("-p", "-C", str(ours)) == names("-p", "-C", str(root / "etc/ld.so.cache"))


def test_the_builder_has_its_tools_for_both_platforms() -> None:
    builder = bases.resolve("python-3.13-dev", (AMD64, ARM64), say=quiet)
    for platform, machine in ((AMD64, 62), (ARM64, 183)):
        found = members(builder, platform)
        tools = ("sh", "cp", "find", "sed", "grep", "tar", "gzip", "python3", "pip")
        assert {f"usr/bin/{tool}" for tool in tools} <= set(found)
        assert found["usr/local/bin/uv"].mode == 0o755
        uv = content(builder, platform, "usr/local/bin/uv")
        assert uv[:4] == b"\x7fELF"
        assert int.from_bytes(uv[18:20], "little") == machine
        (wheel,) = builder.on(platform).layers[-1].wheels
        assert wheel.name == "uv"
    layout = Layout.open(bases.ensure(builder, say=quiet))
    (top,) = layout.index()
    manifest = layout.read_json(layout.images(top)[0])
    config = json.loads(layout.blob_path(manifest["config"]["digest"]).read_bytes())
    assert config["config"]["User"] == "0:0"


@pytest.mark.parametrize("name", ["static", "base"])
def test_system_packages_are_added(name: str) -> None:
    base = bases.resolve(name, (AMD64,), packages=("docker-registry",), say=quiet)
    layer = base.on(AMD64).layers[-1]
    assert layer.name == "packages"
    added = {p.name for p in layer.packages}
    assert ("libc6" in added) == (name == "static")
    found = members(base, AMD64)
    assert found["usr/bin/docker-registry"].mode == 0o755
    assert "etc/docker/registry/config.yml" in found
    cached = content(base, AMD64, "etc/ld.so.cache")
    assert b"/usr/lib/x86_64-linux-gnu/libc.so.6\0" in cached


def test_a_warm_base_needs_no_network(
    python: lock.LockedBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_DEBIAN_MIRROR", "http://127.0.0.1:9")
    path = bases.ensure(python, offline=True, say=quiet)
    assert path.parent == cache.directory("bases")


@pytest.mark.parametrize("name", ["trixie", "bookworm"])
def test_gpgv_reads_the_archives_own_signatures_as_we_do(name: str, tmp_path: Path) -> None:
    """With the machine's keyring and with the one that ships, for every suite there is."""
    found = sources.find(name)
    for suite in found.suites(name, "amd64"):
        with fetch.client() as http:
            url = f"{suite.url}/dists/{suite.name}/InRelease"
            data = fetch.small(http, url, release.MAX_BYTES)
        signed = tmp_path / "InRelease"
        signed.write_bytes(data)
        for keyring in (found.keyring, found.distribution.own_keyring):
            # It fails if any key is unknown, even beside good ones; then what it says counts.
            theirs = subprocess.run(
                ["/usr/bin/gpgv", "--keyring", keyring, "--output", "-", signed],
                check=False,
                capture_output=True,
            )
            assert b"Good signature" in theirs.stderr
            assert b"BAD signature" not in theirs.stderr
            text = theirs.stdout.decode().removesuffix("\n")
            assert release.verify(data, keyring, url) == text


def apt(root: Path, mirrors: sources.Sources, *arguments: str) -> str:
    """Run apt-get in a root of its own."""
    options = {
        "Dir": str(root),
        "Dir::State::status": str(root / "status"),
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Dir::Etc::trusted": str(mirrors.keyring),
        "APT::Sandbox::User": "root",
    }
    settings = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    done = subprocess.run(
        ["/usr/bin/apt-get", *settings, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_apt_would_take_the_same_versions_and_no_package_less(
    python: lock.LockedBase, tmp_path: Path
) -> None:
    mirrors = sources.find("trixie")
    for folder in (
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/sources.list.d",
        "etc/apt/trusted.gpg.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/log/apt",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "status").write_text("")
    (tmp_path / "etc/apt/sources.list").write_text(
        "".join(
            f"deb [signed-by={mirrors.keyring}] {s.url} {s.name} main\n"
            for s in mirrors.suites("trixie", "amd64")
        )
    )
    apt(tmp_path, mirrors, "update")
    wanted = sorted({p for d in definitions.chain("python-3.13") for p in d.packages})
    shown = apt(tmp_path, mirrors, "install", "--simulate", "--yes", *wanted)
    theirs = dict(re.findall(r"^Inst (\S+) \((\S+) ", shown, re.MULTILINE))
    ours = {p.name: p.version for x in python.on(AMD64).layers for p in x.packages}
    barred = {n for d in definitions.chain("python-3.13") for n in d.exclude}
    assert {name: theirs.get(name) for name in ours} == ours
    # What apt takes besides hangs on packages that the definitions bar.
    besides = set(theirs) - set(ours)
    assert besides & barred
    assert not barred & set(ours)
