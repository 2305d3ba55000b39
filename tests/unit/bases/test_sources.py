from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import lock
from imgforge.bases import distributions, sources
from imgforge.errors import InvalidInputError
from imgforge.lock import Package

DEB822 = """\
# a comment: with a colon
Types: deb deb-src
URIs: http://mirror.test/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {keyring}

Types: deb
URIs: cdrom:[x]/ https://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: {keyring}
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    (tmp_path / "debian-archive-keyring.gpg").write_bytes(b"")
    return folder


def deb822(apt: Path, text: str = DEB822) -> str:
    text = text.format(keyring=apt.parent / "debian-archive-keyring.gpg")
    (apt / "sources.list.d" / "debian.sources").write_text(text)
    return text


def find(apt: Path, suite: str = "trixie", **environ: str) -> sources.Sources:
    named = {f"IMGFORGE_{name.upper()}": value for name, value in environ.items()}
    return sources.find(suite, (), {"HOME": str(apt), **named}, apt)


def package(suite: str, path: str = "pool/main/d/demo.deb") -> Package:
    return Package("demo", "1", "amd64", "demo", "1", "0" * 64, 1, path, suite)


def test_a_source_with_a_key_of_its_own_needs_the_settings_word(apt: Path) -> None:
    ring = apt.parent / "corporate.gpg"
    ring.write_bytes(b"")
    deb822(apt, DEB822.replace("{keyring}", str(ring)))
    assert find(apt).mirrors == {}
    found = find(apt, debian_keyring=str(ring))
    assert found.mirrors["main"] == "http://mirror.test/debian"
    assert found.keyring == ring.resolve()


def test_deb822_sources_are_read(apt: Path) -> None:
    deb822(apt)
    found = find(apt)
    assert found.mirrors == {
        "main": "http://mirror.test/debian",
        "security": "https://mirror.test/debian-security",
    }
    assert found.keyring == (apt.parent / "debian-archive-keyring.gpg").resolve()
    assert found.check_valid_until


def test_the_suites_are_the_definitions_not_the_machines(apt: Path) -> None:
    deb822(apt)
    found = find(apt)
    main, security = found.mirrors["main"], found.mirrors["security"]
    assert found.suites("trixie", "arm64") == (
        sources.Suite(main, "trixie"),
        sources.Suite(main, "trixie-updates"),
        sources.Suite(security, "trixie-security"),
    )
    assert found.urls(package("trixie-security"), "amd64") == (f"{security}/pool/main/d/demo.deb",)
    assert found.urls(package("trixie-updates"), "amd64") == (f"{main}/pool/main/d/demo.deb",)
    with pytest.raises(InvalidInputError, match="has no suite 'noble'"):
        found.urls(package("noble"), "amd64")


def test_one_line_sources_are_read(apt: Path) -> None:
    ring = apt.parent / "debian-archive-keyring.gpg"
    (apt / "sources.list").write_text(
        "# deb http://old.test/debian bookworm main\n"
        "deb-src http://src.test/debian bookworm main\n"
        f"deb [arch=amd64 signed-by={ring}] http://mirror.test/debian bookworm main # note\n"
        "deb http://security.test/debian-security bookworm-security main contrib\n"
    )
    found = find(apt)
    assert found.mirrors == {
        "main": "http://mirror.test/debian",
        "security": "http://security.test/debian-security",
    }
    assert found.keyring == ring.resolve()


@pytest.mark.parametrize(
    "text",
    [
        DEB822.replace("bookworm", "jammy"),
        DEB822.replace("Suites: bookworm", "Suites: nodistro"),
        DEB822.replace("main", "universe"),
        DEB822.replace("Types: deb", "Enabled: no\nTypes: deb"),
        DEB822.replace("Types: deb deb-src", "Types: deb-src"),
        DEB822.replace("http://mirror.test/debian/", "mirror+file:/etc/apt/mirrors"),
        "",
    ],
)
def test_what_no_mirror_is_known_for_comes_from_snapshots(apt: Path, text: str) -> None:
    deb822(apt, text)
    found = find(apt)
    assert "main" not in found.mirrors
    main = found.suites("trixie", "amd64")[0]
    assert main.moment is not None
    moment = f"{main.moment:%Y%m%dT%H%M%SZ}"
    assert main.url == f"https://snapshot.debian.org/archive/debian/{moment}"
    assert {s.moment for s in find(apt).suites("trixie", "amd64")[:1]} != {None}


def test_another_vendors_archive_of_the_same_suite_is_no_mirror(apt: Path) -> None:
    vendor = apt.parent / "vendor.gpg"
    vendor.write_bytes(b"")
    (apt / "sources.list.d" / "browser.list").write_text(
        f"deb [signed-by={vendor}] https://browser.test/debian stable main\n"
    )
    own = apt.parent / "debian-archive-keyring.gpg"
    own.write_bytes(b"")
    deb822(apt, DEB822.replace("{keyring}", str(own)))
    found = find(apt)
    assert found.mirrors["main"] == "http://mirror.test/debian"
    assert found.keyring == own.resolve()


def test_the_environment_overrides(apt: Path) -> None:
    deb822(apt)
    ring = apt.parent / "own.gpg"
    ring.write_bytes(b"")
    found = find(
        apt,
        debian_mirror="https://own.test/a/",
        debian_security_mirror="https://own.test/b",
        debian_keyring=str(ring),
        debian_check_valid_until="no",
    )
    assert found.mirrors == {"main": "https://own.test/a", "security": "https://own.test/b"}
    assert found.keyring == ring.resolve()
    assert not found.check_valid_until
    assert found.hosts("amd64") == "own.test"


def test_a_mirror_that_is_no_url_is_refused_without_showing_its_password(apt: Path) -> None:
    deb822(apt)
    with pytest.raises(InvalidInputError) as caught:
        find(apt, debian_mirror="ftp://user:secret@own.test/debian")
    assert "IMGFORGE_DEBIAN_MIRROR" in caught.value.details[0]
    assert "secret" not in str([caught.value, *caught.value.details, caught.value.hint])


def test_passwords_are_not_shown(apt: Path) -> None:
    assert find(apt, debian_mirror="http://me:secret@own.test/a").hosts("amd64").startswith("own.")


def test_a_missing_keyring_is_named(apt: Path) -> None:
    deb822(apt)
    with pytest.raises(InvalidInputError, match="/nowhere/ring"):
        find(apt, debian_keyring="/nowhere/ring.gpg")


def test_the_keyring_that_ships_serves_where_the_machine_has_none(
    apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = {"keyrings": [str(apt / "none.gpg")]}
    for suite, name in (("trixie", "debian"), ("noble", "ubuntu")):
        lonely = distributions.load(name).model_copy(update=bare)
        monkeypatch.setattr(distributions, "of", lambda _, found=lonely: found)
        assert find(apt, suite).keyring == lonely.own_keyring
        assert lonely.own_keyring.is_file()


def test_a_key_inside_the_file_does_not_end_the_stanza(apt: Path) -> None:
    inline = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END-----"
    deb822(apt, DEB822.replace("Signed-By: {keyring}", inline, 1))
    found = find(apt, debian_keyring=str(apt.parent / "debian-archive-keyring.gpg"))
    assert found.mirrors["main"].startswith("http://mirror")


UBUNTU = """\
Types: deb
URIs: http://{host}/ubuntu{tree}/
Suites: noble noble-updates noble-backports
Components: main restricted universe multiverse

