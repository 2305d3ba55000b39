"""cosign and imgforge agree: what one signs the other accepts, and refuses from anybody else.

Every way to sign, both kinds of registry, an index by tag and digest and each of its images. Ours
is the command line, from a real build on.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import realcosign
import tiny
import ways
from goldenbundles import PREDICATES
from livesigstore import LiveSigstore
from realcosign import TYPES, Cosign
from running import Key, imgforge, run, tool
from ways import WAYS, Flags, Way

from imgforge.oci import referrers
from imgforge.oci.layout import Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import MANIFEST, Descriptor

SPEC = """\
[image]
name = "acme/app"
tags = ["1.0"]
platforms = ["linux/amd64", "linux/arm64"]

[stack]
name = "binary"
base = "base"
packages = ["hello"]

[app]
source = ["notes.txt"]
entrypoint = ["/usr/bin/hello"]
"""
TYPES_HERE = ("spdx", "cyclonedx", "provenance", "vuln")
"""What we call the types of ``TYPES``."""


@dataclass(frozen=True, slots=True)
class Image:
    """An index of two images at ``repository``, tagged 1.0."""

    repository: str
    index: str
    platforms: tuple[str, ...]

    @property
    def tag(self) -> str:
        return f"{self.repository}:1.0"

    @property
    def each(self) -> tuple[str, ...]:
        """The images of the platforms by digest."""
        return tuple(f"{self.repository}@{digest}" for digest in self.platforms)

    @property
    def names(self) -> tuple[str, ...]:
        """All by which it may be asked for."""
        return (self.tag, f"{self.repository}@{self.index}", *self.each)


@pytest.fixture(scope="module")
def cosign(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, key: Key) -> Key:
    """A key pair that signed nothing."""
    folder = tmp_path_factory.mktemp("other")
    imgforge("key", "generate", folder / "other", cwd=folder, env=key.env)
    return Key(folder / "other.key", folder / "other.pub", key.env)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interop") / "app"
    folder.mkdir()
    (folder / "imgforge.toml").write_text(SPEC, encoding="utf-8")
    (folder / "notes.txt").write_text("hello\n", encoding="utf-8")
    (folder / "vuln.json").write_text(json.dumps(PREDICATES["vuln"]), encoding="utf-8")
    imgforge("lock", cwd=folder)
    return folder


@pytest.fixture(scope="module", params=WAYS)
def way(
    request: pytest.FixtureRequest,
    key: Key,
    sigstore: LiveSigstore,
    tmp_path_factory: pytest.TempPathFactory,
) -> Way:
    return ways.way(request.param, key, sigstore, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def strangers(way: Way, other: Key, sigstore: LiveSigstore) -> list[Way]:
    """Ways of which none may accept what was signed in this one."""
    return ways.strangers(way, other, sigstore)


@dataclass(frozen=True, slots=True)
class Build:
    """A build in ``output``, signed in one way and pushed to both registries by one command."""

    project: Path
    output: Path
    index: str
    platforms: tuple[str, ...]

    def at(self, registry: str, way: Way) -> Image:
        return Image(f"{registry}/built/{way.name}", self.index, self.platforms)


@pytest.fixture(scope="module")
def builds(
    project: Path,
    registry: str,
    referrers_registry: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Way], Build]:
    """Return a function that builds in each way once."""
    done: dict[str, Build] = {}

    def build(way: Way) -> Build:
        if way.name not in done:
            output = tmp_path_factory.mktemp("built") / way.name
            targets = (f"{each}/built/{way.name}" for each in (registry, referrers_registry))
            out = imgforge(
                *("build", "--engine", "native", "--output", output, *way.sign),
                *(part for target in targets for part in ("--push", target)),
                *("--attest", "vuln=vuln.json", "--format", "json"),
                cwd=project,
                env=way.env,
            )
            digest = json.loads(out.stdout)["digest"]
            layout = Layout.open(output / "image")
            images = layout.images(next(d for d in layout.index() if d.digest == digest))
            done[way.name] = Build(project, output, digest, tuple(image.digest for image in images))
        return done[way.name]

    return build


@pytest.fixture
def build(builds: Callable[[Way], Build], way: Way) -> Build:
    return builds(way)


@pytest.fixture
def built(build: Build, both_registries: str, way: Way) -> Image:
    return build.at(both_registries, way)


@pytest.fixture
def unsigned(request: pytest.FixtureRequest, tmp_path: Path, both_registries: str) -> Image:
    """An index of two tiny images that nobody has signed yet."""
    layout = Layout.create(tmp_path / "unsigned")
    salt = request.node.nodeid.encode()
    images = [tiny.image(layout, each, salt) for each in ("amd64", "arm64")]
    top = tiny.index(layout, *images)
    repository = f"{both_registries}/tiny/{top.digest[7:19]}"
    with Registry(Reference.parse(repository)) as place:
        place.put_image(layout, top)
        place.put_manifest("1.0", layout.read(top), top.media_type)
    return Image(repository, top.digest, tuple(image.digest for image in images))


@pytest.fixture
def predicate(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes the predicate of a type of cosign's to a file."""

    def write(option: str) -> Path:
        path = tmp_path / f"{option}.json"
        path.write_text(json.dumps(PREDICATES[option]), encoding="utf-8")
        return path

    return write


