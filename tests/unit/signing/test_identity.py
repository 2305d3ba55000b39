"""The sealer with a certificate: one for all, fresh when needed, and all of it verified."""

from __future__ import annotations

import datetime as dt
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from madeservices import MadeServices, token
from madesigstore import IDENTITY, ISSUER, Log, hashedrekord2, new_key, public
from sigstore.models import ClientTrustConfig

from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.signing import statement
from imgforge.signing.identity import IdentitySealer, exactly, literal
from imgforge.signing.sealer import seal_all
from imgforge.signing.trust import Log as LogService

ABOUT = [statement.Subject("app", "sha256:" + "a" * 64)]
STATEMENTS = [
    statement.about(ABOUT, statement.SPDX, {"number": number}).to_bytes() for number in range(5)
]

SPKI = public(new_key())


def sealer(services: MadeServices, **instead: Any) -> IdentitySealer:  # noqa: ANN401
    return IdentitySealer(services.trust(**instead), services.real, token, timestamp=False)


def test_one_certificate_serves_all_statements() -> None:
    services = MadeServices()
    own = sealer(services)
    bundles = seal_all(own, STATEMENTS)
    assert len(services.certificates) == 1
    assert (services.entries, services.stamps) == (5, 5)
    who = own.signatory()
    said = [who.statement(bundle) for bundle in bundles]
    assert [s.to_bytes() for s, _ in said] == STATEMENTS
    assert {proof.signer for _, proof in said} == {f"{IDENTITY} of {ISSUER}"}
    assert all(proof.log == "https://tiles.test" and proof.times for _, proof in said)
    assert str(own) == f"{IDENTITY} of {ISSUER}"


def test_a_certificate_that_would_expire_is_not_used() -> None:
    services = MadeServices(start=dt.timedelta(minutes=-8, seconds=-57))
    own = sealer(services)
    first = own.certified()
    assert own.certified() is first
    left = first.certificate.not_valid_after_utc
    assert not first.is_fresh(left - dt.timedelta(seconds=59))
    own._certified = replace(first, certificate=_expired(services))
    own.seal(STATEMENTS[0])
    assert len(services.certificates) == 2


def _expired(services: MadeServices) -> x509.Certificate:
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=9, seconds=30)
    return x509.load_der_x509_certificate(services.sigstore.certificate(new_key(), start=start))


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        ({"logged": False}, "does not prove what it should"),
        ({"ct": Log("https://other.test")}, "does not prove what it should"),
        ({"key": new_key()}, "a certificate for another key"),
        ({"claims": {}}, "cannot be read"),
        ({"signs": False}, "does not prove what it should"),
    ],
)
def test_a_certificate_that_is_none_enters_nothing_into_a_log(
    instead: dict[str, Any], reason: str
) -> None:
    services = MadeServices(instead=instead)
    with pytest.raises(EvidenceError, match=reason):
        sealer(services).seal(STATEMENTS[0])
    assert (services.entries, services.stamps) == (0, 0)


def test_another_authority_than_the_roots_is_not_believed() -> None:
    services, others = MadeServices(), MadeServices()
    root = others.sigstore.root(ctlogs=[services.sigstore.ct.instance()])
    trust = services.trust(
        root=root, config=ClientTrustConfig.from_json(json.dumps(services.config(root)))
    )
    own = IdentitySealer(trust, services.real, token, timestamp=False)
    with pytest.raises(EvidenceError, match="does not prove what it should"):
        own.seal(STATEMENTS[0])
    assert services.entries == 0


def test_a_clock_that_is_far_off_is_said() -> None:
    services = MadeServices(start=dt.timedelta(minutes=-9, seconds=-30))
    with pytest.raises(EvidenceError, match="too soon"):
        sealer(services).seal(STATEMENTS[0])


def test_a_log_that_answers_with_another_entry_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = MadeServices()
    own = sealer(services)
    own.seal(STATEMENTS[0])
    other = services.sigstore.tiles.entry(hashedrekord2(b"other", b"signature", SPKI))
    monkeypatch.setattr(services, "certified", lambda _: other)
    with pytest.raises(EvidenceError, match="was not attached"):
        own.seal(STATEMENTS[1])


@pytest.mark.parametrize("error", [TransientError, EvidenceError])
def test_a_timestamp_that_fails_is_an_error_and_never_left_out(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    services = MadeServices()

    def failing(*_: object) -> bytes:
        raise error("the timestamp authority is out of order")

    monkeypatch.setattr(services, "timestamp", failing)
    with pytest.raises(error, match="out of order"):
        sealer(services).seal(STATEMENTS[0])
    assert services.entries == 0


def test_an_untrusted_timestamp_is_found_out() -> None:
    services = MadeServices()
    own = sealer(services)
    services.sigstore.tsa = MadeServices().sigstore.tsa
    with pytest.raises(EvidenceError, match="was not attached"):
        own.seal(STATEMENTS[0])


def test_statements_are_sealed_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    services = MadeServices()
    own = sealer(services)
    all_five = threading.Barrier(5, timeout=20)
    entry = services.certified

    def slow_entry(request: Any) -> Any:  # noqa: ANN401
        all_five.wait()
        return entry(request)

    monkeypatch.setattr(services, "certified", slow_entry)
    assert len(seal_all(own, STATEMENTS)) == 5
    assert len(services.certificates) == 1


def test_without_anybody_who_tells_the_time_nothing_is_begun() -> None:
    services = MadeServices()
    with pytest.raises(InvalidInputError, match="no timestamp authority, and its log says no"):
        sealer(services, timestamps=())
    with pytest.raises(InvalidInputError, match="no transparency log"):
        sealer(services, log=None)
    sealer(services, timestamps=(), log=LogService("https://rekor.test", 1))


def test_the_signatory_is_that_identity_and_none_that_looks_like_it() -> None:
    services = MadeServices()
    bundle = sealer(services).seal(STATEMENTS[0])
    root = services.sigstore.root()
    exactly(IDENTITY, ISSUER, root, timestamp=True).statement(bundle)
    for identity, issuer in ((IDENTITY[:-1] + "?", ISSUER), ("*", ISSUER), (IDENTITY, "*")):
        with pytest.raises(ValueError, match="prove"):
            exactly(identity, issuer, root, timestamp=False).statement(bundle)


def test_a_literal_fits_itself_alone() -> None:
    from fnmatch import fnmatchcase

    for text in ("a*b", "a?b", "a[b]c", "[", "plain@example.com"):
        assert fnmatchcase(text, literal(text))
    assert not fnmatchcase("axb", literal("a*b"))
