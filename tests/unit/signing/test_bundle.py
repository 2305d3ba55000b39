from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgforge.signing import bundle, dsse, statement
from imgforge.signing.key import load_public
from imgforge.signing.signer import KeySigner

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize(
    ("file", "kind"),
    [("cosign-sign.json", statement.SIGNATURE), ("cosign-attest.json", statement.SPDX)],
)
def test_bundles_that_cosign_wrote_are_read_and_hold(file: str, kind: str) -> None:
    key = load_public(DATA / "cosign.pub")
    read = bundle.Bundle.from_bytes((DATA / file).read_bytes())
    assert read.hint == key.hint
    assert read.envelope.verify(key)
    assert statement.Statement.from_bytes(read.envelope.payload).predicate_type == kind


def test_what_is_written_is_read_again_and_looks_like_cosigns() -> None:
    signer = KeySigner.open(DATA / "cosign.key", b"secret")
    theirs = json.loads((DATA / "cosign-sign.json").read_bytes())
    payload = bundle.Bundle.from_bytes((DATA / "cosign-sign.json").read_bytes()).envelope.payload
    written = bundle.Bundle(dsse.sign(payload, signer), signer.hint)
    ours = json.loads(written.to_bytes())
    theirs["dsseEnvelope"]["signatures"] = ours["dsseEnvelope"]["signatures"]
    assert ours == theirs
    assert bundle.Bundle.from_bytes(written.to_bytes()) == written
