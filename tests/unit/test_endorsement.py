"""Signing what exists, wherever it lies: never twice, in one step, and only what it says."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from fakeregistry import FakeRegistry, serve
from madeservices import MadeServices
from madesigstore import new_key

from imgforge import delivery, endorsement, place
from imgforge.asked import Options
from imgforge.cli.main import main
from imgforge.console import Console
from imgforge.errors import EvidenceError, InvalidInputError, RegistryError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import MANIFEST, Descriptor, sha256
from imgforge.output import Output, Record
from imgforge.signing import KeySealer, KeySigner, generate, statement
from imgforge.signing.choice import SignWith
from imgforge.signing.sealer import Witnessed, Witnessing

CREATED = 1_700_000_000
VULN = b'{"scanner": {"uri": "x", "result": {}}, "metadata": {}}'


@pytest.fixture
def sealer() -> KeySealer:
    return KeySealer(KeySigner(new_key()))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a layout that lists an index of two platforms."""
    made = Layout.create(tmp_path / "layout")
    top = tiny.index(made, *(tiny.image(made, a) for a in ("amd64", "arm64")))
    made.write_index([top])
    return made


@pytest.fixture
def output(tmp_path: Path) -> Output:
    """Return the output of a project with an unsigned image."""
    out = Output(tmp_path / "project" / ".imgforge")
    with out.exclusive(), out.staging() as folder:
        made = Layout.create(folder / "image")
        top = tiny.image(made)
        made.write_index([top])
        (folder / "evidence").mkdir()
        (folder / "evidence" / "plan.json").write_bytes(b"{}")
        record = Record(
            key="k", spec="s", stack="t", inputs=(), exclude=(), name="acme/web", tags=("1",),
            engine="native", reason="r", image=top.to_json(), referrers=(),
            evidence={"plan.json": sha256(b"{}")}, signer={},
        )  # fmt: skip
        out.commit(folder, record)
    return out


@pytest.fixture(params=[True, False])
def registry(request: pytest.FixtureRequest, layout: Layout) -> Iterator[FakeRegistry]:
    """Return a registry with the image as a/web:1, with the referrers API and without."""
    with serve(FakeRegistry(referrers_api=request.param)) as running:
        (top,) = layout.index()
        with Registry(Reference.parse(f"{running.place}/a/web")) as there:
            there.put_image(layout, top)
            there.put_manifest("1", layout.read(top), top.media_type)
        yield running


def signed(where: str, sealer: KeySealer, **how: bool) -> list[endorsement.Endorsed]:
    with place.open_place(where) as here:
        return endorsement.sign(here, sealer, CREATED, **how)


def test_every_platform_and_the_index_are_signed_once(layout: Layout, sealer: KeySealer) -> None:
    (top,) = layout.index()
    digests = [*(i.digest for i in layout.images(top)), top.digest]
    first = signed(str(layout.path), sealer)
    assert [e.digest for e in first] == digests
    assert all(e.added and e.kind == statement.SIGNATURE for e in first)
    for digest in digests:
        (referrer,) = layout.referrers(digest)
        (one,) = [e for e in first if e.digest == digest]
        assert one.referrer == referrer.digest
    before = layout.index()
    again = signed(str(layout.path), sealer)
    assert not any(e.added for e in again)
    assert [e.referrer for e in again] == [e.referrer for e in first]
    assert layout.index() == before


def test_only_the_index_may_be_signed(layout: Layout, sealer: KeySealer) -> None:
    (top,) = layout.index()
    assert [e.digest for e in signed(str(layout.path), sealer, recursive=False)] == [top.digest]


def test_another_signer_signs_beside(layout: Layout, sealer: KeySealer) -> None:
    signed(str(layout.path), KeySealer(KeySigner(new_key())))
    assert all(e.added for e in signed(str(layout.path), sealer))
    (top, *_) = layout.index()
    assert len(layout.referrers(top.digest)) == 2


