"""Catalogs whose owner, or whoever sits between, means harm."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import madestack
import pytest
import signedbase
from fakeregistry import FakeRegistry, Reply, Seen, serve
from madestack import NAME, archive, special
from signedbase import signer

from imgforge import collection, project, signing
from imgforge.catalogs import artifact, opening, publication, tree
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import How, Opened
from imgforge.cli import main
from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError, RegistryError
from imgforge.oci.layout import Layout
from imgforge.oci.types import EMPTY, EMPTY_JSON, MANIFEST
from imgforge.signing.signer import KeySigner

GOOD = {"stack.toml": b"x", "a/b.txt": b"y"}


def opened(release: str = "") -> Opened:
    return opening.open_stack(Wanted(NAME, "", release), lambda: None, How(resolve=True))


class Placed:
    """A registry with one catalog in the settings, and its owner's key."""

    def __init__(self, registry: FakeRegistry, folder: Path) -> None:
        self.registry, self.folder, self.key = registry, folder, signer()
        self.prefix = f"{registry.place}/stacks"

    def put(
        self,
        tag: str,
        files: tree.Files | None = None,
        by: KeySigner | None = None,
        **changes: Any,  # noqa: ANN401 - JSON
    ) -> None:
        """Put a signed artifact, with ``changes`` of its manifest, under ``tag``."""
        own = madestack.write(self.folder / f"made-{tag}", tag)
        layout = Layout.create(self.folder / f"layout-{tag}")
        data = changes.pop("data", None)
        found = tree.of_folder(own) if files is None else files
        layer = layout.add(tree.pack(found) if data is None else data, artifact.LAYER).to_json()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact.TYPE,
            "config": layout.add(EMPTY_JSON, EMPTY).to_json(),
            "layers": [{**layer, **changes.pop("layer", {})}],
        }
        top = layout.add_json({**manifest, **changes}, MANIFEST)
        for blob in (layer, manifest["config"]):
            assert isinstance(blob, dict)
            self.registry.blobs[blob["digest"]] = layout.blob_path(blob["digest"]).read_bytes()
        self.registry.manifests[top.digest] = (MANIFEST, layout.read(top))
        self.registry.tags[tag] = top.digest
        sealer = signing.KeySealer(by or self.key)
        for each in signing.sign_image(layout, top, sealer, name="stack", created=1):
            signedbase.put(self.registry, layout, each)


@pytest.fixture
def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Placed]:
    with serve(FakeRegistry(referrers_api=True)) as registry:
        made = Placed(registry, tmp_path)
        (tmp_path / "acme.pub").write_bytes(made.key.public_key.to_pem())
        place = {"name": "acme", "registry": made.prefix, "stacks": [NAME], "key": "acme.pub"}
        madestack.configure(monkeypatch, tmp_path, place)
        yield made


def test_a_signed_artifact_is_taken(placed: Placed) -> None:
    placed.put("1.2.0")
    assert opened().pin.version == "1.2.0"


def test_an_older_version_under_a_newer_tag_is_refused(placed: Placed) -> None:
    placed.put("1.0.0")
    placed.registry.tags["9.0.0"] = placed.registry.tags["1.0.0"]
    with pytest.raises(EvidenceError, match=r"is version 1\.0\.0 of the stack, not 9\.0\.0"):
        opened()
    assert opened("^1").pin.version == "1.0.0"


@pytest.mark.parametrize(
    "changes",
    [
        {"artifactType": "application/vnd.oci.image.layer.v1.tar"},
        {"artifactType": None},
        {"layer": {"mediaType": artifact.LAYER + "+gzip"}},
        {"layer": {"size": tree.MAX_ARCHIVE + 1}},
        {"layer": {"size": 1}},
        {"layers": []},
        {"data": gzip.compress(bytes(64 << 20))},
        {"data": archive(("../../evil", b"x"))},
        {"data": archive(special(tarfile.SYMTYPE, "stack.toml", "/etc/passwd"))},
        {"subject": {}, "layer": {"digest": "sha256:" + "0" * 64}},
    ],
)
def test_other_artifacts_and_bombs_are_refused_though_they_are_signed(
    changes: dict[str, Any], placed: Placed
) -> None:
    placed.put("1.0.0", **changes)
    with pytest.raises(RegistryError):
        opened()


def test_what_the_registry_changes_on_the_way_is_refused(placed: Placed) -> None:
    placed.put("1.0.0")
    digest = placed.registry.tags["1.0.0"]
    layer = json.loads(placed.registry.manifests[digest][1])["layers"][0]["digest"]
    placed.registry.blobs[layer] = tree.pack(GOOD)
    with pytest.raises(ImgforgeError):
        opened()


def test_another_stack_under_the_name_is_refused(placed: Placed) -> None:
    other = madestack.write(placed.folder / "other", "1.0.0", name="other")
    placed.put("1.0.0", files=tree.of_folder(other))
    with pytest.raises(InvalidInputError, match="is not valid"):
        opened()


