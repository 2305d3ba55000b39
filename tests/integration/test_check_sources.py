"""The same image, wherever it lies, gives the same findings; what is broken on the way is told.

skopeo carries one image with faults to every transport there is; the engine and the registry are
real ones.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import madeimage as made
import madesecrets
import pytest
import savedimage
import signedbase
from fakeregistry import FakeRegistry, Reply, Seen, serve
from running import docker, imgforge, run, tool

from imgforge.oci.layout import Layout
from imgforge.oci.types import INDEX, Platform

NAME = "imgforge-test/sources:1"


def checked(name: str, *more: str, code: int = 10, folder: Path = Path()) -> list[dict[str, Any]]:
    """Check ``name`` with every layer read anew; return the reports."""
    arguments = ("check", "--no-cache", "--format", "json", *more, name)
    done = imgforge(*arguments, cwd=folder, code=code)
    value = json.loads(done.stdout)
    reports: list[dict[str, Any]] = value["subjects"]
    return reports


def found(name: str, *more: str) -> set[tuple[str, str]]:
    """Return rule and fingerprint of all that is found in ``name``."""
    (report,) = checked(name, *more)
    return {(finding["check"], finding["fingerprint"]) for finding in report["findings"]}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the layout of an image with faults, for two platforms."""
    layout = Layout.create(tmp_path_factory.mktemp("sources") / "layout")
    secret = madesecrets.checked("ghp_").encode()
    lower = made.tar(
        made.file("etc/passwd", made.PASSWD),
        made.file("bin/sh", b"\x7fELF", 0o755),
        made.file("usr/bin/su", b"\x7fELF", 0o4755),
        made.file("app/token", secret),
    )
    upper = made.tar(made.file("app/run", b"x", 0o755), made.file("app/.wh.token", b""))
    images = []
    for machine in ("amd64", "arm64"):
        image = made.add(layout, [lower, upper], architecture=machine, config={"User": "root"})
        images.append(dataclasses.replace(image, platform=Platform("linux", machine)).to_json())
    top = layout.add_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}, INDEX)
    layout.write_index([top])
    return layout.path


@pytest.fixture(scope="module")
def expected(layout: Path) -> set[tuple[str, str]]:
    """Return what is found in the layout."""
    everything = found(str(layout))
    assert {"IF001", "IF010", "IF020"} <= {check for check, _ in everything}
    return everything


def skopeo(*arguments: str | Path) -> None:
    run(tool("skopeo"), "--insecure-policy", "copy", "--quiet", *arguments)


