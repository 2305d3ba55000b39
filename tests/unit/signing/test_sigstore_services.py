"""The services that are asked when something is signed, when they refuse, lie, stall or vanish."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import selfsigned
from madeservices import jwt
from madesigstore import NOW, Sigstore, dsse, hashedrekord2, new_key, pae, public, timestamp
from scripted import Answer, scripted

from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.signing import services as module
from imgforge.signing.dsse import IN_TOTO, Envelope
from imgforge.signing.services import Services, Verifier
from imgforge.signing.trust import Log as LogService

ENVELOPE = Envelope(IN_TOTO, b'{"a":1}', b"signature")
SPKI = public(new_key())
VERIFIER = Verifier(SPKI, b"PEM", "PKIX_ECDSA_P256_SHA_256")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def services(pauses: list[float]) -> Iterator[Services]:
    made = Services(pauses.append)
    yield made
    made._client.close()


def js(value: object) -> bytes:
    return json.dumps(value).encode()


def ask(services: Services, url: str) -> bytes:
    return services.post("the service", f"{url}/api", b"{}", {"Authorization": "Bearer token"})


def test_a_refusal_is_told_in_the_services_words_without_the_token(services: Services) -> None:
    token = jwt()
    said = f"There was an error processing the identity token {token}: wrong audience"
    refusal = Answer(400, js({"code": 3, "message": said, "details": []}))
    with scripted(refusal) as fulcio, pytest.raises(EvidenceError) as raised:
        ask(services, fulcio.url)
    assert len(fulcio.asked) == 1
    assert "wrong audience" in raised.value.message
    assert "status 400" in raised.value.message
    text = [raised.value.message, *raised.value.details, raised.value.hint or ""]
    assert not any(token[:20] in line for line in text)


def test_what_may_pass_is_tried_again(services: Services, pauses: list[float]) -> None:
    busy = Answer(503, b"busy", {"Retry-After": "7"})
    with scripted(busy, Answer(502), Answer(200, b"{}")) as fulcio:
        assert ask(services, fulcio.url) == b"{}"
    assert len(fulcio.asked) == 3
    assert pauses == [7.0, 1.0]


def test_what_does_not_pass_says_to_try_again(services: Services, pauses: list[float]) -> None:
    with scripted(Answer(429)) as fulcio, pytest.raises(TransientError, match="status 429"):
        ask(services, fulcio.url)
    assert len(fulcio.asked) == 3
    assert len(pauses) == 2


def test_a_service_that_is_not_there_is_transient(services: Services) -> None:
    with scripted(Answer()) as gone:
        pass
    with pytest.raises(TransientError, match="does not serve"):
        ask(services, gone.url)


def test_a_token_follows_no_redirect(services: Services) -> None:
    with (
        scripted(Answer(200, b"{}")) as other,
        scripted(Answer(307, b"", {"Location": f"{other.url}/api"})) as fulcio,
        pytest.raises(EvidenceError, match="status 307"),
    ):
        ask(services, fulcio.url)
    assert not other.asked


def test_nothing_waits_for_ever(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.3)
    with (
        scripted(Answer(200, b"x" * 200, slow=0.05)) as fulcio,
        pytest.raises(TransientError, match="took over"),
    ):
        ask(services, fulcio.url)
    assert len(fulcio.asked) == 1


def test_an_answer_without_end_is_cut_off(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 1000)
    with (
        scripted(Answer(200, b"x" * 2000)) as fulcio,
        pytest.raises(TransientError, match="over 1000 bytes"),
    ):
        ask(services, fulcio.url)


@pytest.mark.parametrize("url", ["http://sigstore.example.com", "ftp://127.0.0.1", "fulcio"])
def test_nothing_goes_out_in_the_clear(services: Services, url: str) -> None:
    with pytest.raises(InvalidInputError, match="not reached with TLS"):
        services.timestamp(url, b"signature")


def test_a_log_of_version_2_gets_hashes_and_the_key(services: Services) -> None:
    tiles = Sigstore().tiles
    body = hashedrekord2(pae(ENVELOPE.payload), ENVELOPE.signature, SPKI)
    entry = tiles.entry(body)
    with scripted(Answer(201, js({**entry, "integratedTime": "0"}))) as log:
        assert services.entry(LogService(log.url, 2), ENVELOPE, VERIFIER) == entry
    ((_, path, _, sent),) = log.asked
    assert path == "/api/v2/log/entries"
    request = json.loads(sent)["hashedRekordRequestV002"]
    verifier = request["signature"]["verifier"]
    assert verifier["publicKey"]["rawBytes"] == base64.b64encode(SPKI).decode()
    assert verifier["keyDetails"] == "PKIX_ECDSA_P256_SHA_256"
    assert ENVELOPE.payload not in sent


def test_a_log_of_version_1_gets_the_envelope(services: Services) -> None:
    answer, entry = Sigstore().rekor.answer(dsse(ENVELOPE.payload, ENVELOPE.signature, SPKI))
    with scripted(Answer(201, answer)) as log:
        assert services.entry(LogService(log.url, 1), ENVELOPE, VERIFIER) == entry
    ((_, path, _, sent),) = log.asked
    assert path == "/api/v1/log/entries"
    assert json.loads(sent)["kind"] == "dsse"


def test_an_entry_that_is_there_already_is_read(services: Services) -> None:
    answer, entry = Sigstore().rekor.answer(dsse(ENVELOPE.payload, ENVELOPE.signature, SPKI))
    there = Answer(409, b"", {"Location": "/api/v1/log/entries/abc"})
    with scripted(there, Answer(200, answer)) as log:
        assert services.entry(LogService(log.url, 1), ENVELOPE, VERIFIER) == entry
    assert [(m, p) for m, p, *_ in log.asked][1] == ("GET", "/api/v1/log/entries/abc")


def test_a_log_of_version_2_that_has_the_signature_says_what_to_do(services: Services) -> None:
    there = Answer(409, js({"code": 6, "message": "an equivalent entry already exists"}))
    with (
        scripted(there) as log,
        pytest.raises(EvidenceError, match="gives an entry only once") as e,
    ):
        services.entry(LogService(log.url, 2), ENVELOPE, VERIFIER)
    assert len(log.asked) == 1
    assert "sign anew" in str(e.value.hint)


def test_an_entry_said_to_be_elsewhere_is_not_looked_for(services: Services) -> None:
    there = Answer(409, b"", {"Location": "https://evil.example.com/steal"})
    with scripted(there) as log, pytest.raises(TransientError, match="does not say where"):
        services.entry(LogService(log.url, 1), ENVELOPE, VERIFIER)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "body", [b"{}", b'{"x":{}}', b'{"x":{"body":"e30="}}', b"\xff", b'{"x":7}']
)
def test_a_log_that_answers_nonsense_is_an_error(
    services: Services, version: int, body: bytes
) -> None:
    with (
        scripted(Answer(201, body)) as log,
        pytest.raises(EvidenceError, match="something else than it should"),
    ):
        services.entry(LogService(log.url, version), ENVELOPE, VERIFIER)


def test_an_authority_that_stamps_something_else_is_found_out(services: Services) -> None:
    stamped = timestamp(Sigstore().tsa, b"other", NOW)
    with (
        scripted(Answer(200, stamped)) as tsa,
        pytest.raises(EvidenceError, match="stamped something else"),
    ):
        services.timestamp(tsa.url, b"signature")
    assert tsa.asked[0][2]["content-type"] == "application/timestamp-query"


def test_an_old_answer_of_an_authority_is_found_out(services: Services) -> None:
    stamped = timestamp(Sigstore().tsa, b"signature", NOW)
    with (
        scripted(Answer(200, stamped)) as tsa,
        pytest.raises(EvidenceError, match="answers another request"),
    ):
        services.timestamp(tsa.url, b"signature")


@pytest.mark.parametrize("body", [b"", b"no DER", b"\x30\x03\x02\x01\x02"])
def test_what_is_no_timestamp_is_an_error(services: Services, body: bytes) -> None:
    with (
        scripted(Answer(200, body)) as tsa,
        pytest.raises(EvidenceError, match="answers with no timestamp"),
    ):
        services.timestamp(tsa.url, b"signature")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_own_authorities_count_by_either_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    path, context = selfsigned.make(tmp_path)
    with scripted(Answer(200, b"{}"), tls=context) as fulcio:
        with pytest.raises(TransientError, match=r"(?i)certificate"):
            ask(Services(lambda _: None), fulcio.url)
        monkeypatch.setenv(variable, str(path))
        assert ask(Services(), fulcio.url) == b"{}"


def test_a_proxy_is_asked_for_what_lies_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(Answer(407)) as proxy:
        monkeypatch.setenv("IMGFORGE_PROXY", proxy.url)
        with pytest.raises(TransientError, match="does not serve"):
            Services(lambda _: None).timestamp("https://tsa.test", b"signature")
    assert {(method, path) for method, path, *_ in proxy.asked} == {("CONNECT", "tsa.test:443")}


def test_authorities_of_requests_that_are_not_there_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/none.pem")
    with pytest.raises(InvalidInputError, match=r"REQUESTS_CA_BUNDLE /none\.pem cannot be used"):
        Services()
