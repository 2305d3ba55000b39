"""Trusted roots: given, refreshed, kept; and what is none."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import madesigstore
import pytest
from madesigstore import NOW, Sigstore, valid

from imgforge.errors import EvidenceError
from imgforge.signing import root
from imgforge.signing.keyless import ByIdentity, check_root
from imgforge.signing.root import TrustedRoot, trusted

DATA = Path(__file__).parent / "data"
MADE = Sigstore()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    trusted.cache_clear()
    yield
    trusted.cache_clear()


def test_a_root_names_whose_word_counts() -> None:
    read = TrustedRoot.from_bytes(MADE.root())
    assert [log.url for log in read.logs] == ["https://rekor.test", "https://tiles.test"]
    assert [log.url for log in read.certificate_logs] == ["https://ct.test"]
    assert len(read.issuers) == len(read.timestampers) == 1
    assert read.issuers[0].chain[-1].subject == MADE.fulcio.root.subject
    more = json.loads(MADE.root()) | {"added": "later"}
    assert TrustedRoot.from_bytes(json.dumps(more).encode()) == read


def test_a_span_begins_and_may_end() -> None:
    given = MADE.rekor.instance(valid(NOW, NOW.replace(hour=13)))
    (log,) = TrustedRoot.from_bytes(MADE.root(tlogs=[given])).logs
    assert [log.span.holds(NOW.replace(hour=h)) for h in (11, 12, 13, 14)] == [
        False,
        True,
        False,
        False,
    ]
    given["publicKey"].pop("validFor")
    (log,) = TrustedRoot.from_bytes(MADE.root(tlogs=[given])).logs
    assert log.span.holds(NOW)


def log_with(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    given = MADE.rekor.instance()
    given["publicKey"].update(changes)
    return given


@pytest.mark.parametrize(
    "instead",
    [
        {"mediaType": "application/json"},
        {"tlogs": {}},
        {"tlogs": [1]},
        {"tlogs": [{}]},
        {"tlogs": [MADE.rekor.instance()] * 65},
        {"tlogs": [log_with(keyDetails="PKIX_ED25519")]},
        {"tlogs": [log_with(keyDetails="PKIX_ECDSA_P384_SHA_384")]},
        {"tlogs": [log_with(keyDetails=None)]},
        {"tlogs": [log_with(rawBytes="AAAA")]},
        {"tlogs": [log_with(validFor={"start": "yesterday"})]},
        {"tlogs": [log_with(validFor={"start": "2026-01-01T00:00:00"})]},
        {"tlogs": [log_with(validFor={"start": 1})]},
        {"tlogs": [log_with(validFor=[])]},
        {"certificateAuthorities": [{"certChain": {"certificates": []}}]},
        {"certificateAuthorities": [{"certChain": {"certificates": [{"rawBytes": "AAAA"}]}}]},
        {"certificateAuthorities": [{"certChain": []}]},
        {"certificateAuthorities": []},
    ],
)
def test_what_is_no_root_is_refused(instead: dict[str, object]) -> None:
    with pytest.raises(EvidenceError, match=r"root\.json is not a Sigstore trusted root"):
        check_root(MADE.root(**instead), "root.json")


def test_a_root_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refreshed() -> bytes:
        asked.append(1)
        return MADE.root()

    monkeypatch.setattr(root, "_refreshed", refreshed)
    assert trusted(None, False) is trusted(None, False)
    assert len(asked) == 1


def test_offline_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    data = (DATA / "public/dsse.json").read_bytes()
    _, proof = ByIdentity("*", "*", offline=True).statement(data)
    assert proof.log == "https://rekor.sigstore.dev"
    made = json.dumps(MADE.bundle(madesigstore.canonical({}))).encode()
    with pytest.raises(ValueError, match="statement type"):  # proven, and no statement
        ByIdentity("*", "*", MADE.root(), offline=True).statement(made)


def test_offline_takes_what_was_last_fetched(tmp_path: Path) -> None:
    kept = tmp_path / ".cache/sigstore-python/tuf" / quote(root._PUBLIC, safe="")
    kept.mkdir(parents=True)
    (kept / "trusted_root.json").write_bytes(MADE.root())
    assert trusted(None, True).logs[0].url == "https://rekor.test"
    trusted.cache_clear()
    (kept / "trusted_root.json").write_bytes(b"{}")
    with pytest.raises(EvidenceError, match="public Sigstore's root cannot be read"):
        trusted(None, True)
    (kept / "trusted_root.json").unlink()
    (kept / "trusted_root.json").mkdir()
    with pytest.raises(EvidenceError, match="cannot be had offline"):
        trusted(None, True)


def test_what_is_kept_lies_where_the_library_puts_it(tmp_path: Path) -> None:
    from sigstore._internal.tuf import DEFAULT_TUF_URL, TrustUpdater

    assert DEFAULT_TUF_URL == root._PUBLIC
    path = Path(TrustUpdater(DEFAULT_TUF_URL, offline=True).get_trusted_root_path())
    assert path.is_relative_to(tmp_path)
    assert root._kept() == path.read_bytes()
    path.write_bytes(MADE.root())
    assert root._kept() == MADE.root()
