"""Provenance that would have a rebuild read, run or fetch something else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import heldproject
import pytest

from imgforge.errors import ImgforgeError, InvalidInputError
from imgforge.provenance.told import Material, Told
from imgforge.rebuilding import origin

COMMIT = "c" * 40


def told(uri: str, folder: object = "", commit: str = COMMIT, spec: str = "imgforge.toml") -> Told:
    source = Material(uri, "source", {"gitCommit": commit}, {"folder": folder} if folder else {})
    named = Material(f"file:{spec}", "spec", {"sha256": "1" * 64}, {})
    return Told("t", "b", {}, "", "", "", {}, {}, (source, named))


def find(what: Told, folder: Path, *, fetch: bool = True) -> None:
    with origin.found(what, origin.Place(folder, fetch), lambda _: None):
        pass


@pytest.mark.parametrize(
    "uri",
    [
        "git+ext::sh -c touch% x",
        "git+file:///etc",
        "git+http://example.com/x",
        "git+git://example.com/x",
        "git+https://example.com/x y",
        "git+https://example.com/x?token=1",
        "git+https://example.com",
        "--upload-pack=touch x",
        "git+https:///x",
        "https://example.com/x",
        "",
    ],
)
def test_only_plain_repositories_are_fetched(uri: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="which is not fetched"):
        find(told(uri), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("commit", ["HEAD", "--all", "c" * 39, "C" * 40, ""])
def test_a_commit_is_hexadecimal(commit: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not those that the image was made from"):
        find(told("git+https://example.com/x", commit=commit), tmp_path)


@pytest.mark.parametrize("folder", ["/etc", "../other", "a/../../b", 7, "a\nb"])
def test_the_project_lies_in_its_repository(
    folder: object, tmp_path: Path, made_lock: heldproject.MakeLock
) -> None:
    root = heldproject.write(tmp_path / "project", made_lock)
    commit = heldproject.commit(root)
    with pytest.raises(InvalidInputError, match="the project's folder in the repository is"):
        find(told("", folder, commit), root, fetch=False)


def test_the_spec_lies_in_its_folder(tmp_path: Path, made_lock: heldproject.MakeLock) -> None:
    root = heldproject.write(tmp_path / "project", made_lock)
    (tmp_path / "elsewhere.toml").write_text("")
    what = told("", "", heldproject.commit(root), "../elsewhere.toml")
    with pytest.raises(InvalidInputError) as caught:
        find(what, root, fetch=False)
    assert "elsewhere" not in str(caught.value.details)


def test_hooks_of_the_checkout_do_not_run(tmp_path: Path, made_lock: heldproject.MakeLock) -> None:
    root = heldproject.write(tmp_path / "project", made_lock)
    commit = heldproject.commit(root)
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = root / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    heldproject.git(root, "config", "core.fsmonitor", f"touch {tmp_path}/ran; true")
    with pytest.raises(ImgforgeError):
        find(told("", "", commit), root, fetch=False)
    assert not (tmp_path / "ran").exists()


def test_nothing_that_the_checkout_is_set_to_runs(
    tmp_path: Path, made_lock: heldproject.MakeLock
) -> None:
    root = heldproject.write(tmp_path / "project", made_lock)
    commit = heldproject.commit(root)
    runs = f"sh -c 'touch {tmp_path}/ran; false'"
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": str(root),
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": runs,
        "core.alternateRefsCommand": runs,
        "core.sshCommand": runs,
        "core.pager": runs,
        "uploadpack.packObjectsHook": runs,
        "filter.evil.smudge": runs,
        "filter.evil.required": "true",
    }.items():
        heldproject.git(root, "config", name, value)
    (root / ".git/info/attributes").write_text("* filter=evil\n")
    blob = heldproject.git(root, "rev-parse", f"{commit}:imgforge.toml").strip()
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    # The folder itself no longer has what was built, so the commit is asked for.
    with pytest.raises(ImgforgeError):
        find(told("", "", commit), root, fetch=False)
    assert not (tmp_path / "ran").exists()


def test_several_sources_are_none(tmp_path: Path) -> None:
    one = told("git+https://example.com/x")
    two = dataclasses.replace(one, materials=(*one.materials, one.materials[0]))
    with pytest.raises(InvalidInputError, match="not those that the image was made from"):
        find(two, tmp_path)
