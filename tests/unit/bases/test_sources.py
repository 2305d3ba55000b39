from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.bases import sources
from imgforge.errors import InvalidInputError

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
    (tmp_path / "ring.gpg").write_bytes(b"")
    return folder


def deb822(apt: Path, text: str = DEB822) -> str:
    text = text.format(keyring=apt.parent / "ring.gpg")
    (apt / "sources.list.d" / "debian.sources").write_text(text)
    return text


def test_deb822_sources_are_read(apt: Path) -> None:
    deb822(apt)
    found = sources.find({}, apt)
    assert found.mirror == "http://mirror.test/debian"
    assert found.security == "https://mirror.test/debian-security"
    assert found.keyring == (apt.parent / "ring.gpg").resolve()
    assert found.check_valid_until


def test_the_suites_are_the_definitions_not_the_machines(apt: Path) -> None:
    deb822(apt)
    found = sources.find({}, apt)
    assert [(s.url, s.name) for s in found.suites("trixie")] == [
        (found.mirror, "trixie"),
        (found.mirror, "trixie-updates"),
        (found.security, "trixie-security"),
    ]
    assert found.root("trixie-security") == found.security
    assert found.root("trixie-updates") == found.mirror


def test_one_line_sources_are_read(apt: Path) -> None:
    ring = apt.parent / "ring.gpg"
    (apt / "sources.list").write_text(
        "# deb http://old.test/debian bookworm main\n"
        "deb-src http://src.test/debian bookworm main\n"
        f"deb [arch=amd64 signed-by={ring}] http://mirror.test/debian bookworm main # note\n"
        "deb http://security.test/debian-security bookworm-security main contrib\n"
    )
    found = sources.find({}, apt)
    assert (found.mirror, found.security) == (
        "http://mirror.test/debian",
        "http://security.test/debian-security",
    )
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
def test_what_is_not_debians_archive_is_passed_over(apt: Path, text: str) -> None:
    deb822(apt, text)
    with pytest.raises(InvalidInputError, match="no mirror of Debian's main") as caught:
        sources.find({}, apt)
    assert "IMGFORGE_DEBIAN_MIRROR" in (caught.value.hint or "")


def test_the_environment_overrides(apt: Path) -> None:
    deb822(apt)
    ring = apt.parent / "own.gpg"
    ring.write_bytes(b"")
    found = sources.find(
        {
            "IMGFORGE_DEBIAN_MIRROR": "https://own.test/a/",
            "IMGFORGE_DEBIAN_SECURITY_MIRROR": "https://own.test/b",
            "IMGFORGE_DEBIAN_KEYRING": str(ring),
            "IMGFORGE_DEBIAN_CHECK_VALID_UNTIL": "no",
        },
        apt,
    )
    assert (found.mirror, found.security) == ("https://own.test/a", "https://own.test/b")
    assert found.keyring == ring.resolve()
    assert not found.check_valid_until


def test_a_mirror_that_is_no_url_is_refused_without_showing_its_password(apt: Path) -> None:
    deb822(apt)
    named = {"IMGFORGE_DEBIAN_MIRROR": "ftp://user:secret@own.test/debian"}
    with pytest.raises(InvalidInputError, match=r"ftp://own\.test") as caught:
        sources.find(named, apt)
    assert "secret" not in str(caught.value)


def test_a_missing_keyring_is_named(apt: Path) -> None:
    deb822(apt)
    with pytest.raises(InvalidInputError, match="/nowhere/ring"):
        sources.find({"IMGFORGE_DEBIAN_KEYRING": "/nowhere/ring.gpg"}, apt)


def test_a_key_inside_the_file_does_not_end_the_stanza(apt: Path) -> None:
    inline = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END-----"
    deb822(apt, DEB822.replace("Signed-By: {keyring}", inline, 1))
    ring = str(apt.parent / "ring.gpg")
    assert sources.find({"IMGFORGE_DEBIAN_KEYRING": ring}, apt).mirror.startswith("http://mirror")
