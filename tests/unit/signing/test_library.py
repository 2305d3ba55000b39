"""sigstore-python on our HTTP: real requests, a Sigstore in memory, and what they must not do."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import selfsigned
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from madeservices import MadeServices, jwt
from madesigstore import dsse
from scripted import Answer, Scripted, scripted
from sigstore.models import ClientTrustConfig

from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError, TransientError
from imgforge.signing import statement
from imgforge.signing.identity import IdentitySealer
from imgforge.signing.identity_token import Token, read
from imgforge.signing.library import Library
from imgforge.signing.services import Services
from imgforge.signing.trust import Log, Trust

ABOUT = [statement.Subject("app", "sha256:" + "a" * 64)]
STATEMENT = statement.about(ABOUT, statement.SPDX, {}).to_bytes()


def trust(
    made: MadeServices, fulcio: str, log: str = "https://tiles.test", *, version: int = 2
) -> Trust:
    """Return the trust in ``made``, whose services are elsewhere."""
    value = made.config()
    value["signingConfig"]["caUrls"][0]["url"] = fulcio
    value["signingConfig"]["rekorTlogUrls"][0] |= {"url": log, "majorApiVersion": version}
    config = ClientTrustConfig.from_json(json.dumps(value))
    return made.trust(config=config, log=Log(log, version), timestamps=())


def text() -> str:
    return jwt(email="dev@example.com")


def certify(made: MadeServices, raw: str) -> Any:  # noqa: ANN401 - what scripted takes
    def answer(body: bytes) -> Answer:
        value = made.certificate(json.loads(body), f"Bearer {raw}")
        return Answer(201, json.dumps(value).encode())

    return answer


def asked(library: Library, raw: str) -> ImgforgeError:
    with pytest.raises(ImgforgeError) as raised:
        library.signer(Token(raw, {}))
    lines = [raised.value.message, *raised.value.details, raised.value.hint or ""]
    assert not any("\n" in line or raw[:20] in line for line in lines)
    return raised.value


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services(lambda _: None)
    yield made
    made._client.close()


def test_the_token_goes_to_fulcio_and_nothing_takes_its_place(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # requests by itself would send what a .netrc has for the host.
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made, raw = MadeServices(), text()
    with scripted(certify(made, raw)) as fulcio:
        Library(trust(made, fulcio.url), services).signer(read(raw, "it"))
    ((method, path, headers, _),) = fulcio.asked
    assert (method, path) == ("POST", "/api/v2/signingCert")
    assert headers["authorization"] == f"Bearer {raw}"
    assert headers["user-agent"].startswith("sigstore-python")


def test_a_refusal_is_told_in_fulcios_words_without_the_token(services: Services) -> None:
    raw = text()
    said = json.dumps({"code": 3, "message": f"bad {raw}: no such issuer", "details": []})
    with scripted(Answer(400, said.encode())) as fulcio:
        error = asked(Library(trust(MadeServices(), fulcio.url), services), raw)
    assert isinstance(error, EvidenceError)
    place = fulcio.url.removeprefix("http://")
    assert error.message.startswith(f"the certificate authority {place} refuses: ")
    assert "bad [token]: no such issuer" in error.message
    assert "judges" in str(error.hint)
    assert len(fulcio.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"signedCertificateEmbeddedSct": 7}',
        b'{"signedCertificateEmbeddedSct": {"chain": {"certificates": ["a", "b"]}}}',
        b"[" * 50000,
        b"\xff\xfe",
    ],
)
def test_nonsense_is_an_error_on_one_line(services: Services, body: bytes) -> None:
    with scripted(Answer(200, body)) as fulcio:
        error = asked(Library(trust(MadeServices(), fulcio.url), services), text())
    assert isinstance(error, EvidenceError)
    assert "something else than it should" in error.message


def test_a_token_follows_no_redirect(services: Services) -> None:
    with (
        scripted(Answer(200)) as other,
        scripted(Answer(307, b"", {"Location": f"{other.url}/api/v2/signingCert"})) as fulcio,
    ):
        error = asked(Library(trust(MadeServices(), fulcio.url), services), text())
    assert "status 307" in error.message
    assert not other.asked


def test_what_is_not_there_is_asked_again_and_transient(services: Services) -> None:
    with scripted(Answer(503)) as fulcio:
        error = asked(Library(trust(MadeServices(), fulcio.url), services), text())
    assert isinstance(error, TransientError)
    assert len(fulcio.asked) == 3


def test_nothing_waits_for_ever(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgforge.signing.services.DEADLINE", 0.3)
    with scripted(Answer(200, b"x" * 200, slow=0.05)) as fulcio:
        error = asked(Library(trust(MadeServices(), fulcio.url), services), text())
    assert isinstance(error, TransientError)
    assert "took over" in error.message


def test_services_may_lie_below_a_path(services: Services) -> None:
    made, raw = MadeServices(), text()
    with scripted(certify(made, raw)) as fulcio, scripted(Answer(400)) as log:
        found = trust(made, f"{fulcio.url}/fulcio/", f"{log.url}/rekor/")
        library = Library(found, services)
        signer, _ = library.signer(read(raw, "it"))
        with pytest.raises(EvidenceError, match="refuses"):
            library.sign(signer, STATEMENT)
    assert [path for _, path, *_ in fulcio.asked] == ["/fulcio/api/v2/signingCert"]
    assert [path for _, path, *_ in log.asked] == ["/rekor/api/v2/log/entries"]


def test_authorities_and_proxies_are_those_of_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    path, context = selfsigned.make(tmp_path)
    made, raw = MadeServices(), text()
    with scripted(certify(made, raw), tls=context) as fulcio:
        found = trust(made, fulcio.url)
        assert isinstance(asked(Library(found, Services(lambda _: None)), raw), TransientError)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        Library(found, Services()).signer(read(raw, "it"))
    with scripted(Answer(407)) as proxy:
        monkeypatch.setenv("IMGFORGE_PROXY", proxy.url)
        library = Library(trust(made, "https://fulcio.test"), Services(lambda _: None))
        assert isinstance(asked(library, raw), TransientError)
    assert {(method, to) for method, to, *_ in proxy.asked} == {("CONNECT", "fulcio.test:443")}


def test_a_token_of_a_clock_that_is_ahead_is_waited_for(services: Services) -> None:
    made, raw = MadeServices(), jwt(nbf=time.time() + 0.5)
    with scripted(certify(made, raw)) as fulcio:
        Library(trust(made, fulcio.url), services).signer(read(raw, "it"))
    assert made.certificates == [raw]


@pytest.mark.parametrize("place", ["fulcio", "log", "stamps"])
def test_what_is_not_reached_with_tls_is_refused_before_it_is_asked(
    services: Services, place: str
) -> None:
    made = MadeServices()
    urls = {"fulcio": "https://fulcio.test", "log": "https://tiles.test", "stamps": "https://x"}
    urls[place] = "http://sigstore.example.com"
    found = trust(made, urls["fulcio"], urls["log"])
    found = Trust(found.root, found.config, found.issuer, found.log, (urls["stamps"],))
    with pytest.raises(InvalidInputError, match="not reached with TLS"):
        Library(found, services)


@pytest.mark.parametrize(
    "claims", [{"iat": None}, {"nbf": 9999999999}, {"iss": "https://oauth2.sigstore.dev/auth"}]
)
def test_a_token_that_the_library_refuses_is_named_and_not_shown(
    services: Services, claims: dict[str, Any]
) -> None:
    library = Library(trust(MadeServices(), "https://fulcio.test"), services)
    error = asked(library, jwt(**claims))
    assert isinstance(error, InvalidInputError)
    assert error.message.startswith("the identity token cannot be used: Identity token is")


def test_a_log_of_version_1_serves_without_timestamps(services: Services) -> None:
    made, raw = MadeServices(), text()

    def enter(body: bytes) -> Answer:
        proposed = json.loads(body)["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        leaf = x509.load_pem_x509_certificate(base64.b64decode(proposed["verifiers"][0]))
        der = leaf.public_bytes(Encoding.DER)
        kept = dsse(base64.b64decode(envelope["payload"]), signature, der)
        return Answer(201, made.sigstore.rekor.answer(kept, dt.datetime.now(dt.UTC))[0])

    with scripted(certify(made, raw)) as fulcio, scripted(enter) as log:
        found = trust(made, fulcio.url, log.url, version=1)
        sealer = IdentitySealer(found, services, lambda: read(raw, "it"), timestamp=False)
        _, proof = sealer.signatory().statement(sealer.seal(STATEMENT))
    assert proof.log == "https://rekor.test"
    assert [path for _, path, *_ in log.asked] == ["/api/v1/log/entries"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"logIndex": "x"}', b"[" * 50000])
def test_a_log_that_answers_nonsense_is_an_error_and_quiet(
    services: Services, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    caplog.set_level(logging.INFO)
    made, raw = MadeServices(), text()
    with scripted(certify(made, raw)) as fulcio, scripted(Answer(201, body)) as log:
        library = Library(trust(made, fulcio.url, log.url), services)
        signer, _ = library.signer(read(raw, "it"))
        with pytest.raises(EvidenceError, match=r"the transparency log .* something else"):
            library.sign(signer, STATEMENT)
    assert not [each for each in caplog.records if each.name.startswith("sigstore")]
    assert entries(log) == 1


def entries(log: Scripted) -> int:
    return len([path for _, path, *_ in log.asked if path == "/api/v2/log/entries"])


def test_a_certificate_that_expires_meanwhile_says_to_try_again(services: Services) -> None:
    made, raw = MadeServices(), text()
    with scripted(certify(made, raw)) as fulcio, scripted(Answer(400)) as log:
        sealer = IdentitySealer(
            trust(made, fulcio.url, log.url, version=1),
            services,
            lambda: read(raw, "it"),
            timestamp=False,
        )
        own = sealer.certified()
        made.start = dt.timedelta(minutes=-11)
        late = made.sigstore.certificate(_key(), start=dt.datetime.now(dt.UTC) + made.start)
        expired = type(own)(
            own.signer, x509.load_der_x509_certificate(late), own.identity, own.issuer
        )
        sealer.certified = lambda: expired  # type: ignore[method-assign]
        with pytest.raises(TransientError, match="expired while it was used"):
            sealer.seal(STATEMENT)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_not_public_in_the_library_is_there(version: int) -> None:
    import requests
    from sigstore.sign import Signer

    found = trust(MadeServices(), "https://fulcio.test", version=version)
    (log,) = found.config.signing_config.get_tlogs()
    # The library makes one for each thread: what is mounted here is what is used here.
    assert log._session is log._session  # type: ignore[attr-defined]
    assert isinstance(log._session, requests.Session)  # type: ignore[attr-defined]
    assert callable(Signer._signing_cert)
    assert isinstance(Signer._private_key, property)
