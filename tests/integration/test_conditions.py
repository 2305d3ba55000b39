"""Conditions on what other people's tools write, and on a project in a real repository."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Example, copy_example, imgforge, run, tool

from imgforge.oci.layout import Layout
from imgforge.oci.types import MANIFEST, Descriptor
from imgforge.signing.statement import CYCLONEDX, FINDINGS, PROVENANCE, PROVENANCES, SPDX
from imgforge.verify.conditions import Judged, held
from imgforge.verify.demand import Attested

TODAY = dt.datetime.now(dt.UTC).date()
NOBODY = Descriptor(MANIFEST, "sha256:" + "a" * 64, 1)
URL = "https://example.com/acme/hello"


def reasons(predicate: object, kind: str, **demand: Any) -> list[str]:  # noqa: ANN401
    subject = Judged(NOBODY.digest, None, NOBODY, TODAY)
    return held(Attested(kind, **demand), predicate, subject)


@pytest.fixture(params=["binary", "python-web"])
def example(request: pytest.FixtureRequest, built: Callable[[str, str], Example]) -> Example:
    return built(request.param, "native")


def test_the_sboms_of_syft_and_trivy_are_true_of_our_images(
    example: Example, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    reference = f"oci:{example.layout}:{example.name.rpartition(':')[2]}"
    run(tool("skopeo"), "copy", "--quiet", "--preserve-digests", reference, f"oci:{alone}")
    # Without what it takes programs for by their bytes: no package manager knows of those.
    syft = [tool("syft"), "scan", f"oci-dir:{alone}", "--quiet"]
    syft += ["--select-catalogers=-binary", "--output"]
    trivy = [tool("trivy"), "image", "--quiet", "--skip-db-update", "--offline-scan", "--input"]
    trivy += [str(alone), "--format"]
    layout = Layout.open(example.layout)
    (image,) = [d for d in layout.index() if d.digest == example.digest]
    for command, kind in (
        ([*syft, "spdx-json"], SPDX),
        ([*syft, "cyclonedx-json"], CYCLONEDX),
        ([*trivy, "spdx-json"], SPDX),
        ([*trivy, "cyclonedx"], CYCLONEDX),
    ):
        document = json.loads(run(*command).stdout)
        demand = Attested(kind, true=True)
        assert held(demand, document, Judged(image.digest, layout, image, TODAY)) == []
        listed = document["packages" if kind == SPDX else "components"]
        listed.remove(next(one for one in listed if "pkg:deb" in json.dumps(one)))
        assert held(demand, document, Judged(image.digest, layout, image, TODAY))


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    return run("git", *identity, *arguments, cwd=folder).stdout.strip()


def test_a_build_names_its_commit_and_is_made_again_for_another(tmp_path: Path) -> None:
    project = copy_example("binary", tmp_path / "binary")
    (project / ".gitignore").write_text(".imgforge\n")
    git(project, "init", "--quiet", "--initial-branch", "main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "one")
    git(project, "remote", "add", "origin", URL.replace("://", "://job:word@") + ".git")

    def build() -> tuple[str, str, dict[str, Any]]:
        done = imgforge("build", "--engine", "native", cwd=project)
        text = (project / ".imgforge/evidence/provenance.json").read_text()
        assert "word" not in text
        return done.stdout, done.stderr, json.loads(text)

    def judged(predicate: object) -> list[str]:
        lock = project / "imgforge.lock"
        return reasons(
            predicate, PROVENANCE, source=f"{URL}.git", ref="refs/heads/main", locked=lock
        )

    image, _, first = build()
    assert judged(first) == []
    assert git(project, "rev-parse", "HEAD") in json.dumps(first)
    assert "nothing changed" in build()[1]
    git(project, "commit", "--quiet", "--allow-empty", "--message", "two")
    again, said, second = build()
    assert again == image
    assert "nothing changed" not in said
    assert git(project, "rev-parse", "HEAD") in json.dumps(second)
    with (project / "server").open("ab") as file:
        file.write(b"changed")
    (reason,) = judged(build()[2])
    assert "dirty is true" in reason
    found = json.loads((project / ".imgforge/evidence/findings.json").read_bytes())
    assert reasons(found, FINDINGS, below="critical", max_age=1) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a checkout that has an origin on the web, and that git itself can serve."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    git(folder, "remote", "add", "origin", f"{URL}.git")
    return folder


@pytest.fixture
def served(repository: Path) -> Iterator[str]:
    """Serve the repository's folder; return its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *("git", "daemon", "--export-all", "--listen=127.0.0.1", f"--port={port}"),
            f"--base-path={repository.parent}",
        ],
        start_new_session=True,
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/web"
    finally:
        subprocess.run(["kill", "--", f"-{server.pid}"], check=True)  # noqa: S607
        server.wait(10)


def provenance(context: str | Path, version: str, folder: Path) -> tuple[str, object]:
    """Build ``context`` with BuildKit; return its provenance and the type of that."""
    archive = folder / "image.tar"
    run(
        *(tool("docker"), "buildx", "build", f"--provenance=mode=max,version={version}"),
        *("--quiet", "--output", f"type=oci,dest={archive}", context),
        env={"BUILDX_GIT_CHECK_DIRTY": "1"},
    )
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            data = file.read() if file else b""
            if b'"predicateType"' in data and data.startswith(b'{"_type"'):
                statement = json.loads(data)
                return statement["predicateType"], statement["predicate"]
    raise AssertionError(f"no statement in {archive}")


@pytest.mark.parametrize("version", ["v1", "v0.2"])
def test_buildkits_own_provenance_says_where_the_source_is(
    engine: str,  # noqa: ARG001 - it must run
    version: str,
    repository: Path,
    served: str,
    tmp_path: Path,
) -> None:
    kind, predicate = provenance(repository, version, tmp_path)
    assert kind == PROVENANCES[version == "v0.2"]
    assert reasons(predicate, kind, source=f"{URL}*") == []
    assert reasons(predicate, kind, source="https://example.com/evil/*")
    with (repository / "Dockerfile").open("a") as file:
        file.write("# changed\n")
    kind, predicate = provenance(repository, version, tmp_path)
    (reason,) = reasons(predicate, kind, source=URL)
    assert "-dirty', which is no commit" in reason
    kind, predicate = provenance(f"{served}#main", version, tmp_path)
    assert reasons(predicate, kind, source=served, ref="main") == []
    (reason,) = reasons(predicate, kind, source=served, ref="v*")
    assert "the ref is 'main', not 'v*'" in reason