def test_the_statement_about_an_index_speaks_of_its_platforms(
    layout: Layout, sealer: KeySealer
) -> None:
    (top,) = layout.index()
    kind = statement.VULNERABILITIES
    with place.open_place(str(layout.path), called="acme/web") as here:
        done = endorsement.attest(here, sealer, kind, VULN, CREATED)
        attached = here.read(top.digest)
    assert [e.kind for e in done] == [kind] * 3
    said, _ = sealer.signatory().statement(attached[0].bundle)
    assert said.predicate == json.loads(VULN)
    assert {s.name for s in said.subjects} == {"acme/web"}
    assert {s.digest for s in said.subjects} == {
        top.digest,
        *(i.digest for i in layout.images(top)),
    }


def test_the_same_statement_is_attested_once_and_another_again(
    layout: Layout, sealer: KeySealer
) -> None:
    def attested(data: bytes) -> list[bool]:
        with place.open_place(str(layout.path)) as here:
            done = endorsement.attest(here, sealer, "https://example.com/x", data, CREATED)
        return [e.added for e in done]

    assert attested(b'{"a": 1, "b": 2}') == [True] * 3
    assert attested(b'{"b":2,"a":1}') == [False] * 3
    assert attested(b'{"a": 2}') == [True] * 3


def test_a_spoiled_bundle_is_no_signature(layout: Layout, sealer: KeySealer) -> None:
    signed(str(layout.path), sealer)
    (top, *rest) = layout.index()
    (referrer,) = layout.referrers(top.digest)
    bundle = layout.read_json(referrer)["layers"][0]["digest"]
    data = layout.blob_path(bundle).read_bytes()
    spoiled = data.replace(b'"sig":"M', b'"sig":"N', 1)
    assert spoiled != data
    new = layout.attach(top, spoiled, referrer.artifact_type or "", {})
    layout.write_index([top, *(r for r in rest if r != referrer), new])
    added = {e.digest: e.added for e in signed(str(layout.path), sealer)}
    assert added[top.digest]
    assert sum(added.values()) == 1


def test_a_projects_output_changes_in_one_step(output: Output, sealer: KeySealer) -> None:
    before = (output.path / "current").resolve()
    (done,) = signed(str(output.path.parent), sealer)
    record = output.record()
    assert record is not None
    assert [r.digest for r in record.referrer_list] == [done.referrer]
    assert (output.path / "current").resolve() != before
    assert not before.exists()
    layout = output.layout()
    assert [r.digest for r in layout.referrers(done.digest)] == [done.referrer]
    assert (output.path / "evidence" / "plan.json").read_bytes() == b"{}"
    for named in (output.path, output.path / "image", output.path / "image" / "index.json"):
        (again,) = signed(str(named), sealer)
        assert (again.added, again.referrer) == (False, done.referrer)


def test_a_build_goes_out_with_what_another_signer_said_of_it(
    output: Output, tmp_path: Path
) -> None:
    private, _ = generate(tmp_path / "ours", b"")
    ours = KeySigner.open(private, b"")
    for signer in (ours, KeySigner(new_key())):
        signed(str(output.path), KeySealer(signer))
    record = output.record()
    assert record is not None
    record = replace(record, signer={"key": ours.public_key.fingerprint})
    with serve(FakeRegistry()) as fake:
        asked = Options(push=(f"{fake.place}/team/app:1",), sign=SignWith(key=str(private)))
        (pushed,) = delivery.push(output.layout(), record, asked, Console())
        assert len(pushed.evidence) == 2
        assert fake.tags["1"] == record.descriptor.digest
        alone = replace(record, referrers=record.referrers[1:])
        with pytest.raises(EvidenceError, match="is not signed by the key"):
            delivery.push(output.layout(), alone, asked, Console())


