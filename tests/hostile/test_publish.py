"""Publications that are killed, refused, raced and lied to: no tag ever names what is unproven."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import signedimage
import tiny
from cryptography.hazmat.primitives.asymmetric import ec
from fakeregistry import FakeRegistry, Reply, Seen, serve
from signedimage import Signed

from imgforge import promotion, publish
from imgforge.cli.main import main
from imgforge.errors import EvidenceError, InvalidInputError, RegistryError
from imgforge.oci import referrers
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.types import INDEX, MANIFEST, Descriptor, sha256
from imgforge.publish import Pushed, Target
from imgforge.shipment import Shipment, Terms, of_layout
from imgforge.signing.signatory import ByKey
from imgforge.signing.signer import KeySigner


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no credentials, and nobody else who writes: entries need not be watched for long."""
    monkeypatch.setattr(referrers, "_SETTLE", 0.01)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "IMGFORGE_INSECURE_REGISTRIES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[False, True], ids=["fallback tag", "referrers API"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeRegistry]:
    with serve(FakeRegistry(referrers_api=request.param)) as registry:
        yield registry


@pytest.fixture
def plain() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry()) as registry:
        yield registry


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    return signedimage.make(tmp_path)


def goal(registry: FakeRegistry, *tags: str, repository: str = "team/app") -> Target:
    return Target(Reference.parse(f"{registry.place}/{repository}"), tags)


def sent(
    signed: Signed,
    *goals: Target,
    terms: Terms | None = None,
    shipment: Shipment | None = None,
    said: list[str] | None = None,
    no_clobber: bool = False,
) -> tuple[Pushed, ...]:
    return publish.publish(
        shipment or signed.shipment,
        goals,
        terms or signed.terms,
        say=(said if said is not None else []).append,
        no_clobber=no_clobber,
    )


def asked(signed: Signed) -> tuple[str, ...]:
    """Return the flags that demand the key's signature."""
    return ("--key", str(signed.public), "--require", "signature")


def accepted(signed: Signed, name: str) -> bool:
    """Whether ``imgforge verify`` accepts the image."""
    code = main(["verify", "-q", *asked(signed), name])
    assert code in {0, 5, 6}
    return code == 0


def queried(seen: Seen, name: str) -> str:
    return parse_qs(urlsplit(seen.path).query)[name][0]


# Killed.


def test_killed_at_a_request_a_tag_names_a_signed_image_and_the_next_run_ends_it(
    fake: FakeRegistry, signed: Signed
) -> None:
    """Some of the requests; tests/integration/test_publish.py has all, on a real registry."""
    place = f"{fake.place}/team/app"
    goals = goal(fake, "1", "latest")
    command = ["push", "-q", *asked(signed), str(signed.layout.path), place]
    for method, part in (
        ("PUT", "/blobs/uploads/"),
        ("PUT", f"/manifests/{signed.referrers[-1].digest}"),
        ("PUT", "/manifests/1"),
        ("PUT", "/manifests/latest"),
    ):
        for state in (fake.blobs, fake.manifests, fake.tags, fake.uploads, fake.seen):
            state.clear()
        child: list[int] = []

        def fault(
            seen: Seen, method: str = method, part: str = part, child: list[int] = child
        ) -> None:
            if seen.method == method and part in seen.path:
                os.kill(child[0], signal.SIGKILL)

        fake.fault = fault
        with fake.lock:
            process = signedimage.start(*command)
            child.append(process.pid)
        assert process.wait(30) == -signal.SIGKILL
        fake.fault = lambda _: None
        for tag in {"1", "latest"} & fake.tags.keys():
            assert accepted(signed, f"{place}:{tag}")
        sent(signed, goals)
        assert {"1": signed.top.digest, "latest": signed.top.digest}.items() <= fake.tags.items()
        assert accepted(signed, f"{place}:1")