@pytest.fixture(scope="module")
def loaded(engine: str, layout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:  # noqa: ARG001
    """Put the image into Docker's store."""
    archive = tmp_path_factory.mktemp("load") / "image.tar"
    skopeo("--override-arch=amd64", f"oci:{layout}", f"docker-archive:{archive}:{NAME}")
    docker("load", "--quiet", "--input", archive)
    yield NAME
    docker("image", "rm", "--force", NAME)


Carry = Callable[[Path, Path], str]


def _oci_archive(layout: Path, folder: Path) -> str:
    skopeo("--all", f"oci:{layout}", f"oci-archive:{folder}/image.tar:1")
    return f"{folder}/image.tar"


def _packed(layout: Path, folder: Path) -> str:
    plain = Path(_oci_archive(layout, folder))
    (folder / "image.tgz").write_bytes(gzip.compress(plain.read_bytes(), 1))
    return f"{folder}/image.tgz"


def _docker_archive(layout: Path, folder: Path) -> str:
    skopeo("--override-arch=arm64", f"oci:{layout}", f"docker-archive:{folder}/image.tar:{NAME}")
    return f"docker-archive:{folder}/image.tar:{NAME}"


def _layout(layout: Path, folder: Path) -> str:
    skopeo("--all", f"oci:{layout}", f"oci:{folder}/copy:1")
    return f"oci:{folder}/copy:1"


@pytest.mark.parametrize("carry", [_layout, _oci_archive, _packed, _docker_archive])
def test_files_give_the_same_findings(
    carry: Carry, layout: Path, expected: set[tuple[str, str]], tmp_path: Path
) -> None:
    assert found(carry(layout, tmp_path)) == expected


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_a_registry_gives_the_same_findings(
    form: str, registry: str, layout: Path, expected: set[tuple[str, str]]
) -> None:
    name = f"{registry}/acme/{form}:1"
    skopeo(
        "--all", "--format", form, "--dest-tls-verify=false", f"oci:{layout}", f"docker://{name}"
    )
    assert found(name) == expected
    assert found(f"docker://{name}", "--platform", "linux/arm64") == expected
    (report,) = checked(name)
    assert len(report["platforms"]) == 2


def test_dockers_store_and_what_it_saves_give_the_same_findings(
    loaded: str, expected: set[tuple[str, str]], tmp_path: Path
) -> None:
    assert found(f"docker-daemon:{loaded}") == expected
    docker("save", "--output", tmp_path / "saved.tar", loaded)
    assert found(f"{tmp_path}/saved.tar") == expected
    assert found(f"docker-archive:{tmp_path}/saved.tar") == expected


def test_several_places_are_one_report(
    loaded: str, layout: Path, expected: set[tuple[str, str]]
) -> None:
    names = [str(layout), f"docker-daemon:{loaded}"]
    done = imgforge("check", *names, "--format", "json", cwd=layout, code=10)
    reports = json.loads(done.stdout)["subjects"]
    assert [report["subject"] for report in reports] == names
    for report in reports:
        assert {(f["check"], f["fingerprint"]) for f in report["findings"]} == expected


def test_what_docker_has_not_is_said(engine: str) -> None:  # noqa: ARG001
    done = imgforge("check", "docker-daemon:imgforge-test/none", cwd=Path(), code=2)
    assert "has no image imgforge-test/none" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_registry_has_not_is_said(registry: str) -> None:
    done = imgforge("check", f"{registry}/acme/none:1", cwd=Path(), code=6)
    assert "no such image" in done.stderr
    done = imgforge("check", f"{registry}/acme/none:1", "--offline", cwd=Path(), code=2)
    assert "offline" in done.stderr


def test_attestations_of_buildkit_are_told_from_images(engine: str, tmp_path: Path) -> None:  # noqa: ARG001
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /app\nUSER 1000:1000\n")
    docker(
        *("buildx", "build", "--provenance=mode=max", "--platform", "linux/amd64,linux/arm64"),
        *("--output", f"type=oci,dest={tmp_path}/image.tar", tmp_path),
    )
    (report,) = checked(f"{tmp_path}/image.tar")
    platforms = sorted(image["platform"] for image in report["platforms"])
    assert platforms == ["linux/amd64", "linux/arm64"]
    layers = [m["layers"][0] for m in manifests((tmp_path / "image.tar").read_bytes())]
    statements = [x["digest"] for x in layers if x["mediaType"] == "application/vnd.in-toto+json"]
    assert len(statements) == 2
    changed = savedimage.changed(
        (tmp_path / "image.tar").read_bytes(),
        {"blobs/" + statements[0].replace(":", "/"): b"{}"},
    )
    (tmp_path / "image.tar").write_bytes(changed)
    done = imgforge("check", f"{tmp_path}/image.tar", cwd=tmp_path, code=5)
    assert statements[0] in done.stderr


def manifests(archive: bytes) -> Iterator[dict[str, Any]]:
    pending = [json.loads(savedimage.member(archive, "index.json"))]
    while pending:
        here = pending.pop()
        if "layers" in here:
            yield here
        for entry in here.get("manifests", []):
            name = "blobs/" + entry["digest"].replace(":", "/")
            pending.append(json.loads(savedimage.member(archive, name)))


@pytest.mark.parametrize("carry", [_oci_archive, _packed, _docker_archive])
def test_a_truncated_archive_is_one_clear_error(carry: Carry, layout: Path, tmp_path: Path) -> None:
    name = carry(layout, tmp_path)
    path = next(p for p in (tmp_path / "image.tgz", tmp_path / "image.tar") if p.exists())
    data = path.read_bytes().rstrip(b"\0")
    path.write_bytes(data[: len(data) // 2])
    done = imgforge("check", name, cwd=tmp_path, code=2)
    assert "is corrupt" in done.stderr
    assert "byte" in done.stderr
    assert done.stdout == ""


def test_a_layer_exchanged_in_a_layout_is_a_finding(layout: Path, tmp_path: Path) -> None:
    skopeo("--override-arch=amd64", f"oci:{layout}", f"oci:{tmp_path}/copy")
    copy = Layout.open(tmp_path / "copy")
    (image,) = copy.index()
    blob = copy.blob_path(copy.read_json(image)["layers"][0]["digest"])
    blob.write_bytes(made.packed(made.tar(made.file("harmless"))))
    assert "IF040" in {check for check, _ in found(str(copy.path))}
    blob.unlink()
    assert "IF040" in {check for check, _ in found(str(copy.path))}


def test_nothing_stays_behind_when_a_check_is_interrupted(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [made.tar(made.file("app"))])
    layer = layout.read_json(image)["layers"][0]["digest"]
    asked, ended = threading.Event(), threading.Event()

    def stall(seen: Seen) -> Reply | None:
        if seen.path.endswith(layer):
            asked.set()
            ended.wait(30)
        return None

    env = {**os.environ, "IMGFORGE_CACHE": str(tmp_path / "cache")}
    command = Path(sys.executable).with_name("imgforge")
    with serve(FakeRegistry(fault=stall)) as registry:
        signedbase.put(registry, layout, image, "1")
        with subprocess.Popen([command, "check", f"{registry.place}/acme/web:1"], env=env) as run:
            try:
                assert asked.wait(30)
                assert (tmp_path / "cache" / "spool").is_dir()
                run.terminate()
                assert run.wait(20) == 130
            finally:
                run.kill()
                ended.set()
    assert list((tmp_path / "cache" / "spool").iterdir()) == []