Types: deb
URIs: http://security.test/ubuntu{tree}/
Suites: noble-security
Components: main restricted universe multiverse
"""


def test_ubuntus_own_sources_are_read(apt: Path) -> None:
    path = apt / "sources.list.d" / "ubuntu.sources"
    path.write_text(UBUNTU.format(host="archive.test", tree=""))
    found = find(apt, "noble", ubuntu_snapshot_mirror="https://snap.test")
    assert found.mirrors == {
        "main": "http://archive.test/ubuntu",
        "security": "http://security.test/ubuntu",
    }
    assert [s.name for s in found.suites("jammy", "amd64")] == [
        "jammy",
        "jammy-updates",
        "jammy-security",
    ]
    # This machine has no mirror of the ports.
    assert {s.url.rpartition("/")[0] for s in found.suites("noble", "arm64")} == {
        "https://snap.test/ubuntu"
    }
    assert found.distribution.components == ["main", "universe"]
    assert find(apt).mirrors == {}, "it is no mirror of Debian's"


def test_an_arm_machines_ubuntu_sources_are_those_of_the_ports(apt: Path) -> None:
    path = apt / "sources.list.d" / "ubuntu.sources"
    path.write_text(UBUNTU.format(host="ports.ubuntu.test", tree="-ports"))
    found = find(apt, "noble")
    assert found.mirrors == {"ports": "http://ports.ubuntu.test/ubuntu-ports"}
    assert len(found.suites("noble", "arm64")) == 3


def test_one_source_may_serve_two_archives(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://one.test/ubuntu noble main universe\n")
    (apt / "sources.list.d" / "all.sources").write_text(
        "Types: deb\nURIs: http://all.test/u\nSuites: noble noble-security\nComponents: main\n"
    )
    assert find(apt, "noble").mirrors == {
        "main": "http://one.test/ubuntu",
        "security": "http://all.test/u",
    }


def test_a_snapshot_of_the_settings_wins_over_every_mirror(apt: Path) -> None:
    deb822(apt)
    found = find(apt, debian_snapshot="2026-11-20", debian_mirror="http://own.test")
    assert [s.url for s in found.suites("trixie", "amd64")] == [
        "https://snapshot.debian.org/archive/debian/20261120T000000Z",
        "https://snapshot.debian.org/archive/debian/20261120T000000Z",
        "https://snapshot.debian.org/archive/debian-security/20261120T000000Z",
    ]
    noble = find(apt, "noble", ubuntu_snapshot="2024-03-01T03:04:00Z")
    assert noble.suites("noble", "arm64")[0].url == (
        "https://snapshot.ubuntu.com/ubuntu/20240301T030400Z"
    )


def test_a_locked_package_is_looked_for_on_the_locks_day_too(apt: Path) -> None:
    locked = (lock.Archive("trixie", "2026-01-09T10:00:00Z", "0" * 64),)
    service = "https://snapshot.debian.org/archive/debian"
    dated = [f"{service}/{day}T100000Z/pool/main/d/demo.deb" for day in ("20260110", "20260109")]
    bare = sources.find("trixie", locked, {"HOME": str(apt)}, apt)
    assert list(bare.urls(package("trixie"), "amd64")) == dated
    deb822(apt)
    found = sources.find("trixie", locked, {"HOME": str(apt)}, apt)
    mirror = "http://mirror.test/debian/pool/main/d/demo.deb"
    assert list(found.urls(package("trixie"), "amd64")) == [mirror, *dated]


def test_a_suite_of_nobody_is_refused(apt: Path) -> None:
    with pytest.raises(InvalidInputError, match="no distribution has a suite 'focal'") as caught:
        find(apt, "focal")
    assert "Ubuntu: jammy, noble" in (caught.value.hint or "")