def test_a_refusal_at_any_request_leaves_no_tag_of_an_unsigned_image(
    fake: FakeRegistry, signed: Signed
) -> None:
    goals = goal(fake, "1", "latest")
    refused = 0
    for moment in range(0, 400, 17):
        for state in (fake.blobs, fake.manifests, fake.tags, fake.uploads, fake.seen):
            state.clear()

        def fault(_: Seen, last: int = moment) -> Reply | None:
            return Reply(403) if len(fake.seen) > last else None

        fake.fault = fault
        try:
            sent(signed, goals)
        except RegistryError:
            refused += 1
        else:
            break
        finally:
            fake.fault = lambda _: None
        for tag in {"1", "latest"} & fake.tags.keys():
            assert accepted(signed, f"{goals.repository}:{tag}")
        sent(signed, goals)
        assert accepted(signed, f"{goals.repository}:latest")
    assert 3 <= refused < 20


# Nothing unverified goes out.


def resigned(signed: Signed, name: str, **changes: object) -> Descriptor:
    """Return the first referrer with its bundle changed, still a referrer of the image."""
    layout = signed.layout
    manifest = layout.read_json(signed.referrers[0])
    bundle = layout.read_json(Descriptor.from_json(manifest["layers"][0]))
    layer = layout.add_json({**bundle, **changes}, manifest["layers"][0]["mediaType"])
    return layout.add_json(
        {**manifest, "layers": [layer.to_json()], "annotations": {"test": name}}, MANIFEST
    )


def test_a_tampered_bundle_is_not_pushed(plain: FakeRegistry, signed: Signed) -> None:
    layout = signed.layout
    bundle = layout.read_json(
        Descriptor.from_json(layout.read_json(signed.referrers[0])["layers"][0])
    )
    envelope = {**bundle["dsseEnvelope"], "payload": "e30="}
    bad = resigned(signed, "payload", dsseEnvelope=envelope)
    without = replace(signed.shipment, referrers=(bad, *signed.referrers[1:]))
    with pytest.raises(EvidenceError, match="is not signed by the key"):
        sent(signed, goal(plain, "1"), shipment=without)
    beside = replace(signed.shipment, referrers=(*signed.referrers, bad))
    with pytest.raises(EvidenceError, match="goes nowhere"):
        sent(signed, goal(plain, "1"), shipment=beside)
    assert plain.seen == []
    said: list[str] = []
    terms = replace(signed.terms, others=True)
    sent(signed, goal(plain, "1"), shipment=beside, terms=terms, said=said)
    assert "1 piece of evidence by others, unverified, will go along" in said
    assert accepted(signed, f"{plain.place}/team/app:1")


def test_anothers_signature_is_not_ours(plain: FakeRegistry, signed: Signed) -> None:
    other = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    for others in (False, True):
        with pytest.raises(EvidenceError, match="is not signed by the key"):
            sent(signed, goal(plain, "1"), terms=Terms((ByKey(other.public_key),), others=others))
    with pytest.raises(EvidenceError, match="is not signed by anybody"):
        sent(signed, goal(plain, "1"), terms=Terms(()))
    theirs = signedimage.sign(signed.layout, signed.top, other, described=False)
    both = replace(signed.shipment, referrers=(*theirs, *signed.referrers))
    with pytest.raises(EvidenceError, match="goes nowhere"):
        sent(signed, goal(plain, "1"), shipment=both)
    assert plain.seen == []
    terms = Terms((ByKey(other.public_key), *signed.terms.signed_by))
    (pushed,) = sent(signed, goal(plain, "1"), shipment=both, terms=terms)
    assert set(pushed.evidence) == {r.digest for r in both.referrers}


def test_a_platform_that_is_not_signed_gets_no_name(plain: FakeRegistry, signed: Signed) -> None:
    arm64 = signed.layout.images(signed.top)[1]
    here = {r.digest for r in signed.layout.referrers(arm64.digest)}
    rest = tuple(r for r in signed.referrers if r.digest not in here)
    without = replace(signed.shipment, referrers=rest)
    with pytest.raises(EvidenceError, match=f"{arm64.digest} is not signed"):
        sent(signed, goal(plain, "1"), shipment=without)
    terms = replace(signed.terms, through_index=True)
    sent(signed, goal(plain, "1"), shipment=without, terms=terms)
    assert plain.tags["1"] == signed.top.digest


def test_an_sbom_is_no_signature(plain: FakeRegistry, signed: Signed) -> None:
    image = signed.layout.images(signed.top)[0]
    (_, sbom) = signed.layout.referrers(image.digest)
    with pytest.raises(EvidenceError, match="is not signed"):
        sent(signed, goal(plain, "1"), shipment=Shipment(signed.layout, image, (sbom,)))
    assert plain.seen == []