def test_nothing_changes_if_it_is_killed_before_the_step(
    output: Output, sealer: KeySealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = output.record()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Output, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        signed(str(output.path), sealer)
    monkeypatch.undo()
    assert output.record() == before
    assert not list((output.path / "builds").glob("new-*"))
    (done,) = signed(str(output.path), sealer)
    assert done.added


def test_a_layout_that_others_write_is_left_alone(layout: Layout, sealer: KeySealer) -> None:
    fd = os.open(layout.path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(TransientError, match="another process is adding"):
            signed(str(layout.path), sealer)
    finally:
        os.close(fd)


def test_in_a_registry_evidence_is_listed_and_the_tag_resolved_once(
    registry: FakeRegistry, layout: Layout, sealer: KeySealer
) -> None:
    (top,) = layout.index()
    first = signed(f"{registry.place}/a/web:1", sealer)
    assert all(e.added for e in first)
    assert len([s for s in registry.seen if s.path.endswith("/manifests/1")]) == 2  # ours, and PUT
    again = signed(f"{registry.place}/a/web@{top.digest}", sealer)
    assert not any(e.added for e in again)
    with place.open_place(f"{registry.place}/a/web:1") as here:
        assert here.title == f"{registry.place}/a/web@{top.digest}"
        assert here.name == f"{registry.place}/a/web"
        assert [str(p) for p in here.platforms] == ["linux/amd64", "linux/arm64"]
        (attached,) = here.read(top.digest)
    said, _ = sealer.signatory().statement(attached.bundle)
    assert said.subjects[0].name == f"{registry.place}/a/web"


def test_a_registry_that_lists_nothing_is_an_error(
    registry: FakeRegistry, sealer: KeySealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgforge.oci.referrers.listed", lambda *_: [])
    with pytest.raises(RegistryError, match="does not list"):
        signed(f"{registry.place}/a/web:1", sealer)


def test_what_others_attached_wrongly_is_passed_over(
    registry: FakeRegistry, layout: Layout, sealer: KeySealer
) -> None:
    (top,) = layout.index()
    with Registry(Reference.parse(f"{registry.place}/a/web")) as there:
        from imgforge.oci import referrers

        for data in (b"no bundle", b"{}"):
            there_too = layout.attach(
                top, data, "application/vnd.dev.sigstore.bundle.v0.3+json", {}
            )
            referrers.attach(there, layout, [there_too])
        other = layout.attach(top, b"x", "text/plain", {})
        referrers.attach(there, layout, [other])
    assert all(e.added for e in signed(f"{registry.place}/a/web:1", sealer))


def witnessed(sealer: KeySealer, services: MadeServices, *, log: bool = True) -> Witnessed:
    trust = services.trust()
    witnessing = Witnessing(
        services.real, trust.log if log else None, () if log else trust.timestamps
    )
    return Witnessed(sealer.signer.public_key, trust, witnessing)


def borne_out(where: str, who: Witnessed) -> list[endorsement.Endorsed]:
    with place.open_place(where) as here:
        return endorsement.witness(here, who)


def test_late_witnesses_take_the_place_of_none(layout: Layout, sealer: KeySealer) -> None:
    services = MadeServices()
    bare = signed(str(layout.path), sealer)
    signed(str(layout.path), KeySealer(KeySigner(new_key())))
    full = witnessed(sealer, services)
    done = borne_out(str(layout.path), full)
    assert [e.added for e in done] == [True] * 3
    assert services.entries == 3
    listed = {d.digest for d in layout.index()}
    assert not listed & {e.referrer for e in bare}
    assert {e.referrer for e in done} <= listed
    assert len(listed) == 1 + 3 + 3
    (top, *_) = layout.index()
    old = layout.read_json(Descriptor("", bare[0].referrer, _size(layout, bare[0].referrer)))
    new = layout.read_json(Descriptor("", done[0].referrer, _size(layout, done[0].referrer)))
    assert old["annotations"] == new["annotations"]
    again = borne_out(str(layout.path), full)
    assert [(e.added, e.referrer) for e in again] == [(False, e.referrer) for e in done]
    assert services.entries == 3
    # A timestamp comes beside the entry.
    stamped = borne_out(str(layout.path), witnessed(sealer, services, log=False))
    assert all(e.added for e in stamped)
    assert not any(e.added for e in borne_out(str(layout.path), full))
    assert len(layout.referrers(top.digest)) == 2


def _size(layout: Layout, digest: str) -> int:
    return layout.blob_path(digest).stat().st_size


def test_late_witnesses_are_added_in_a_registry(registry: FakeRegistry, sealer: KeySealer) -> None:
    services = MadeServices()
    where = f"{registry.place}/a/web:1"
    bare = signed(where, sealer)
    done = borne_out(where, witnessed(sealer, services))
    assert {e.referrer for e in done}.isdisjoint(e.referrer for e in bare)
    again = borne_out(where, witnessed(sealer, services))
    assert [(e.added, e.referrer) for e in again] == [(False, e.referrer) for e in done]
    assert services.entries == 3
    # A timestamp comes to what was logged, and nothing is logged twice.
    trust = services.trust()
    both = Witnessing(services.real, trust.log, trust.timestamps)
    stamped = borne_out(where, Witnessed(sealer.signer.public_key, trust, both))
    assert [e.added for e in stamped] == [True] * 3
    assert (services.entries, services.stamps) == (3, 3)


def test_a_witness_that_fails_leaves_all_as_it_was(
    layout: Layout, sealer: KeySealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = MadeServices()
    signed(str(layout.path), sealer)
    before = layout.index()
    calls: list[int] = []
    entry = services.entry

    def second_fails(*given: object) -> object:
        calls.append(1)
        if len(calls) > 1:
            raise TransientError("the log does not serve")
        return entry(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(services, "entry", second_fails)
    with pytest.raises(TransientError, match="does not serve"):
        borne_out(str(layout.path), witnessed(sealer, services))
    assert layout.index() == before


def test_there_must_be_something_that_the_key_signed(layout: Layout, sealer: KeySealer) -> None:
    signed(str(layout.path), KeySealer(KeySigner(new_key())))
    with pytest.raises(EvidenceError, match="was signed by the key"):
        borne_out(str(layout.path), witnessed(sealer, MadeServices()))


def test_offline_no_registry_is_asked() -> None:
    with (
        pytest.raises(InvalidInputError, match="this is --offline"),
        place.open_place("registry.example.com/a/web:1", offline=True),
    ):
        pass


def test_what_cannot_be_written_is_said(
    layout: Layout, sealer: KeySealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(layout.path))

    monkeypatch.setattr(Layout, "write_index", full)
    with pytest.raises(InvalidInputError, match="No space left on device"):
        signed(str(layout.path), sealer)


def test_what_a_layout_lists_beside_its_image_is_no_other(
    layout: Layout, sealer: KeySealer
) -> None:
    """As oras copies it: the platforms by themselves, and cosign's older signature."""
    (top,) = layout.index()
    kept = layout.add(b"{}", "application/vnd.dev.cosign.simplesigning.v1+json")
    older = layout.add_json(
        {"schemaVersion": 2, "config": kept.to_json(), "layers": [kept.to_json()]}, MANIFEST
    )
    layout.write_index([*layout.images(top), top, older])
    assert {done.digest for done in signed(str(layout.path), sealer)} == {
        top.digest,
        *(image.digest for image in layout.images(top)),
    }
    assert main(["verify", "-q", str(layout.path), *_by(sealer, layout.path.parent)]) == 0


def _by(sealer: KeySealer, folder: Path) -> list[str]:
    public = folder / "signer.pub"
    public.write_bytes(sealer.signer.public_key.to_pem())
    return ["--key", str(public), "--require", "signature"]


def test_a_layout_of_two_images_is_refused(layout: Layout, sealer: KeySealer) -> None:
    layout.write_index([*layout.index(), tiny.image(layout, salt=b"x")])
    with pytest.raises(InvalidInputError, match="2 images where one is expected"):
        signed(str(layout.path), sealer)


def test_too_many_things_are_an_error(
    layout: Layout, sealer: KeySealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed(str(layout.path), sealer)
    signed(str(layout.path), KeySealer(KeySigner(new_key())))
    monkeypatch.setattr(place, "MAX_ATTACHED", 1)
    with pytest.raises(EvidenceError, match="over 1 things are attached"):
        signed(str(layout.path), sealer)


def test_an_output_without_record_is_said(output: Output, sealer: KeySealer) -> None:
    record = (output.path / "build.json").resolve()
    record.write_text("{}")
    with pytest.raises(InvalidInputError, match="missing or of another version"):
        signed(str(output.path), sealer)
