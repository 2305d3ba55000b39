from __future__ import annotations

import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge.bases import deb
from imgforge.errors import RegistryError

Make = Callable[..., bytes]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], deb.Deb]:
    def reader(data: bytes) -> deb.Deb:
        path = tmp_path / "package"
        path.write_bytes(data)
        return deb.read(path, "package demo")

    return reader


Read = Callable[[bytes], deb.Deb]


def member(name: str, kind: bytes, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("compression", ["xz", "gz", "zst", "none"])
def test_packages_of_every_compression_are_read(
    make_deb: Make, read: Read, compression: str
) -> None:
    found = read(make_deb({"./usr/bin/a": b"content", "./lib/b.so": b"x"}, compression=compression))
    assert found.control.startswith(b"Package: demo\n")
    assert found.md5sums.count(b"\n") == 2
    assert [(e.path, e.mode, e.data) for e in found.entries] == [
        ("usr/bin/a", 0o644, b"content"),
        ("usr/lib/b.so", 0o644, b"x"),
    ]


def test_owners_and_special_bits_do_not_survive(make_deb: Make, read: Read) -> None:
    files = {
        "a": member("./usr/bin/su", tarfile.REGTYPE, mode=0o6755, uid=7, gid=8, size=3),
        "b": member("./var/mail", tarfile.DIRTYPE, mode=0o3775, gid=8),
    }
    for entry in read(make_deb(files)).entries:
        assert entry.mode & 0o6000 == 0
        assert (entry.uid, entry.gid) == (0, 0)
    assert read(make_deb(files)).entries[1].mode == 0o1775


def test_hard_links_become_files_of_their_own(make_deb: Make, read: Read) -> None:
    link = member("./usr/bin/perl5", tarfile.LNKTYPE, linkname="./usr/bin/perl")
    found = read(make_deb({"./usr/bin/perl": b"p", "l": link}))
    assert [(e.path, e.data) for e in found.entries] == [
        ("usr/bin/perl", b"p"),
        ("usr/bin/perl5", b"p"),
    ]


def test_the_links_of_the_merged_usr_are_kept(make_deb: Make, read: Read) -> None:
    found = read(make_deb({"l": member("./bin", tarfile.SYMTYPE, linkname="usr/bin")}))
    assert [(e.path, e.link) for e in found.entries] == [("bin", "usr/bin")]


@pytest.mark.parametrize(
    "hostile",
    [
        member("../etc/passwd", tarfile.REGTYPE),
        member("./usr/../../etc/passwd", tarfile.REGTYPE),
        member("/etc/passwd", tarfile.REGTYPE),
        member("a/" * 3000, tarfile.REGTYPE),
        member("./dev/sda", tarfile.BLKTYPE, devmajor=8),
        member("./dev/mem", tarfile.CHRTYPE, devmajor=1),
        member("./run/pipe", tarfile.FIFOTYPE),
        member("./a", tarfile.CONTTYPE, size=0),
        member("./a", b"Z"),
        member("./a", tarfile.LNKTYPE, linkname="./never/seen"),
        member("./a", tarfile.LNKTYPE, linkname="/etc/shadow"),
        member("./a", tarfile.LNKTYPE, linkname="../../etc/shadow"),
        member("./usr/a", tarfile.SYMTYPE, linkname="../../etc"),
        member("./usr/a", tarfile.SYMTYPE, linkname="/../etc"),
        member("./usr/a", tarfile.SYMTYPE, linkname="b/../../../etc"),
        member("./usr/a", tarfile.SYMTYPE, linkname=""),
        member("./lib", tarfile.SYMTYPE, linkname="/tmp"),
        member("./bin", tarfile.REGTYPE),
    ],
    ids=lambda m: f"{m.name[:20]}-{m.type.decode()}-{m.linkname}",
)
def test_what_no_package_holds_is_refused(
    make_deb: Make, read: Read, hostile: tarfile.TarInfo
) -> None:
    with pytest.raises(RegistryError, match="package demo"):
        read(make_deb({"x": hostile}))


@pytest.mark.parametrize("compression", ["xz", "gz", "zst", "none"])
def test_a_bomb_is_not_unpacked(
    make_deb: Make, read: Read, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    monkeypatch.setattr(deb, "MAX_UNPACKED", 1 << 20)
    bomb = make_deb({"./zeros": bytes(8 << 20)}, compression=compression)
    with pytest.raises(RegistryError, match="unpacks to over 1048576 bytes"):
        read(bomb)


def test_too_many_files_are_refused(
    make_deb: Make, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deb, "MAX_ENTRIES", 10)
    with pytest.raises(RegistryError, match="over 10 files"):
        read(make_deb({f"./f{i}": b"" for i in range(20)}))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"!<arch>\n", b"!<arhc>\n", "not a Debian package"),
        (b"debian-binary", b"debian_binary", "not a Debian package of version 2"),
        (b"2.0\n", b"3.0\n", "not a Debian package of version 2"),
        (b"data.tar.xz", b"date.tar.xz", "0 members data.tar"),
        (b"control.tar.xz ", b"data.tar.xz    ", "0 members control.tar"),
        (b"data.tar.xz", b"data.tar.bz", "compressed as 'bz'"),
        (b"data.tar.xz", b"data.tar.gz", "malformed"),
        (b"./control", b"./contrlo", "malformed"),
    ],
)
def test_broken_outsides_are_refused(
    make_deb: Make, read: Read, old: bytes, new: bytes, complaint: str
) -> None:
    whole = make_deb({"./a": b"x"})
    if old == b"./control":
        whole, complaint = make_deb({"./a": b"x"}, compression="none"), "malformed|no control"
    assert old in whole
    with pytest.raises(RegistryError, match=complaint):
        read(whole.replace(old, new, 1))


