"""Stacks whose files are not what they seem: folders, archives, commits."""

from __future__ import annotations

import gzip
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import madestack
import pytest
from madestack import NAME, archive, special

from imgforge import stack
from imgforge.catalogs import opening, tree
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import How, Opened
from imgforge.cli import main
from imgforge.errors import InvalidInputError

GOOD = {"stack.toml": b"x", "a/b.txt": b"y"}


def opened(release: str = "") -> Opened:
    return opening.open_stack(Wanted(NAME, "", release), lambda: None, How(resolve=True))


def test_what_is_packed_is_the_same_and_comes_back() -> None:
    assert tree.unpack(tree.pack(GOOD)) == GOOD
    assert tree.pack(dict(reversed(GOOD.items()))) == tree.pack(GOOD)


@pytest.mark.parametrize(
    "data",
    [
        archive(("../evil", b"x")),
        archive(("/etc/evil", b"x")),
        archive(("a/../../evil", b"x")),
        archive(("a//b", b"x")),
        archive(("./a", b"x")),
        archive(("a\\b", b"x")),
        archive(("a\nb", b"x")),
        archive(("ﬁle", b"x"), kind=tarfile.PAX_FORMAT),
        archive(("a\u202eb", b"x"), kind=tarfile.PAX_FORMAT),
        archive((".git/config", b"x")),
        archive(("a", b"x"), ("A", b"y")),
        archive(("a", b"x"), ("a", b"y")),
        archive(("a", b"x"), ("a/b", b"y")),
        archive(("A/c", b"x"), ("a/b", b"y")),
        archive(("b", b"x"), ("a", b"y")),
        archive(("x" * 120, b"x"), kind=tarfile.GNU_FORMAT),
        archive(("a", b"x"), kind=tarfile.PAX_FORMAT) + b"more",
        archive(special(tarfile.SYMTYPE, "x", "/etc/passwd")),
        archive(special(tarfile.LNKTYPE, "x", "stack.toml")),
        archive(special(tarfile.CHRTYPE)),
        archive(special(tarfile.FIFOTYPE)),
        archive(special(tarfile.DIRTYPE)),
        archive(special(tarfile.GNUTYPE_SPARSE)),
        archive(("a", b"x" * (tree.MAX_FILE + 1))),
        archive(*((f"f{i:05}", b"") for i in range(tree.MAX_FILES + 1))),
        gzip.compress(tree.pack(GOOD)),
        tree.pack(GOOD) + bytes(10240),
        tree.pack(GOOD)[:-512],
        b"",
        b"\0" * 10240 * 3,
        b"no archive at all" * 100,
        bytes(tree.MAX_ARCHIVE + 1),
    ],
)
def test_no_archive_but_ours_is_unpacked(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        tree.unpack(data)


def _symlink(folder: Path) -> None:
    (folder / "evil.j2").symlink_to("/etc/passwd")


def _linked_folder(folder: Path) -> None:
    (folder / "linked").symlink_to("/etc")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket")
    finally:
        os.chdir(here)


def _case(folder: Path) -> None:
    (folder / "Build.Dockerfile.j2").write_text("")


def _unicode(folder: Path) -> None:
    (folder / "bu\u0131ld.j2").write_text("")


def _large(folder: Path) -> None:
    (folder / "large.j2").write_bytes(bytes(10 << 20))


def _many(folder: Path) -> None:
    for i in range(tree.MAX_FILES + 1):
        (folder / f"f{i}").write_text("")


def _deep(folder: Path) -> None:
    (folder / "/".join("d" * 120)).mkdir(parents=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_symlink, "symbolic link"),
        (_linked_folder, "symbolic link"),
        (_pipe, "no regular file"),
        (_socket, "no regular file"),
        (_case, "too much alike"),
        (_unicode, "not a plain path"),
        (_large, "over 1 MiB"),
        (_many, "over 1000 files"),
        (_deep, "nested too deeply"),
    ],
)
def test_a_folder_with_anything_but_plain_files_is_no_stack(
    spoil: Callable[[Path], None],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(madestack.write(tmp_path / "stacks"))
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    with pytest.raises(InvalidInputError, match=message):
        opened()
    code = main.main(
        ["stack", "publish", str(tmp_path / "stacks" / NAME), "--to", str(tmp_path / "out")]
    )
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_catalogs_entry_that_is_a_link_is_no_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "elsewhere")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / NAME).symlink_to(tmp_path / "elsewhere" / NAME)
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    with pytest.raises(InvalidInputError, match="symbolic link"):
        opened()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"stack.toml": "name = "}, "acme-web/stack.toml:1"),
        ({"stack.toml": madestack.definition() + "colour = 1\n"}, "is not valid"),
        ({"stack.toml": madestack.definition(name="other")}, "is not valid"),
        ({"stack.toml": madestack.definition("1.0")}, "is not valid"),
        ({"stack.toml": "\0"}, "acme-web/stack.toml"),
        ({"build.Dockerfile.j2": "x" * (stack.MAX_TEMPLATE + 1)}, "over 256 KiB"),
    ],
)
def test_a_broken_stack_is_told_with_its_place(
    files: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "stacks", **files)
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    with pytest.raises(InvalidInputError, match=message):
        opened()


def test_a_template_that_is_not_text_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = madestack.write(tmp_path / "stacks")
    (own / "build.Dockerfile.j2").write_bytes(b"a\n\xff\n")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    with pytest.raises(InvalidInputError, match=r"build\.Dockerfile\.j2:2 is not UTF-8"):
        opened()


def test_a_commit_with_links_or_submodules_is_no_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    own = madestack.write(origin)
    (own / "evil.j2").symlink_to("/etc/passwd")
    commit = madestack.commit(origin)
    place = {"name": "acme", "git": str(origin), "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    with pytest.raises(InvalidInputError, match=r"evil.j2.* is a symbolic link or a submodule"):
        opened()
    (own / "evil.j2").unlink()
    madestack.git(origin, "add", "--all")
    madestack.git(origin, "update-index", "--add", "--cacheinfo", f"160000,{commit},{NAME}/evil")
    madestack.git(origin, "commit", "--quiet", "--message", "a submodule")
    with pytest.raises(InvalidInputError, match=r"evil.* is a symbolic link or a submodule"):
        opened()


def test_git_runs_nothing_of_the_repositorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    own = madestack.write(origin)
    (origin / ".gitattributes").write_text("* filter=evil export-ignore ident\n")
    (own / "id.txt").write_text("$Id$\n")
    madestack.commit(origin)
    for hook in ("post-checkout", "reference-transaction", "post-merge"):
        path = origin / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/evil\n")
        path.chmod(0o755)
    place = {"name": "acme", "git": str(origin), "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    assert opened().files["id.txt"] == b"$Id$\n"
    assert not (tmp_path / "evil").exists()
