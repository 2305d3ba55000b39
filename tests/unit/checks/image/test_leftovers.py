from __future__ import annotations

from pathlib import Path

import madeimage as made
import pytest
from judged import APP, findings, found, of

from imgforge.checks.finding import Severity

GRAVE = [
    [made.folder("app/.git"), made.file("app/.git/HEAD")],
    [made.folder("usr/lib/x/.git"), made.file("usr/lib/x/.git/HEAD")],
    [made.folder("app/.svn"), made.file("app/.svn/wc.db")],
    [made.folder("app/.hg"), made.file("app/.hg/requires")],
    [made.file("root/.bash_history", b"mysql -p")],
    [made.file("root/.python_history", b"x")],
    [made.file("core", bytes(70_000))],
    [made.file("var/core.1234", bytes(70_000))],
    [made.file("app/heap.hprof", b"x")],
]


@pytest.mark.parametrize("members", GRAVE)
def test_what_gives_secrets_away(members: list[made.Member], tmp_path: Path) -> None:
    [seen] = found("IF071", tmp_path, *members)
    assert (seen.severity, seen.path) == (Severity.MEDIUM, members[0][0].name)


@pytest.mark.parametrize("members", GRAVE)
def test_what_is_deleted_too_late(members: list[made.Member], tmp_path: Path) -> None:
    folder, _, name = members[0][0].name.rpartition("/")
    gone = made.file(f"{folder}/.wh.{name}".lstrip("/"))
    [seen] = of("IF071", findings(tmp_path, [*APP, *members], [gone]))
    assert (seen.severity, seen.path) == (Severity.MEDIUM, members[-1][0].name)
    assert "still shipped in layer 1 of 2" in seen.message


LESSER = [
    *("Dockerfile", "app/docker-compose.yml", "app/.DS_Store", "app/.main.py.swp", "app/main.py~"),
    *("app/x.orig", "app/.gitlab-ci.yml", "app/npm-debug.log", "app/.coverage", "app/junit.xml"),
]


def test_what_is_merely_of_no_use(tmp_path: Path) -> None:
    folders = [".idea", ".vscode", ".github", ".pytest_cache", "node_modules/.cache"]
    members = [made.file(path) for path in LESSER]
    members += [made.folder(f"app/{name}") for name in folders]
    seen = found("IF071", tmp_path, *members)
    assert {f.path for f in seen} == {*LESSER, *(f"app/{name}" for name in folders)}
    assert {f.severity for f in seen} == {Severity.LOW}


def test_what_belongs_there(tmp_path: Path) -> None:
    members = [
        made.folder("app/node_modules/a/.github"),
        made.file("app/node_modules/a/.travis.yml"),
        made.file("usr/lib/python3/dist-packages/a/x.orig"),
        made.file("usr/share/doc/a/Dockerfile"),
        made.file("etc/passwd-"),
        made.file("etc/ld.so.conf.old"),
        made.file("app/.git", b"gitdir: ../x"),
        made.folder("app/core"),
        made.file("app/lib/core", b"small"),
        made.folder("app/CVS"),
        made.file("root/.bash_history", b""),
        made.file("app/.github"),
    ]
    assert found("IF071", tmp_path, *members) == []


CACHES = {
    "var/lib/apt/lists/deb.example_dists_trixie_InRelease": "var/lib/apt/lists",
    "var/cache/apt/archives/curl_8_amd64.deb": "var/cache/apt",
    "var/cache/apk/APKINDEX.tar.gz": "var/cache/apk",
    "var/cache/dnf/x.solv": "var/cache/dnf",
    "root/.cache/pip/http/x": "root/.cache/pip",
    "home/app/.cache/uv/x": "home/app/.cache/uv",
    "root/.npm/_cacache/x": "root/.npm",
    "usr/local/share/.cache/yarn/x": "usr/local/share/.cache",
    "root/.m2/repository/a/b.jar": "root/.m2/repository",
    "go/pkg/mod/cache/x": "go/pkg/mod/cache",
    "usr/local/cargo/registry/x": "usr/local/cargo/registry",
    "opt/tool.rpm": "opt/tool.rpm",
    "tool.deb": "tool.deb",
}


@pytest.mark.parametrize("path", CACHES)
def test_caches_in_the_final_image_and_below(path: str, tmp_path: Path) -> None:
    member = made.file(path, bytes(1_500_000))
    [seen] = found("IF072", tmp_path, member)
    assert (seen.severity, seen.path) == (Severity.LOW, CACHES[path])
    assert "1.5 MB" in seen.message
    folder, _, name = path.rpartition("/")
    gone = made.file(f"{folder}/.wh.{name}".lstrip("/"))
    seen_below = of("IF072", findings(tmp_path / "b", [*APP, member], [gone]))
    if CACHES[path] != path:
        [below] = seen_below
        assert "1 file, 1.5 MB (hidden now, but still shipped in layer 1 of 2)" in below.message
        assert below.fingerprint != seen.fingerprint


def test_what_is_no_cache(tmp_path: Path) -> None:
    members = [
        made.folder("var/lib/apt/lists/partial"),
        made.file("var/lib/apt/lists/lock", b""),
        made.file("var/cache/apt/pkgcache.bin", b""),
        made.file("var/cache/ldconfig/aux-cache", b"x"),
        made.file("app/.cache/x", b"x"),
        made.file("home/app/.cache/app/x", b"x"),
        made.file("var/lib/apt/extended_states", b"x"),
    ]
    assert found("IF072", tmp_path, *members) == []