def accepted(way: Way, images: Iterable[str], *types: str) -> None:
    """Have our command line accept images, and these attestations of each of their platforms."""
    needed = [part for kind in types or ("signature",) for part in ("--require", kind)]
    out = imgforge("verify", *way.verify, *needed, "--format", "json", *images, cwd=way.folder)
    for found in json.loads(out.stdout)["images"]:
        assert "signature" in {proven["type"] for proven in found["proven"]}
        for each in found["platforms"] or [found]:
            assert {"signature", *types} <= {proven["type"] for proven in each["proven"]}


def refused(flags: Flags, image: str, cwd: Path, reason: str = "no valid signature") -> None:
    """Have our command line refuse an image for want of a signature."""
    done = imgforge("verify", *flags, "--require", "signature", image, cwd=cwd, code=5)
    assert reason in done.stderr
    assert done.stdout == ""


def cosign_accepts(cosign: Cosign, way: Way, image: Image, *, attested: bool = True) -> None:
    for name in image.names:
        (claim, *_) = json.loads(cosign("verify", *way.cosign_verify, name))
        about = claim["critical"]["image"]["docker-manifest-digest"]
        assert about == (name.split("@")[1] if "@" in name else image.index)
    for name, option in itertools.product(image.each if attested else (), TYPES):
        told = cosign("verify-attestation", *way.cosign_verify, "--type", option, name)
        for statement in realcosign.statements(told):
            assert statement["predicateType"] == TYPES[option]
            subjects = [subject["digest"]["sha256"] for subject in statement["subject"]]
            assert name.rpartition(":")[2] in subjects


def cosign_signs(cosign: Cosign, way: Way, image: Image) -> None:
    top = f"{image.repository}@{image.index}"
    cosign("sign", "--yes", "--recursive", *way.cosign_sign, top, env=way.cosign_env)


def cosign_attests(
    cosign: Cosign, way: Way, image: Image, predicate: Callable[[str], Path]
) -> None:
    for option, name in itertools.product(TYPES, image.each):
        what = ("--type", option, "--predicate", predicate(option))
        cosign("attest", "--yes", *way.cosign_sign, *what, name, env=way.cosign_env)


def test_cosign_accepts_what_a_build_pushed(cosign: Cosign, way: Way, built: Image) -> None:
    cosign_accepts(cosign, way, built)


def test_we_accept_what_a_build_pushed(way: Way, built: Image) -> None:
    accepted(way, built.names, *TYPES_HERE, "findings")


def test_nobody_else_signed_what_a_build_pushed(
    cosign: Cosign, way: Way, built: Image, strangers: list[Way]
) -> None:
    for stranger in strangers:
        refused(stranger.verify, built.tag, way.folder)
        cosign.refuses("verify", *stranger.cosign_verify, built.tag)
        attested = ("--type", "spdxjson", built.each[0])
        cosign.refuses("verify-attestation", *stranger.cosign_verify, *attested)


def test_a_build_proves_itself_on_disk_with_no_network(way: Way, build: Build) -> None:
    needed = [part for kind in TYPES_HERE for part in ("--require", kind)]
    command = [*("verify", "--offline", *way.verify, *needed), build.output / "image"]
    out = alone(*command, cwd=way.folder)
    assert out.stdout.strip() == build.index


def test_the_same_build_is_signed_again(
    cosign: Cosign, way: Way, build: Build, referrers_registry: str, tmp_path: Path
) -> None:
    # A log takes an entry once; a build that was broken off, or is made elsewhere, comes again.
    out = imgforge(
        *("build", "--engine", "native", "--output", tmp_path / "again", *way.sign),
        *("--push", f"{referrers_registry}/again/{way.name}"),
        cwd=build.project,
        env=way.env,
    )
    name = out.stdout.strip()
    assert name.endswith(build.index)
    cosign("verify", *way.cosign_verify, name)
    accepted(way, [name])


def test_a_copy_without_evidence_proves_nothing(
    cosign: Cosign, way: Way, build: Build, both_registries: str, tmp_path: Path
) -> None:
    copies = (f"oci:{tmp_path / 'copy'}:1", f"docker://{both_registries}/bare/{way.name}:1")
    for copy in copies:
        run(
            *(tool("skopeo"), "copy", "--quiet", "--all", "--preserve-digests"),
            *("--dest-tls-verify=false", f"oci:{build.output / 'image'}:1.0", copy),
        )
    refused(way.verify, str(tmp_path / "copy"), tmp_path, build.index)
    name = f"{both_registries}/bare/{way.name}:1"
    cosign.refuses("verify", *way.cosign_verify, name)
    refused(way.verify, name, tmp_path, build.index)