@pytest.mark.parametrize("compression", ["xz", "gz", "zst", "none"])
def test_every_truncation_is_noticed(make_deb: Make, read: Read, compression: str) -> None:
    whole = make_deb({"./a": b"content" * 50}, compression=compression)
    for size in range(0, len(whole) - 1, 7):
        with pytest.raises(RegistryError):
            read(whole[:size])


@pytest.mark.parametrize("compression", ["gz", "none"])
def test_noise_gives_a_package_or_one_clear_error(
    make_deb: Make, read: Read, compression: str
) -> None:
    whole = make_deb({"./usr/bin/a": b"x" * 700, "./b": b""}, compression=compression)
    chance = random.Random(7)  # noqa: S311 - repeatable noise
    for _ in range(500):
        spoilt = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        try:
            found = read(bytes(spoilt))
        except RegistryError:
            continue
        assert all(".." not in e.path.split("/") for e in found.entries)


def test_a_sparse_file_is_refused_since_its_holes_come_from_nowhere(
    make_deb: Make, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes of tar that tarfile would give as gigabytes, beside every bound."""
    hole = member("./x", tarfile.REGTYPE, size=0)
    hole.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(3 << 30)}
    with monkeypatch.context() as patch:
        opened = tarfile.open
        pax = tarfile.PAX_FORMAT
        patch.setattr(tarfile, "open", lambda *a, **k: opened(*a, **{**k, "format": pax}))
        package = make_deb({"x": hole})
    with pytest.raises(RegistryError, match="a device, sparse or another special file"):
        read(package)


def test_names_do_not_follow_the_machines_locale(
    make_deb: Make, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_deb({"./usr/share/Fő.crt": b"x"})
    monkeypatch.setattr(tarfile, "ENCODING", "iso8859-1")
    monkeypatch.setattr(tarfile.TarFile, "encoding", "iso8859-1")
    assert [e.path for e in read(package).entries] == ["usr/share/Fő.crt"]
