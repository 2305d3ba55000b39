"""An image that somebody changed after its spec was reviewed, by a real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import copy_example, docker, imgforge

NAME = "imgforge-test/drifted:1"


@pytest.fixture
def project(engine: str, tmp_path: Path) -> Iterator[Path]:  # noqa: ARG001 - it must run
    project = copy_example("python-web", tmp_path / "python-web")
    imgforge("build", "--engine", "native", "--load", "--tag", "drift", cwd=project)
    yield project
    docker("image", "rm", "--force", NAME, "acme/notes:drift", code=None)


def drift(project: Path, image: str, code: int) -> list[dict[str, Any]]:
    done = imgforge(
        *("check", "--format", "json", "--spec", "imgforge.toml", f"docker-daemon:{image}"),
        cwd=project,
        code=code,
    )
    (report,) = json.loads(done.stdout)["subjects"]
    return [
        finding for finding in report["findings"] if finding["check"].startswith(("IF08", "IF19"))
    ]


def test_what_was_built_from_the_spec_has_no_drift(project: Path) -> None:
    assert drift(project, "acme/notes:drift", 0) == []


def test_a_change_by_hand_is_found_file_by_file(project: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    (context / "evil-6.6.dist-info").mkdir(parents=True)
    (context / "evil-6.6.dist-info/METADATA").write_text("Name: evil\nVersion: 6.6\n")
    (context / "helper").write_text("x")
    (context / "Dockerfile").write_text(
        "FROM acme/notes:drift\n"
        "COPY evil-6.6.dist-info /opt/deps/evil-6.6.dist-info\n"
        "COPY helper /usr/local/bin/helper\n"
        "COPY helper /app/notes/helper\n"
        "ENV LOG_LEVEL=debug\n"
        "USER 1234\n"
    )
    docker("build", "--quiet", "--tag", NAME, context)
    found = drift(project, NAME, 10)
    assert {finding["check"] for finding in found} == {"IF080", "IF081", "IF084", "IF191"}
    said = " ".join(finding["message"] for finding in found)
    for part in (
        "User is '1234'",
        "LOG_LEVEL",
        "/usr/local/bin/helper",
        "/app/notes/helper",
        "evil 6.6",
    ):
        assert part in said