def test_evidence_of_another_image_is_refused(plain: FakeRegistry, signed: Signed) -> None:
    other = tiny.image(signed.layout, salt=b"other")
    foreign = signedimage.sign(signed.layout, other, signed.signer)
    beside = replace(signed.shipment, referrers=(*signed.referrers, *foreign))
    with pytest.raises(EvidenceError, match="is not about"):
        sent(signed, goal(plain, "1"), shipment=beside)
    # The other's bundle under this image's name: its statement is about the other all the same.
    manifest = signed.layout.read_json(foreign[0])
    subject = Descriptor(signed.top.media_type, signed.top.digest, signed.top.size).to_json()
    swapped = signed.layout.add_json({**manifest, "subject": subject}, MANIFEST)
    only = replace(signed.shipment, referrers=(swapped, *signed.referrers[1:]))
    with pytest.raises(EvidenceError, match="is not signed"):
        sent(signed, goal(plain, "1"), shipment=only)
    assert plain.seen == []


def test_evidence_that_was_changed_on_disk_is_refused(plain: FakeRegistry, signed: Signed) -> None:
    layer = signed.layout.read_json(signed.referrers[0])["layers"][0]
    path = signed.layout.blob_path(layer["digest"])
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(EvidenceError, match="does not match"):
        sent(signed, goal(plain, "1"))
    assert plain.seen == []


# Several targets.


def test_nothing_is_named_before_every_repository_has_everything(signed: Signed) -> None:
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(serve(FakeRegistry()))
        bad = stack.enter_context(serve(FakeRegistry()))
        bad.fault = lambda seen: Reply(403) if seen.method == "POST" else None
        with pytest.raises(RegistryError):
            sent(signed, goal(good, "1"), goal(bad, "1"))
        assert "1" not in good.tags
        bad.fault = lambda _: None
        pushed = sent(signed, goal(good, "1"), goal(bad, "1", "2"))
        assert [p.tags for p in pushed] == [("1",), ("1", "2")]
        assert good.tags["1"] == bad.tags["2"] == signed.top.digest


def test_one_target_that_cannot_be_read_stops_all_before_a_byte_goes(signed: Signed) -> None:
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(serve(FakeRegistry()))
        bad = stack.enter_context(serve(FakeRegistry()))
        bad.fault = lambda _: Reply(403)
        with pytest.raises(RegistryError):
            sent(signed, goal(good, "1"), goal(bad, "1"))
        assert [s for s in good.seen if s.method not in {"GET", "HEAD"}] == []


def test_repositories_of_one_registry_take_blobs_from_the_first(
    plain: FakeRegistry, signed: Signed
) -> None:
    mounted: set[str] = set()

    def fault(seen: Seen) -> Reply | None:
        """Keep the second repository's blobs apart: it has what was mounted."""
        if seen.method == "POST" and "/second/" in seen.path:
            mounted.add(queried(seen, "mount"))
        apart = seen.method == "HEAD" and "/second/" in seen.path
        return Reply(404) if apart and seen.path.rpartition("/")[2] not in mounted else None

    plain.fault = fault
    sent(signed, goal(plain, "1", repository="other"), goal(plain, "1", repository="second"))
    uploads = plain.calls("PUT", "/blobs/uploads/")
    assert len({queried(s, "digest") for s in uploads}) == len(uploads)
    assert all("/other/" in s.path for s in uploads)
    mounts = plain.calls("POST", "/second/blobs/uploads/?mount=")
    assert mounts
    assert {queried(s, "from") for s in mounts} == {"other"}


# Tags.


def test_a_tag_that_moves_says_what_it_named(plain: FakeRegistry, signed: Signed) -> None:
    old = b'{"schemaVersion":2,"manifests":[]}'
    before = Descriptor(INDEX, sha256(old), len(old))
    plain.manifests[before.digest] = (INDEX, old)
    plain.tags["1"] = before.digest
    with pytest.raises(RegistryError, match=r"names .* already"):
        sent(signed, goal(plain, "1", "2"), no_clobber=True)
    assert [s for s in plain.seen if s.method != "GET"] == []
    said: list[str] = []
    (pushed,) = sent(signed, goal(plain, "1", "2"), said=said)
    assert pushed.moved == {"1": before.digest}
    assert any(f"which named {before.digest}" in line for line in said)
    (again,) = sent(signed, goal(plain, "1", "2"), no_clobber=True, said=said)
    assert again.moved == {}
    assert any("names it already" in line for line in said)


