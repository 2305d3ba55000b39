"""A stored build is taken again only if its signer, as asked for now, signed all that it must."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from madesigstore import new_key

from imgforge import evidence, freshness, project
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.output import Record
from imgforge.signing import KeySealer, KeySigner, generate, statement
from imgforge.signing.choice import SignWith

Stored = tuple[Layout, Record]
VULN = (statement.VULNERABILITIES, b'{"scanner": {}}')


def document(name: str) -> bytes:
    return b'{"name": "%s"}' % name.encode()


@pytest.fixture
def sealer() -> KeySealer:
    return KeySealer(KeySigner(new_key()))


@pytest.fixture
def stored(tmp_path: Path, sealer: KeySealer) -> Stored:
    """Return a build of two platforms with all its evidence and a report from outside."""
    layout = Layout.create(tmp_path / "image")
    images = [tiny.image(layout, a) for a in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    names = [f"sbom-linux-{a}.{kind}" for a in ("amd64", "arm64") for kind in ("spdx", "cdx")]
    files = {f"{name}.json": document(name) for name in names}
    files |= {name: document(name) for name in (evidence.PROVENANCE, evidence.FINDINGS)}
    referrers = evidence.sign(
        layout, top, files, sealer, name="acme/web", created=0, attested=[VULN]
    )
    layout.write_index([top, *referrers])
    record = Record(
        key="k", spec="s", stack="t", inputs=(), exclude=(), name="acme/web", tags=("1",),
        engine="native", reason="r", image=top.to_json(),
        referrers=tuple(r.to_json() for r in referrers), evidence={}, signer={},
    )  # fmt: skip
    return layout, record


def test_everything_that_a_build_signs_is_there(stored: Stored, sealer: KeySealer) -> None:
    layout, record = stored
    # Signature, both SBOMs, provenance, findings, the report: twice; all but SBOMs of the index.
    assert len(record.referrers) == 2 * 6 + 4
    freshness._signed(layout, record, sealer.signatory(), [statement.VULNERABILITIES])


def test_each_piece_of_it_is_missed(stored: Stored, sealer: KeySealer) -> None:
    layout, record = stored
    for place in range(len(record.referrers)):
        left = record.referrers[:place] + record.referrers[place + 1 :]
        less = dataclasses.replace(record, referrers=left)
        with pytest.raises(InvalidInputError, match="1 statements about"):
            freshness._signed(layout, less, sealer.signatory(), [statement.VULNERABILITIES])


def test_another_signer_does_not_count_and_does_not_matter(
    stored: Stored, sealer: KeySealer
) -> None:
    layout, record = stored
    other = KeySealer(KeySigner(new_key()))
    with pytest.raises(InvalidInputError, match="16 statements about"):
        freshness._signed(layout, record, other.signatory(), [statement.VULNERABILITIES])
    from imgforge.signing import sign_image

    beside = sign_image(layout, record.descriptor, other, name="x", created=0)
    more = dataclasses.replace(
        record, referrers=(*record.referrers, *(r.to_json() for r in beside))
    )
    freshness._signed(layout, more, sealer.signatory(), [])


def test_a_statement_about_another_image_does_not_count(stored: Stored, sealer: KeySealer) -> None:
    layout, record = stored
    image = layout.images(record.descriptor)[0]
    (signature,) = [
        r
        for r in record.referrer_list
        if layout.read_json(r)["subject"]["digest"] == image.digest
        and r.annotations["dev.sigstore.bundle.predicateType"] == statement.SIGNATURE
    ]
    foreign = statement.about(
        [statement.Subject("x", "sha256:" + "0" * 64)], statement.SIGNATURE, {}
    )
    swapped = layout.attach(image, sealer.seal(foreign.to_bytes()), "x", signature.annotations)
    others = tuple(
        swapped.to_json() if r["digest"] == signature.digest else r for r in record.referrers
    )
    less = dataclasses.replace(record, referrers=others)
    with pytest.raises(InvalidInputError, match="1 statements about"):
        freshness._signed(layout, less, sealer.signatory(), [])


def test_who_signs_and_what_is_attested_decide_the_key(
    make_project: Callable[..., project.Project], tmp_path: Path
) -> None:
    root = make_project().root
    one, _ = generate(tmp_path / "one", b"")
    two, _ = generate(tmp_path / "two", b"")
    plain = freshness.Choices("native", (), None, None, None, ())
    choices = [
        plain,
        dataclasses.replace(plain, sign=SignWith(key=str(one))),
        dataclasses.replace(plain, sign=SignWith(key=str(two))),
        dataclasses.replace(plain, sign=SignWith(key=str(one)), attested=[VULN]),
        dataclasses.replace(plain, sign=SignWith(key=str(one)), attested=[(VULN[0], b"{}")]),
    ]
    keys = [freshness.key("spec", root, "content", "python@1", asked) for asked in choices]
    assert len(set(keys)) == len(keys)
    nobody = dataclasses.replace(plain, sign=SignWith())
    assert freshness.key("spec", root, "content", "python@1", nobody) == keys[0]
