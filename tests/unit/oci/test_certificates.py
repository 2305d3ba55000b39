from __future__ import annotations

import ssl
from pathlib import Path

import authority
import pytest
from cryptography.hazmat.primitives import serialization

from imgforge.errors import InvalidInputError
from imgforge.oci import certificates
from imgforge.oci.certificates import Certificates

PLACE = "registry.example.com:5000"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home directory; the machine's folders are empty ones beside it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CONFIG_HOME", "IMGFORGE_CONFIG", "IMGFORGE_REGISTRY_TLS", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(certificates, "SYSTEM", (tmp_path / "containers", tmp_path / "docker"))
    return folder


@pytest.fixture
def pems(tmp_path: Path) -> Path:
    folder = tmp_path / "pems"
    folder.mkdir()
    authority.make(folder)
    return folder


def touched(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_a_place_has_none_until_they_are_put_somewhere(tmp_path: Path, home: Path) -> None:
    assert certificates.find(PLACE) is None
    system = touched(tmp_path / "docker" / PLACE, "a.crt", "b.crt", "c.cert", "c.key", "readme")
    assert certificates.find(PLACE) == Certificates(
        PLACE, (system / "a.crt", system / "b.crt"), system / "c.cert", system / "c.key"
    )
    containers = touched(tmp_path / "containers" / PLACE, "x.crt")
    assert certificates.find(PLACE) == Certificates(PLACE, (containers / "x.crt",))
    own = touched(home / ".config/containers/certs.d" / PLACE, "y.crt")
    assert certificates.find(PLACE) == Certificates(PLACE, (own / "y.crt",))
    assert certificates.find("registry.example.com") is None
    assert certificates.find("registry.example.com:500") is None


def test_the_port_443_goes_without_saying(tmp_path: Path) -> None:
    folder = touched(tmp_path / "docker" / "r.io", "a.crt")
    for place in ("r.io", "r.io:443"):
        assert certificates.find(place) == Certificates(place, (folder / "a.crt",))
    other = touched(tmp_path / "docker" / "[::1]:443", "a.crt")
    assert certificates.find("[::1]") == Certificates("[::1]", (other / "a.crt",))


def test_settings_go_before_folders(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched(home / ".config/containers/certs.d" / PLACE, "y.crt")
    config = home / ".config/imgforge/config.toml"
    config.parent.mkdir()
    config.write_text(f'[registry.tls."{PLACE}"]\nca = "ca.pem"\ncertificate = "~/both.pem"\n')
    assert certificates.find(PLACE) == Certificates(
        PLACE, (config.parent / "ca.pem",), home / "both.pem"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGFORGE_REGISTRY_TLS", f"{PLACE}=,c.pem,k.pem r.io=/ca.pem")
    assert certificates.find(PLACE) == Certificates(PLACE, (), Path("c.pem"), Path("k.pem"))
    assert certificates.find("r.io:443") == Certificates("r.io:443", (Path("/ca.pem"),))


def test_a_folder_of_the_projects_is_not_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched(tmp_path / ".config/containers/certs.d" / PLACE, "evil.crt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", ".config")
    assert certificates.find(PLACE) is None


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a.cert",), "no pairs"),
        (("a.key",), "no pairs"),
        (("a.cert", "b.key"), "no pairs"),
        (("a.cert", "a.key", "b.cert", "b.key"), "2 client certificates"),
    ],
)
def test_half_pairs_and_several_are_refused(
    tmp_path: Path, names: tuple[str, ...], reason: str
) -> None:
    folder = touched(tmp_path / "docker" / PLACE, *names)
    with pytest.raises(InvalidInputError, match=reason) as caught:
        certificates.find(PLACE)
    assert str(folder) in caught.value.message


def test_authorities_count_beside_the_systems(pems: Path) -> None:
    plain = certificates.context(Certificates(PLACE))
    more = certificates.context(
        Certificates(PLACE, (pems / "ca.pem",), pems / "server.pem", pems / "server.key")
    )
    assert more.verify_mode == ssl.CERT_REQUIRED
    assert more.check_hostname
    assert more.cert_store_stats()["x509"] == plain.cert_store_stats()["x509"] + 1


def test_files_that_cannot_be_used_are_named(pems: Path) -> None:
    (pems / "empty.pem").touch()
    key = serialization.load_pem_private_key((pems / "server.key").read_bytes(), None)
    (pems / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"made up"),
        )
    )
    for own, name in (
        (Certificates(PLACE, (pems / "none.pem",)), "none.pem"),
        (Certificates(PLACE, (pems / "empty.pem",)), "empty.pem"),
        (Certificates(PLACE, (), pems / "server.pem", pems / "none.key"), "none.key"),
        (Certificates(PLACE, (), pems / "server.pem", pems / "empty.pem"), "empty.pem"),
        (Certificates(PLACE, (), pems / "ca.pem", pems / "server.key"), "server.key"),
        (Certificates(PLACE, (), pems / "server.pem", pems / "locked.key"), "locked.key"),
        (Certificates(PLACE, (), pems / "server.pem"), "server.pem"),
    ):
        with pytest.raises(InvalidInputError, match=PLACE) as caught:
            certificates.context(own)
        assert name in caught.value.message
