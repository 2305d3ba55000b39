"""Locks that the real tools wrote, of small projects (tests/data/locks)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import locks
from imgforge.locks.locked import Entry

DATA = Path(__file__).parents[2] / "data/locks"
MS = ("ms@2.1.3",)
NODE = {
    "@types/ms@2.1.0": ("required", ()),
    "debug@4.4.3": ("required", MS),
    "fsevents@2.3.3": ("optional", ()),
    "mkdirp@3.0.1": ("dev", ()),
    "ms@2.1.3": ("required", ()),
}
PYTHON = {
    "click@8.5.1": ("required", ()),
    "h11@0.16.0": ("optional", ()),
    "iniconfig@2.3.1": ("dev", ()),
}


def read(folder: str) -> tuple[str, tuple[Entry, ...]]:
    (name,) = (p.name for p in (DATA / folder).iterdir() if locks.known(p.name))
    return name, locks.load(DATA / folder, name).entries


def shown(entries: tuple[Entry, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {entry.key: (entry.scope, entry.needs) for entry in entries}


@pytest.mark.parametrize("folder", ["npm-1", "npm-2", "npm-3", "pnpm-6", "pnpm-9", "bun"])
def test_node_with_scopes(folder: str) -> None:
    assert shown(read(folder)[1]) == NODE


@pytest.mark.parametrize("folder", ["yarn-1", "yarn-berry"])
def test_yarn_says_nothing_of_scopes(folder: str) -> None:
    wanted = {key: ("required", needs) for key, (_, needs) in NODE.items()}
    if folder == "yarn-berry":
        del wanted["fsevents@2.3.3"]  # its project has no optional dependency
    name, entries = read(folder)
    assert shown(entries) == wanted
    assert not locks.load(DATA / folder, name).scoped


@pytest.mark.parametrize("folder", ["npm-2", "npm-3", "pnpm-6", "pnpm-9", "bun"])
def test_platforms_of_node_packages(folder: str) -> None:
    assert {e.title: e.os for e in read(folder)[1] if e.os} == {"fsevents": ("darwin",)}


@pytest.mark.parametrize("folder", ["npm-1", "npm-2", "npm-3", "pnpm-6", "pnpm-9", "bun", "yarn-1"])
def test_hashes_of_node_packages(folder: str) -> None:
    (debug,) = (entry for entry in read(folder)[1] if entry.name == "debug")
    (digest,) = debug.hashes
    assert digest.startswith("sha512:446c305a7c10")
    assert (debug.namespace, debug.name) == ("", "debug")
    scoped = next(entry for entry in read(folder)[1] if entry.namespace)
    assert (scoped.namespace, scoped.name) == ("@types", "ms")


def test_npm_says_where_a_package_lies() -> None:
    for folder in ("npm-1", "npm-2", "npm-3"):
        places = {e.place for e in read(folder)[1]}
        assert "node_modules/@types/ms" in places


@pytest.mark.parametrize("folder", ["uv", "poetry"])
def test_python_with_scopes(folder: str) -> None:
    assert shown(read(folder)[1]) == PYTHON


@pytest.mark.parametrize("folder", ["uv", "poetry", "pdm", "pipenv", "pylock"])
def test_hashes_of_python_packages(folder: str) -> None:
    click = next(entry for entry in read(folder)[1] if entry.name == "click")
    assert click.hashes == (
        "sha256:8bb5376d2006950386f8c6427613334a2acadc5f559cb80e638d00b4df957e37",
        "sha256:9bbfada76703fd1d784b83eea012e3e8c6a001a876543ef104fa56aaaeb072b4",
    )


def test_pipenv() -> None:
    assert shown(read("pipenv")[1]) == {
        "click@8.5.1": ("required", ()),
        "iniconfig@2.3.1": ("dev", ()),
    }


def test_cargo() -> None:
    assert shown(read("cargo")[1]) == {
        "a@0.1.0": ("required", ("b@0.2.0",)),
        "b@0.2.0": ("required", ()),
    }


def test_go_with_its_sums() -> None:
    found = {entry.title: entry for entry in read("go")[1]}
    assert list(found) == [
        "github.com/cpuguy83/go-md2man/v2",
        "github.com/inconshreveable/mousetrap",
        "github.com/spf13/pflag",
        "gopkg.in/yaml.v3",
    ]
    flags = found["github.com/spf13/pflag"]
    assert (flags.namespace, flags.name, flags.version) == ("github.com/spf13", "pflag", "v1.0.5")
    assert all(e.hashes[0].startswith("h1:") and len(e.hashes) == 1 for e in found.values())


def test_bundler() -> None:
    assert shown(read("bundler")[1]) == {
        "one@1.2.0": ("required", ("two@1.2.0",)),
        "two@1.2.0": ("required", ()),
    }


def test_composer() -> None:
    assert shown(read("composer")[1]) == {
        "acme/lib@1.2.0": ("required", ()),
        "acme/testing@2.0.0": ("dev", ("acme/lib@1.2.0",)),
    }


@pytest.mark.parametrize("folder", sorted(p.name for p in DATA.iterdir()))
def test_every_line_is_the_one_that_names_the_package(folder: str) -> None:
    name, entries = read(folder)
    text = (DATA / folder / name).read_text(encoding="utf-8").splitlines()
    for entry in entries:
        near = "\n".join(text[entry.line - 1 : entry.line + 2])
        assert entry.name in near, (entry, near)