def test_a_stack_that_somebody_else_signed_is_refused_and_not_unpacked(placed: Placed) -> None:
    placed.put("1.0.0", by=signer())
    with pytest.raises(EvidenceError, match="no valid signature"):
        opened()
    layer = json.loads(placed.registry.manifests[placed.registry.tags["1.0.0"]][1])["layers"][0]
    assert not placed.registry.calls("GET", layer["digest"])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {}, b"no json"),
        Reply(200, {}, b'{"tags": {"1.0.0": 1}}'),
        Reply(200, {}, b'{"tags": [1]}'),
        Reply(200, {"Link": '<https://evil.example/v2/x>; rel="next"'}, b'{"tags": ["1.0.0"]}'),
        Reply(200, {"Link": '</v2/x/tags/list?again>; rel="next"'}, b'{"tags": ["1.0.0"]}'),
    ],
)
def test_a_list_of_tags_that_lies_or_never_ends_is_an_error(reply: Reply, placed: Placed) -> None:
    def fault(seen: Seen) -> Reply | None:
        return reply if "/tags/" in seen.path else None

    placed.registry.fault = fault
    with pytest.raises(RegistryError, match="lists its tags"):
        opened()


def test_a_spoiled_cache_is_fetched_again(placed: Placed) -> None:
    placed.put("1.0.0")
    pin = opened().pin
    cached = Path(os.environ["IMGFORGE_CACHE"]) / "stacks" / "blobs" / "sha256"
    for path in cached.iterdir():
        path.chmod(0o644)
        path.write_bytes(b"spoiled")
    again = opening.open_stack(Wanted(NAME), lambda: pin, How())
    assert again.pin == pin


def test_pull_writes_nothing_that_was_not_verified(
    placed: Placed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(placed.folder)
    placed.put("1.0.0", by=signer())
    before = sorted(placed.folder.iterdir())
    assert main.main(["stack", "pull", NAME]) == 5
    assert sorted(placed.folder.iterdir()) == before
    placed.put("1.1.0")
    assert main.main(["stack", "pull", f"acme/{NAME}@^1.1"]) == 0
    assert (placed.folder / NAME / "stack.toml").is_file()
    assert main.main(["stack", "pull", NAME]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_version_never_gets_another_content(placed: Placed, tmp_path: Path) -> None:
    own = madestack.write(tmp_path / "mine", "1.0.0")
    first = madestack.publish(own, placed.prefix, placed.key)
    assert first.new
    again = madestack.publish(own, placed.prefix, placed.key)
    assert (again.digest, again.new) == (first.digest, False)
    (own / "README.md").write_text("other papers\n")
    with pytest.raises(InvalidInputError, match=r"has version 1\.0\.0 already"):
        madestack.publish(own, placed.prefix, placed.key)
    assert placed.registry.tags["1.0.0"] == first.digest


def test_a_directory_takes_newer_versions_only(tmp_path: Path) -> None:
    def put(version: str, **files: str) -> publication.Published:
        own = madestack.write(tmp_path / "mine", version, **files)
        found = publication.read(own)
        return publication.into_directory(found, tmp_path / "catalog", say=lambda _: None)

    assert put("1.1.0").new
    assert not put("1.1.0").new
    with pytest.raises(InvalidInputError, match=r"has version 1\.1\.0 already"):
        put("1.1.0", **{"README.md": "x"})
    with pytest.raises(InvalidInputError, match=r"has version 1\.1\.0 already"):
        put("1.0.9")
    assert put("1.2.0").new
    kept = [path.name for path in (tmp_path / "catalog").iterdir()]
    assert kept == [NAME]
    assert publication.read(tmp_path / "catalog" / NAME).version == "1.2.0"


def test_a_registry_gets_nothing_unsigned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = madestack.write(tmp_path)
    assert main.main(["stack", "publish", str(own), "--to", "registry.example/stacks"]) == 2
    assert "a registry's stacks are signed" in capsys.readouterr().err
    assert main.main(["stack", "publish", str(own), "--to", "registry.example/x:1.0"]) == 2
    assert "name and version are the stack's own" in capsys.readouterr().err


def test_settings_that_name_a_stranger_do_not_shadow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack called as one of imgforge's is never taken for it."""
    madestack.write(tmp_path / "stacks", name="binary")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    root = tmp_path / "project"
    root.mkdir()
    (root / "imgforge.toml").write_text(
        '[image]\nname = "a/b"\n[stack]\nname = "binary"\n[app]\nsource = ["x"]\n'
        'entrypoint = ["/app/x"]\n'
    )
    with pytest.raises(InvalidInputError, match="several catalogs"):
        project.load(root)


def test_what_was_collected_is_fetched_again(placed: Placed) -> None:
    placed.put("1.0.0")
    pin = opened().pin
    cached = Path(os.environ["IMGFORGE_CACHE"]) / "stacks" / "blobs" / "sha256"
    held = sorted(cached.iterdir())
    for path in held:
        if path.name != pin.revision.removeprefix("sha256:"):
            path.unlink()  # the layer alone
    with pytest.raises(ImgforgeError):
        opening.open_stack(Wanted(NAME), lambda: pin, How(offline=True))
    assert opening.open_stack(Wanted(NAME), lambda: pin, How()).pin == pin
    assert sorted(cached.iterdir()) == held


def test_using_a_cached_stack_keeps_it_from_the_collection(placed: Placed) -> None:
    placed.put("1.0.0")
    pin = opened().pin
    cached = Path(os.environ["IMGFORGE_CACHE"]) / "stacks" / "blobs" / "sha256"
    for path in cached.iterdir():
        os.utime(path, (1, 1))
    opening.open_stack(Wanted(NAME), lambda: pin, How(offline=True))
    assert not any(freed.kind == "stacks" for freed in collection.collect(30))
