"""Publishing to real registries: killed at every request, to several places, from one to another.

Each test is run on Docker's registry 2.8, which has no referrers API, and on one that has it.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import countingproxy
import pytest
import signedimage
from running import run, tool
from signedimage import Signed

from imgforge import publish, signing
from imgforge.cli.main import main
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import sha256

OFFLINE = ("--insecure-ignore-tlog=true",)
NO_LOG = ("--use-signing-config=false", "--tlog-upload=false", "-y")
TAGS = ("1", "latest")


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    return signedimage.make(tmp_path, TAGS, salt=str(tmp_path).encode())


@pytest.fixture
def place(both_registries: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return registry/prefix that nothing lies under."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return f"{both_registries}/publish/{sha256(str(tmp_path).encode())[7:19]}"


def asked(signed: Signed) -> list[str]:
    return ["--key", str(signed.public), "--require", "signature"]


def named(reference: str) -> str | None:
    """Return the digest that a tag names."""
    parsed = Reference.parse(reference)
    with Registry(parsed) as registry:
        found = registry.find(str(parsed.tag))
    return None if found is None else found[0].digest


def accepted(signed: Signed, reference: str) -> None:
    """Demand that ``imgforge verify`` accepts the image."""
    assert main(["verify", "-q", *asked(signed), reference]) == 0


def pushed(
    capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0
) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert main(["push", *arguments, "--format", "json"]) == code
    out, err = capsys.readouterr()
    return (json.loads(out) if out else {}), err


def test_killed_at_every_request_it_converges_and_no_tag_names_an_unsigned_image(
    signed: Signed, place: str
) -> None:
    """A process is killed once the registry did what it asked, before it hears of it."""
    registry, _, prefix = place.partition("/")
    with countingproxy.before(registry) as proxy:
        killed = ended = 0
        for moment in range(1, 400):
            proxy.seen.clear()
            targets = [f"{proxy.place}/{prefix}/{moment}{name}" for name in ("a", "b")]
            command = ["push", "-q", *asked(signed), str(signed.layout.path), *targets]
            child: list[subprocess.Popen[bytes]] = []

            def after(count: int, last: int = moment) -> None:
                if count == last:
                    child[0].send_signal(signal.SIGKILL)  # noqa: B023 - the one of this moment
                    child[0].wait()  # noqa: B023

            proxy.after = after
            with proxy.lock:
                child.append(signedimage.start(*command))
            code = child[0].wait(60)
            proxy.after = lambda _: None
            places = [f"{place}/{moment}{name}:{tag}" for name in ("a", "b") for tag in TAGS]
            for reference in places:
                if named(reference) is not None:
                    accepted(signed, reference)
            if code == 0:
                ended += 1
                break
            assert code == -signal.SIGKILL
            killed += 1
            assert main(["push", "-q", *asked(signed), str(signed.layout.path), *targets]) == 0
            for reference in places:
                assert named(reference) == signed.top.digest
            for reference in places[::2]:
                accepted(signed, reference)
    assert ended == 1
    assert killed > 60


def test_repositories_of_one_registry_get_each_byte_once(
    signed: Signed, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    prefix = f"publish/{sha256(str(tmp_path).encode())[7:19]}"
    with countingproxy.before(registry) as proxy:
        goals = publish.targets([f"{proxy.place}/{prefix}/{n}" for n in "abc"], TAGS)
        publish.publish(signed.shipment, goals, signed.terms, say=lambda _: None)
    blobs = list((signed.layout.path / "blobs/sha256").iterdir())
    sent = proxy.calls("PUT", "/blobs/uploads/")
    assert 0 < len(sent) < len(blobs)
    assert len({path.partition("digest=")[2] for path in sent}) == len(sent)
    for name in "bc":
        mounted = proxy.calls("POST", f"/{name}/blobs/uploads/?mount=")
        assert len(mounted) == len(sent)
    for name in "abc":
        accepted(signed, f"{registry}/{prefix}/{name}:1")


def test_cosign_accepts_what_was_pushed_and_promoted(
    signed: Signed, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value, _ = pushed(capsys, *asked(signed), str(signed.layout.path), f"{place}/staging")
    assert value["digest"] == signed.top.digest
    moved, _ = pushed(
        capsys, *asked(signed), f"{place}/staging:1", f"{place}/production:2", f"{place}/other"
    )
    assert moved["reference"] == f"{place}/production@{signed.top.digest}"
    cosign = tool("cosign")
    env = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}
    for reference in (f"{place}/staging:latest", f"{place}/production:2", f"{place}/other:1"):
        key = ("--key", signed.public, *OFFLINE)
        said = json.loads(run(cosign, "verify", *key, reference, env=env).stdout)
        assert said[0]["critical"]["image"]["docker-manifest-digest"] == signed.top.digest
        name = reference.rpartition(":")[0]
        for image in signed.layout.images(signed.top):
            attested = f"{name}@{image.digest}"
            run(cosign, "verify-attestation", "--type", "spdxjson", *key, attested, env=env)


def test_from_one_registry_to_another_with_cosigns_own_evidence(  # noqa: PLR0917 - two registries
    signed: Signed,
    registry: str,
    referrers_registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The image was signed by cosign, in its older form and as a bundle."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    cosign = tool("cosign")
    env = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path), "COSIGN_PASSWORD": "x"}
    private, public = signing.generate(tmp_path / "theirs", b"x")
    unique = sha256(str(tmp_path).encode())[7:19]
    flags = ["--key", str(public), "--require", "signature"]
    for number, (source, target) in enumerate(
        ((registry, referrers_registry), (referrers_registry, registry))
    ):
        for form, older in (("older", True), ("bundle", False)):
            start, goal = (f"{p}/promote/{unique}/{number}{form}" for p in (source, target))
            with Registry(Reference.parse(start)) as there:
                there.put_image(signed.layout, signed.top)
                there.put_manifest("1", signed.layout.read(signed.top), signed.top.media_type)
            refused, err = pushed(capsys, *flags, f"{start}:1", f"{goal}:1", code=5)
            assert not refused
            assert "hint: sign it first" in err
            assert named(f"{goal}:1") is None
            kind = (f"--new-bundle-format={str(not older).lower()}", *NO_LOG)
            run(
                *(cosign, "sign", "--recursive", "--key", private, *kind, f"{start}:1"),
                cwd=tmp_path,
                env=env,
            )
            value, _ = pushed(capsys, *flags, f"{start}:1", goal)
            assert value["reference"] == f"{goal}@{signed.top.digest}"
            assert named(f"{goal}:1") == signed.top.digest
            found = (f"--new-bundle-format={str(not older).lower()}", *OFFLINE)
            run(cosign, "verify", "--key", public, *found, f"{goal}:1", cwd=tmp_path, env=env)
            assert main(["verify", "-q", *flags, f"{goal}:1"]) == 0


def test_no_clobber_leaves_the_tag_and_says_what_it_names(
    signed: Signed, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "newer").mkdir()
    newer = signedimage.make(tmp_path / "newer", TAGS, salt=b"newer")
    pushed(capsys, *asked(signed), str(signed.layout.path), f"{place}/app")
    arguments = (*asked(newer), str(newer.layout.path), f"{place}/app:1")
    _, err = pushed(capsys, *arguments, "--no-clobber", code=6)
    assert f"names {signed.top.digest} already" in err
    assert named(f"{place}/app:1") == signed.top.digest
    value, err = pushed(capsys, *arguments)
    assert f"app:1 named {signed.top.digest} before" in err
    assert value["pushed"][0]["moved"] == {"1": signed.top.digest}
    assert named(f"{place}/app:latest") == signed.top.digest
    pushed(capsys, *arguments, "--no-clobber")
