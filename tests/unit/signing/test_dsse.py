from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imgforge.signing import dsse
from imgforge.signing.signer import KeySigner

DATA = Path(__file__).parent / "data"
GOOD = {"payload": "e30=", "payloadType": "t", "signatures": [{"sig": "AAAA"}]}


def test_the_encoding_is_the_one_of_the_specification() -> None:
    # The example of dsse's protocol.md.
    assert (
        dsse.pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("", b"") == b"DSSEv1 0  0 "
    assert dsse.pae("é", b"\n\xff") == b"DSSEv1 2 \xc3\xa9 2 \n\xff"


def test_a_signature_holds_for_this_payload_and_this_type_only() -> None:
    signer = KeySigner.open(DATA / "cosign.key", b"secret")
    envelope = dsse.sign(b"payload", signer)
    key = signer.public_key
    assert dsse.Envelope.from_json(envelope.to_json()) == envelope
    assert envelope.verify(key)
    assert not dsse.Envelope("other/type", b"payload", envelope.signature).verify(key)
    assert not dsse.Envelope(dsse.IN_TOTO, b"payload2", envelope.signature).verify(key)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "e30"},
        {"payload": "e31="},
        {"payload": "e30=\n"},
        {"payload": "_w=="},
        {"payload": 1},
        {"payloadType": None},
        {"signatures": []},
        {"signatures": [{"sig": "AAAA"}] * 2},
        {"signatures": {"sig": "AAAA"}},
        {"signatures": [{"keyid": "x"}]},
        {"signatures": [{"sig": "AAAA", "cert": "x"}]},
        {"signatures": ["AAAA"]},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_malformed_envelope_is_refused(change: dict[str, Any]) -> None:
    assert dsse.Envelope.from_json(GOOD).payload == b"{}"
    with pytest.raises(ValueError, match=r".+"):
        dsse.Envelope.from_json({**GOOD, **change})
