"""Certificates of ours go, and count, where they are meant to and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import authority
import pytest
from fakeregistry import FakeRegistry, Reply, Seen, serve

from imgforge.errors import RegistryError
from imgforge.oci import certificates
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry, resolve


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home directory with no log-in, certificate or setting."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "XDG_CONFIG_HOME", "IMGFORGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("IMGFORGE_REGISTRY_TLS", raising=False)
    monkeypatch.setattr(certificates, "SYSTEM", ())
    return folder


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pems(tmp_path: Path) -> Path:
    folder = tmp_path / "pems"
    folder.mkdir()
    authority.make(folder)
    return folder


def context(pems: Path, demand: ssl.VerifyMode = ssl.CERT_NONE) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pems / "server.pem", pems / "server.key")
    made.load_verify_locations(pems / "ca.pem")
    made.verify_mode = demand
    return made


def own(home: Path, place: str, pems: Path, *names: str) -> None:
    """Put files into ``certs.d``: a ca, or a pair."""
    folder = home / ".config/containers/certs.d" / place
    folder.mkdir(parents=True)
    sources = {"ca.crt": "ca.pem", "client.cert": "server.pem", "client.key": "server.key"}
    for name in names:
        (folder / name).write_bytes((pems / sources[name]).read_bytes())


def app(fake: FakeRegistry) -> str:
    return f"{fake.place}/team/app:1"


def test_an_authority_counts_for_its_place_alone(home: Path, stack: ExitStack, pems: Path) -> None:
    one = stack.enter_context(serve(FakeRegistry(), context(pems)))
    other = stack.enter_context(serve(FakeRegistry(), context(pems)))
    own(home, one.place, pems, "ca.crt")
    with pytest.raises(RegistryError, match="has no 1"):
        resolve(app(one))
    with pytest.raises(RegistryError, match="is not trusted"):
        resolve(app(other))
    one.fault = lambda seen: Reply(302, {"Location": f"https://{other.place}{seen.path}"})
    with pytest.raises(RegistryError, match=f"certificate of {other.place} is not trusted"):
        resolve(app(one))
    assert other.seen == []


def test_a_client_certificate_is_demanded_and_shown(
    home: Path, stack: ExitStack, pems: Path
) -> None:
    fake = stack.enter_context(serve(FakeRegistry(), context(pems, ssl.CERT_REQUIRED)))
    own(home, fake.place, pems, "ca.crt", "client.cert", "client.key")
    with pytest.raises(RegistryError, match="has no 1"):
        resolve(app(fake))
    assert len(fake.seen) == 1


def test_without_a_client_certificate_the_hint_says_where_it_belongs(
    home: Path, stack: ExitStack, pems: Path
) -> None:
    fake = stack.enter_context(serve(FakeRegistry(), context(pems, ssl.CERT_REQUIRED)))
    own(home, fake.place, pems, "ca.crt")
    with (
        Registry(Reference.parse(app(fake)), pause=lambda _: None) as registry,
        pytest.raises(RegistryError, match="client's certificate") as caught,
    ):
        registry.resolve()
    assert f"certs.d/{fake.place}" in str(caught.value.hint)
    assert fake.seen == []


def test_a_client_certificate_is_not_shown_to_where_a_registry_leads(
    home: Path, stack: ExitStack, pems: Path
) -> None:
    fake = stack.enter_context(serve(FakeRegistry(), context(pems, ssl.CERT_REQUIRED)))
    thief = stack.enter_context(serve(FakeRegistry(), context(pems, ssl.CERT_REQUIRED)))
    own(home, fake.place, pems, "ca.crt", "client.cert", "client.key")
    own(home, thief.place, pems, "ca.crt")

    def lead(seen: Seen) -> Reply:
        return Reply(302, {"Location": f"https://{thief.place}{seen.path}"})

    fake.fault = lead
    with (
        Registry(Reference.parse(app(fake)), pause=lambda _: None) as registry,
        pytest.raises(RegistryError, match=f"{thief.place} does not accept"),
    ):
        registry.resolve()
    assert len(fake.seen) == 1
    assert thief.seen == []