def test_a_tag_that_somebody_takes_meanwhile_is_left_alone(
    plain: FakeRegistry, signed: Signed
) -> None:
    theirs = b'{"schemaVersion":2,"manifests":[]}'
    digest = sha256(theirs)
    plain.manifests[digest] = (INDEX, theirs)

    def fault(seen: Seen) -> None:
        if seen.method == "PUT" and f"/manifests/{signed.top.digest}" in seen.path:
            plain.tags["1"] = digest

    plain.fault = fault
    with pytest.raises(RegistryError, match="already"):
        sent(signed, goal(plain, "1"), no_clobber=True)
    assert plain.tags["1"] == digest


# Targets and layouts.


def test_targets_are_read_before_anything_else() -> None:
    found = publish.targets(["r.example/a:1", "r.example/b", "r.example/a"], ["2", "3"])
    assert [(t.repository.name, t.tags) for t in found] == [
        ("r.example/a", ("1", "2", "3")),
        ("r.example/b", ("2", "3")),
    ]
    for bad in ("r.example/a@sha256:" + "0" * 64, "r.example/A", "r.example/a:sha256-0.sig"):
        with pytest.raises(InvalidInputError):
            publish.targets(["r.example/fine", bad], [])


def test_a_layouts_image_comes_with_what_is_attached_to_it(signed: Signed) -> None:
    found = of_layout(signed.layout, signed.top)
    assert {r.digest for r in found.referrers} == {r.digest for r in signed.referrers}
    assert promotion.tagged(signed.layout, signed.top) == ("1", "latest")
    note = {"org.opencontainers.image.ref.name": "docker.io/library/alpine:3"}
    named = Descriptor(signed.top.media_type, signed.top.digest, signed.top.size, note)
    signed.layout.write_index([named])
    assert promotion.tagged(signed.layout, signed.top) == ()


# The command.


def test_the_command_says_what_it_did(
    plain: FakeRegistry, signed: Signed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place, file = f"{plain.place}/team/app", tmp_path / "pushed.json"
    arguments = ["push", *asked(signed), str(signed.layout.path), place]
    more = ["--format", "json", "--metadata-file", str(file)]
    assert main([*arguments, f"{plain.place}/team/other:7", *more]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value == json.loads(file.read_text())
    assert value["reference"] == f"{place}@{signed.top.digest}"
    assert [p["tags"] for p in value["pushed"]] == [["1", "latest"], ["7"]]
    assert set(value["pushed"][0]["evidence"]) == {r.digest for r in signed.referrers}
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == f"{place}@{signed.top.digest}"


def test_what_else_a_layout_lists_stays_and_is_told(
    plain: FakeRegistry, signed: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = signed.layout
    other = tiny.image(layout, salt=b"other")
    foreign = signedimage.sign(layout, other, signed.signer)[0]
    layout.write_index([*layout.index(), foreign])
    place = f"{plain.place}/team/app:1"
    assert main(["push", *asked(signed), str(layout.path), place]) == 0
    assert f"left where it is: {foreign.digest}" in capsys.readouterr().err
    assert foreign.digest not in plain.manifests


def test_the_command_refuses_the_unsigned(
    plain: FakeRegistry, signed: Signed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    layout = Layout.create(tmp_path / "unsigned")
    layout.write_index([tiny.image(layout)])
    place = f"{plain.place}/team/app:1"
    assert main(["push", *asked(signed), str(layout.path), place]) == 5
    assert "sign it first" in capsys.readouterr().err
    assert plain.seen == []


def test_the_command_refuses_an_image_that_was_changed(
    plain: FakeRegistry, signed: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    image = signed.layout.images(signed.top)[0]
    layer = signed.layout.read_json(image)["layers"][0]
    signed.layout.blob_path(layer["digest"]).write_bytes(b"x" * layer["size"])
    place = f"{plain.place}/team/app:1"
    assert main(["push", *asked(signed), str(signed.layout.path), place]) == 5
    assert "does not match" in capsys.readouterr().err
    assert plain.seen == []