def test_another_images_evidence_does_not_count(
    cosign: Cosign, way: Way, build: Build, unsigned: Image
) -> None:
    source = Layout.open(build.output / "image")
    with Registry(Reference.parse(unsigned.repository)) as registry:
        for referrer in source.referrers(build.index):
            move(source, referrer, registry, unsigned.index)
    cosign.refuses("verify", *way.cosign_verify, unsigned.tag)
    refused(way.verify, unsigned.tag, way.folder, "about another")


def test_cosign_accepts_what_we_sign_in_a_registry(
    cosign: Cosign, way: Way, unsigned: Image, predicate: Callable[[str], Path]
) -> None:
    cosign.refuses("verify", *way.cosign_verify, unsigned.tag)
    imgforge("sign", *way.sign, unsigned.tag, cwd=way.folder, env=way.env)
    for option, ours in zip(TYPES, TYPES_HERE, strict=True):
        imgforge(
            *("attest", *way.sign, "--type", ours, "--predicate", predicate(option)),
            unsigned.tag,
            cwd=way.folder,
            env=way.env,
        )
    cosign_accepts(cosign, way, unsigned)
    accepted(way, unsigned.names, *TYPES_HERE)


def test_we_accept_what_cosign_signs(
    cosign: Cosign,
    way: Way,
    unsigned: Image,
    strangers: list[Way],
    predicate: Callable[[str], Path],
) -> None:
    cosign_attests(cosign, way, unsigned, predicate)
    # For cosign an attestation is a signature; for us it is not.
    refused(way.verify, unsigned.each[0], way.folder)
    cosign_signs(cosign, way, unsigned)
    accepted(way, unsigned.names, *TYPES_HERE)
    for stranger in strangers:
        refused(stranger.verify, unsigned.tag, way.folder)


@pytest.fixture(scope="module", params=["key", "person"])
def older(
    request: pytest.FixtureRequest,
    key: Key,
    sigstore: LiveSigstore,
    tmp_path_factory: pytest.TempPathFactory,
) -> Way:
    """One of the ways in which cosign signs in its older formats."""
    made = ways.way(request.param, key, sigstore, tmp_path_factory.mktemp("older"))
    return ways.older(made, sigstore)


def test_we_accept_what_cosign_signs_in_the_older_formats(
    cosign: Cosign, older: Way, unsigned: Image, other: Key, sigstore: LiveSigstore
) -> None:
    cosign_signs(cosign, older, unsigned)
    for name in unsigned.names:
        cosign("verify", *older.cosign_verify, name)
    accepted(older, unsigned.names)
    for stranger in ways.strangers(older, other, sigstore):
        cosign.refuses("verify", *stranger.cosign_verify, unsigned.tag)
        refused(stranger.verify, unsigned.tag, older.folder)


def test_we_accept_what_cosign_attests_in_the_older_format(
    cosign: Cosign, older: Way, unsigned: Image, predicate: Callable[[str], Path]
) -> None:
    cosign_signs(cosign, older, unsigned)
    cosign_attests(cosign, older, unsigned, predicate)
    accepted(older, unsigned.names, *TYPES_HERE)
    if older.name != "key":  # cosign stamps the signature and looks for a stamp of the whole layer
        flags = (*older.cosign_verify, "--type", "spdxjson")
        cosign.refuses("verify-attestation", *flags, unsigned.each[0])


def test_evidence_of_both_lives_side_by_side(
    cosign: Cosign, way: Way, unsigned: Image, sigstore: LiveSigstore, tmp_path: Path
) -> None:
    theirs = ways.way("key", Key(cosign.key, cosign.pub, {}), sigstore, tmp_path)
    top = f"{unsigned.repository}@{unsigned.index}"
    imgforge("sign", *way.sign, "--no-recursive", top, cwd=way.folder, env=way.env)
    cosign_signs(cosign, theirs, unsigned)
    imgforge("sign", *way.sign, unsigned.tag, cwd=way.folder, env=way.env)
    for each in (way, theirs):
        cosign_accepts(cosign, each, unsigned, attested=False)
        accepted(each, unsigned.names)


def alone(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run our command line where there is no network, not even loopback."""
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    command = Path(sys.executable).with_name("imgforge")
    return run("unshare", *as_root, "--net", command, *arguments, cwd=cwd)


def move(source: Layout, referrer: Descriptor, registry: Registry, subject: str) -> None:
    """Attach a layout's referrer to another image, as whoever may push could."""
    manifest = source.read_json(referrer)
    found = registry.find(subject)
    assert found is not None
    manifest["subject"] = found[0].to_json()
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout.create(Path(folder) / "layout")
        for blob in references(manifest):
            layout.import_blob(source, blob)
        top = layout.add_json(manifest, MANIFEST)
        referrers.attach(registry, layout, [top])
