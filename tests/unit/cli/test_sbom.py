"""``imgforge sbom`` as people call it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import demanded
import heldproject
import madeimage as made
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from madeinventory import digest, whole

from imgforge import signing
from imgforge.cli.main import main
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.sbom import cyclonedx, document, spdx
from imgforge.signing import statement
from imgforge.signing.signer import KeySigner

CONTROL = b"Package: %s\nStatus: install ok installed\nVersion: %s\nArchitecture: amd64\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def signer() -> KeySigner:
    return KeySigner(ec.generate_private_key(ec.SECP256R1()))


def layout(name: str, package: bytes = b"libc6", version: bytes = b"1") -> Descriptor:
    where = Layout.create(Path(name))
    raw = made.tar(
        made.file("etc/os-release", b"ID=debian\nVERSION_ID=13\n"),
        made.file("var/lib/dpkg/status", CONTROL % (package, version)),
    )
    image = made.add(where, [raw], config={"User": "1000:1000"})
    where.write_index([image])
    return image


def sign(name: str, image: Descriptor, signer: KeySigner, *said: tuple[str, bytes]) -> None:
    where = Layout(Path(name))
    sealer = signing.KeySealer(signer)
    found = signing.sign_image(where, image, sealer, name="app", predicates=said, created=1)
    where.write_index([image, *found])
    shutil.copy(demanded.public(signer.public_key), "imgforge.pub")


def packages(out: str) -> dict[str, str]:
    read = document.read(out.encode(), "stdout").inventory
    return {c.package.name: c.package.version for c in read.components}


@pytest.mark.parametrize("kind", ["spdx", "cyclonedx", "spdx3"])
def test_an_image_and_its_sbom_list_the_same(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    image = layout("lay")
    assert main(["sbom", "lay", "--format", kind]) == 0
    said = capsys.readouterr().out
    assert packages(said) == {"libc6": "1"}
    assert document.read(said.encode(), "x").inventory.digest == image.digest
    Path("lay.json").write_text(said)
    assert main(["sbom", "lay.json", "--format", kind]) == 0
    assert capsys.readouterr().out == said
    assert main(["sbom", "diff", "lay", "lay.json", "--exit-code"]) == 0
    assert "0 added, 0 removed, 0 changed, 1 the same" in capsys.readouterr().out


def test_an_sbom_is_shown_to_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.json").write_bytes(cyclonedx.render(whole(), name="acme/web", created=1))
    assert main(["sbom", "a.json", "--format", "text"]) == 0
    assert "from the base (1)\n  deb  libc6  2.41-12" in capsys.readouterr().out
    assert main(["sbom", "a.json", "--format", "json"]) == 0
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert len(value["components"]) == len(whole().components)
    assert value["format"] == "CycloneDX 1.6"


def test_the_time_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    layout("lay")
    assert main(["sbom", "lay", "--source-date-epoch", "1700000000"]) == 0
    assert '"created":"2023-11-14T22:13:20Z"' in capsys.readouterr().out


def test_a_difference_is_told_and_gates_if_that_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    layout("old")
    layout("new", version=b"2")
    assert main(["sbom", "diff", "old", "new"]) == 0
    assert "~ deb libc6 version 1 -> 2" in capsys.readouterr().out
    assert main(["sbom", "diff", "old", "new", "--exit-code", "--format", "json"]) == 10
    assert json.loads(capsys.readouterr().out)["changed"][0]["what"] == ["version"]
    assert main(["sbom", "diff", "old", "new", "--format", "markdown"]) == 0
    assert "| ~ | deb libc6 | 1 | 2 | version |  |" in capsys.readouterr().out


def test_sboms_become_one(capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("old", "new")):
        layout(name, package=b"lib%d" % number)
        assert main(["sbom", name]) == 0
        Path(f"{name}.json").write_text(capsys.readouterr().out)
    assert main(["sbom", "merge", "old.json", "new.json", "--name", "acme/shop"]) == 0
    assert packages(capsys.readouterr().out) == {"lib0": "1", "lib1": "1"}


def test_the_attested_sbom_is_printed_as_it_was_signed(
    signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    image = layout("lay")
    said = [document_of(image), (statement.CYCLONEDX, rendered(image, cyclonedx.render))]
    sign("lay", image, signer, *said)
    arguments = ["sbom", "lay", "--from-attestation", "--offline", "--key", "imgforge.pub"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.encode() == said[0][1]
    assert main([*arguments, "--format", "cyclonedx"]) == 0
    assert capsys.readouterr().out.encode() == said[1][1]
    assert main([*arguments, "--format", "text"]) == 0
    assert image.digest in capsys.readouterr().out


def rendered(image: Descriptor, render: Any) -> bytes:  # noqa: ANN401 - of either format
    from dataclasses import replace

    data: bytes = render(replace(whole(), digest=image.digest), name="app", created=1)
    return data


def document_of(image: Descriptor) -> tuple[str, bytes]:
    return statement.SPDX, rendered(image, spdx.render)


def test_nobody_is_believed_who_is_not_named(
    signer: KeySigner, capsys: pytest.CaptureFixture[str]
) -> None:
    image = layout("lay")
    sign("lay", image, signer, document_of(image))
    assert main(["sbom", "lay", "--from-attestation", "--offline"]) == 2
    assert "nothing says who must have signed the image" in capsys.readouterr().err
    other = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    shutil.copy(demanded.public(other.public_key), "other.pub")
    given = ["sbom", "lay", "--from-attestation", "--offline", "--key", "other.pub"]
    assert main(given) == 5
    captured = capsys.readouterr()
    assert captured.out == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ((), "spdx.dev/Document"),
        (((statement.SPDX, b'{"spdxVersion": "SPDX-9.9"}'),), "is not read"),
        (((statement.SPDX, spdx.render(whole(), name="x", created=1)),), digest("d")),
    ],
    ids=["none", "none that can be read", "of another image"],
)
def test_what_is_signed_must_be_this_images_sbom(
    said: tuple[tuple[str, bytes], ...],
    told: str,
    signer: KeySigner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign("lay", layout("lay"), signer, *said)
    given = ["sbom", "lay", "--from-attestation", "--offline", "--key", "imgforge.pub"]
    assert main(given) == 5
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a", "b"], "2 are named"),
        (["diff", "a"], "1 are named"),
        (["diff", "a", "b", "--format", "spdx"], "--format spdx is of one SBOM"),
        (["diff", "a", "b", "--from-attestation"], "--from-attestation is of one image"),
        (["merge"], "no SBOM is named"),
        (["merge", "a.json"], "the whole has no name"),
        (["merge", "a.json", "--name", "x", "--format", "text"], "merged into spdx or cyclonedx"),
        (["merge", "gone.json", "--name", "x"], "gone.json cannot be read: No such file"),
        (["a.json", "--format", "markdown"], "--format markdown is of imgforge sbom diff"),
        (["a.json"], "a.json is no SBOM that can be read"),
    ],
)
def test_a_slip_is_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.json").write_text('{"a": 1}')
    assert main(["sbom", *arguments]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


def test_of_a_project_it_is_what_its_build_wrote(
    tmp_path: Path, made_lock: heldproject.MakeLock, capsys: pytest.CaptureFixture[str]
) -> None:
    root = heldproject.write(tmp_path / "held", made_lock)
    assert main(["build", str(root), "--engine", "native"]) == 0
    written = root / ".imgforge/evidence/sbom.spdx.json"
    capsys.readouterr()
    for platforms in ([], ["--platform", "linux/amd64"]):
        assert main(["sbom", str(root), *platforms]) == 0
        assert capsys.readouterr().out == written.read_text()
    assert main(["sbom", str(root), "--platform", "linux/s390x"]) == 2
    (root / ".imgforge/evidence/sbom.cdx.json").write_text("{}")
    assert main(["sbom", str(root)]) == 5
    assert "was changed since it was written" in capsys.readouterr().err


def test_output_goes_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    layout("lay")
    for words in (["lay"], ["lay", "--format", "text"], ["diff", "lay", "lay"]):
        assert main(["sbom", *words]) == 0
        printed = capsys.readouterr().out
        assert main(["sbom", *words, "-o", "out"]) == 0
        assert not capsys.readouterr().out
        assert Path("out").read_text() == printed
