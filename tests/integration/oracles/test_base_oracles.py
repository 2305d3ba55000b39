"""What others say of every base: apt of what it holds, scanners of what can be seen in it."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from running import run, tool

from imgforge import bases, cache, lock
from imgforge.bases import archive, definitions, fetch, pinned, sources, supplies
from imgforge.bases.index import Index
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ALL = sorted(
    name if number == 0 else f"{name}-{suite}"
    for name in definitions.names()
    for number, suite in enumerate(definitions.load(name).suite)
)
AGAIN = ("java-21", "nginx", "node-22", "php-8.4", "python-3.11", "python-3.13", "ruby-3.3", "slim")

Apt = Callable[[str, str, int, Mapping[str, str], list[str]], dict[str, str]]
READINGS = 3
"""How often an archive is read at most: it may move between apt's reading and ours."""


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Apt:
    """Return a function that asks apt-get, in roots of its own, what it would install.

    Given are suite, architecture, the number of the reading of the archive that counts, packages
    that are taken as installed (with their versions), and those wanted.
    """
    roots: dict[tuple[str, str, int], Path] = {}

    def call(root: Path, architecture: str, *arguments: str) -> str:
        options = {
            "Dir": root,
            "Dir::State::status": root / "status",
            # Machines that are images themselves have caches turned off, and it takes seconds.
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Get::AllowUnauthenticated": "false",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        settings = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return run("/usr/bin/apt-get", *settings, *arguments).stdout

    def root_of(suite: str, architecture: str) -> Path:
        root = tmp_path_factory.mktemp(f"apt-{suite}-{architecture}")
        for folder in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d"):
            (root / folder).mkdir(parents=True)
        for folder in ("lib/apt/lists/partial", "cache/apt/archives/partial", "log/apt"):
            (root / "var" / folder).mkdir(parents=True)
        found = sources.find(suite)
        lines = (
            f"deb [signed-by={found.keyring}] {s.url} {s.name} main\n"
            for s in found.suites(suite, architecture)
        )
        (root / "etc/apt/sources.list").write_text("".join(lines))
        (root / "status").write_text("")
        call(root, architecture, "update")
        return root

    def ask(
        suite: str, architecture: str, reading: int, installed: Mapping[str, str], wanted: list[str]
    ) -> dict[str, str]:
        if (suite, architecture, reading) not in roots:
            roots[suite, architecture, reading] = root_of(suite, architecture)
        root = roots[suite, architecture, reading]
        stanza = (
            "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: {}\n"
            "Multi-Arch: allowed\nMaintainer: none\nDescription: taken as installed\n\n"
        )
        stanzas = (stanza.format(n, v, architecture) for n, v in sorted(installed.items()))
        (root / "status").write_text("".join(stanzas))
        shown = call(root, architecture, "install", "--simulate", "--yes", *wanted)
        return dict(re.findall(r"^Inst (\S+) \((\S+) ", shown, re.MULTILINE))

    return ask


@pytest.fixture(scope="module")
def readings() -> Counter[tuple[str, str]]:
    """Return how often each suite's archive was read again since it had moved."""
    return Counter()


@pytest.mark.parametrize("platform", [AMD64, ARM64], ids=str)
@pytest.mark.parametrize("name", ALL)
def test_apt_would_take_the_same_packages(
    apt: Apt, readings: Counter[tuple[str, str]], name: str, platform: Platform
) -> None:
    """Exactly these, once the packages that the definitions leave out are taken as there."""
    chain = definitions.chain(name)
    suite, architecture = chain[-1].suite_name, platform.architecture
    wanted = sorted({p for d in chain for p in d.packages})
    barred = {p for d in chain for p in d.exclude} - set(wanted)

    def both() -> tuple[dict[str, str], dict[str, str]]:
        reading = readings[suite, architecture]
        index = index_of(suite, architecture, reading)
        taken = [c for layer in archive.closures(chain, index) for c in layer]
        # A version that satisfies every demand: a very high one, but where one is named exactly.
        versions = dict.fromkeys(barred, "9999")
        relations = (r for c in taken for group in c.depends for r in group)
        versions |= {r.name: r.version for r in relations if r.name in barred and r.operator == "="}
        ours = {c.package.name: c.package.version for c in taken}
        return ours, apt(suite, architecture, reading, versions, wanted)

    ours, theirs = both()
    while ours != theirs and readings[suite, architecture] < READINGS - 1:
        readings[suite, architecture] += 1
        time.sleep(20)
        ours, theirs = both()
    assert ours == theirs


@functools.cache
def index_of(suite: str, architecture: str, reading: int) -> Index:  # noqa: ARG001 - one for each
    found = sources.find(suite)
    reads = archive.releases(found, suite, (architecture,))
    return archive.load_indexes(reads, found, suite, (architecture,))[architecture]


def seen_by_syft(path: Path) -> tuple[set[str], set[str]]:
    """Return the Debian packages with their versions, and the names of all else."""
    catalogers = "dpkg-db-cataloger,binary-classifier-cataloger,javascript-package-cataloger"
    said = run(
        tool("syft"), "scan", f"oci-dir:{path}", "--output", "json", "--quiet",
        "--override-default-catalogers", catalogers,
    ).stdout  # fmt: skip
    found = json.loads(said)["artifacts"]
    debs = {f"{a['name']} {a['version']}" for a in found if a["type"] == "deb"}
    return debs, {a["name"] for a in found if a["type"] != "deb"}


def seen_by_trivy(path: Path) -> set[str]:
    said = run(
        tool("trivy"), "image", "--input", path, "--format", "json", "--list-all-pkgs",
        "--quiet", "--skip-db-update", "--offline-scan", "--scanners", "license",
        "--pkg-types", "os",
    ).stdout  # fmt: skip
    results = json.loads(said).get("Results") or []
    found = set()
    for package in (p for r in results if r["Class"] == "os-pkgs" for p in r["Packages"]):
        version = package["Version"] + (f"-{package['Release']}" if "Release" in package else "")
        epoch = f"{package['Epoch']}:" if package.get("Epoch") else ""
        found.add(f"{package['Name']} {epoch}{version}")
    return found


@pytest.mark.parametrize("name", definitions.names())
def test_scanners_find_what_the_lock_lists(name: str, tmp_path: Path) -> None:
    base = bases.resolve(name, (AMD64,), say=quiet)
    source = Layout.open(bases.ensure(base, say=quiet))
    (top,) = source.index()
    image = next(i for i in source.images(top) if i.platform == AMD64)
    alone = Layout.create(tmp_path / "layout")
    alone.import_image(source, image)
    alone.write_index([image])
    listed = {f"{p.name} {p.version}" for layer in base.on(AMD64).layers for p in layer.packages}
    with ThreadPoolExecutor(2) as pool:
        syft, trivy = (pool.submit(f, alone.path) for f in (seen_by_syft, seen_by_trivy))
        debs, others = syft.result()
        assert debs == listed
        assert trivy.result() == listed
    if name.startswith("node-"):
        assert any(other.startswith("node") for other in others)


MAKE = """\
import os, sys
from pathlib import Path
from imgforge import bases, lock
os.umask(0o027)
for path in sys.argv[1:]:
    base = lock.read(Path(path)).base("runtime")
    bases.ensure(base, say=lambda line: print(line, file=sys.stderr))
"""


def test_made_again_by_another_user_elsewhere_they_have_the_digests_that_were_locked(
    tmp_path: Path,
) -> None:
    """Another user, umask, locale, time zone, hash seed, directory; nothing cached but files.

    ``bases.ensure`` compares; with a layer of another byte it would end with an error.
    """
    elsewhere = tmp_path / "elsewhere"
    blobs = elsewhere / "cache" / "blobs"
    blobs.mkdir(parents=True)
    locks = []
    for name in AGAIN:
        path = elsewhere / f"{name}.lock"
        base = pinned.pin(name, lock=path, say=quiet)
        bases.ensure(base, say=quiet)
        for supply in (s for p in base.platforms for s in supplies.of(p)):
            held = fetch.cached(supply.sha256)
            if held is None:
                (held,) = supplies_of(base, supply.sha256)
            shutil.copyfile(held, blobs / supply.sha256)
        locks.append(path)
    command: list[str | Path] = [sys.executable, "-c", MAKE, *locks]
    if os.geteuid() == 0:
        # The right to read is kept, since the interpreter may lie where others cannot look.
        rights = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        who = ("--reuid=65534", "--regid=65534", "--clear-groups")
        command = ["/usr/bin/setpriv", *who, *rights, *command]
        for folder in (elsewhere, *elsewhere.rglob("*")):
            os.chown(folder, 65534, 65534)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == "root" and folder.is_relative_to("/tmp"):
                folder.chmod(folder.stat().st_mode | 0o011)
    (elsewhere / "cache").chmod(0o700)
    env = {
        **os.environ,
        "HOME": str(elsewhere),
        "IMGFORGE_CACHE": str(elsewhere / "cache"),
        "IMGFORGE_DEBIAN_MIRROR": "http://127.0.0.1:9",
        "IMGFORGE_DEBIAN_SECURITY_MIRROR": "http://127.0.0.1:9",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "TMPDIR": str(elsewhere),
        "TZ": "Pacific/Kiritimati",
    }
    done = subprocess.run(
        [str(part) for part in command],
        env=env,
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (elsewhere / "cache" / "bases").iterdir()}
    wanted = {lock.read(path).runtime.digest.removeprefix("sha256:") for path in locks}
    assert made == wanted
    if os.geteuid() == 0:
        assert {p.stat().st_uid for p in (elsewhere / "cache" / "bases").iterdir()} == {65534}


def supplies_of(base: lock.LockedBase, sha256: str) -> list[Path]:
    """Bring a file that a cached layer made unnecessary."""
    for locked in base.platforms:
        supplies.bring(
            locked,
            lambda: sources.find(base.archives[0].suite, base.archives),
            offline=False,
            say=quiet,
        )
    return [cache.directory("blobs") / sha256]
