from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.sources import name as names
from imgforge.sources.name import Name, parse


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Layout.create(Path("layout"))
    Path("project").mkdir()
    for name in ("imgforge.toml", "image.tar", "a:b", "Dockerfile", "web.Dockerfile"):
        Path(name).touch()
    for name in ("Dockerfile.dev", "Containerfile", "dockerfile.tar.txt"):
        Path(name).touch()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (".", names.PROJECT),
        ("project", names.PROJECT),
        ("imgforge.toml", names.PROJECT),
        ("layout", names.LAYOUT),
        ("layout/index.json", names.LAYOUT),
        ("image.tar", names.ARCHIVE),
        ("a:b", names.ARCHIVE),
        ("Dockerfile", names.DOCKERFILE),
        ("Dockerfile.dev", names.DOCKERFILE),
        ("web.Dockerfile", names.DOCKERFILE),
        ("Containerfile", names.DOCKERFILE),
        ("alpine", names.REGISTRY),
        ("docker:24", names.REGISTRY),
        ("registry:2", names.REGISTRY),
        ("localhost:5000/a/b@sha256:" + "0" * 64, names.REGISTRY),
    ],
)
def test_what_a_name_means_without_a_prefix(text: str, kind: str) -> None:
    assert parse(text) == Name(kind, text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker://layout", Name(names.REGISTRY, "layout")),
        ("docker-daemon:acme/web:1", Name(names.DAEMON, "acme/web:1")),
        ("dockerfile:image.tar", Name(names.DOCKERFILE, "image.tar")),
        ("oci:layout", Name(names.LAYOUT, "layout")),
        ("oci:layout:1.0", Name(names.LAYOUT, "layout", "1.0")),
        ("oci-archive:image.tar:1", Name(names.OCI_ARCHIVE, "image.tar", "1")),
        ("oci-archive:a:b", Name(names.OCI_ARCHIVE, "a:b")),
        ("docker-archive:image.tar:r.io:5000/a:1",
         Name(names.DOCKER_ARCHIVE, "image.tar", "r.io:5000/a:1")),
    ],
)  # fmt: skip
def test_a_prefix_says_exactly(text: str, name: Name) -> None:
    assert parse(text) == name


@pytest.mark.parametrize(
    "text",
    ["./nothing", "/nothing", "nothing.tar", "nothing.tar.gz", "a\0b", "-", "", "Upper/Case",
     "\udcff", "x" * 5000, "oci:nothing", "oci-archive:nothing:1", "docker://Upper", "dockerfile:"],
)  # fmt: skip
def test_what_is_nothing_is_answered_with_all_that_is_possible(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(text)
    assert caught.value.hint
    assert "docker://" in caught.value.hint or "registry/repository" in caught.value.hint
