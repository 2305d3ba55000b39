"""Locks made to hurt whoever reads them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge import locks, strictyaml
from imgforge.errors import InvalidInputError

NAMES = sorted(locks.FORMATS)
DATA = Path(__file__).parents[2] / "data/locks"
REAL = {
    path.name: path.read_text(encoding="utf-8")
    for path in sorted(DATA.glob("*/*"))
    if locks.known(path.name)
}


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_of_fifty_megabytes_is_an_error(name: str, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(50 << 20)
    start = time.process_time()
    with pytest.raises(InvalidInputError, match=f"{name} is over 16 MiB"):
        locks.load(tmp_path, name)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"\0" * 100, b"{" * 100_000, b"[" * 100_000],
    ids=["bytes", "zeros", "braces", "brackets"],
)
def test_what_is_no_lock_is_an_error(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidInputError) as told:
        locks.load(tmp_path, name)
    assert name in told.value.message


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith(".json")])
def test_deep_nesting_is_an_error(name: str) -> None:
    with pytest.raises(InvalidInputError, match="nested too deeply"):
        locks.read(name, '{"packages":' * 100_000 + "1" + "}" * 100_000)


def test_a_deep_tree_of_npm_1_is_read() -> None:
    text, depth = '{"version":"1.0.0"}', 180
    for number in range(depth):
        text = f'{{"version":"1.0.0","dependencies":{{"n{number}":{text}}}}}'
    assert len(locks.read("package-lock.json", text).entries) == depth


@pytest.mark.parametrize("count", [20_000])
def test_a_circle_of_many_packages(count: int) -> None:
    packages = {
        f"node_modules/n{i}": {"version": "1.0.0", "dependencies": {f"n{(i + 1) % count}": "1"}}
        for i in range(count)
    }
    start = time.process_time()
    value = {"lockfileVersion": 3, "packages": packages}
    found = locks.read("package-lock.json", json.dumps(value, indent=1)).entries
    assert found[-1].needs == ("n0@1.0.0",)
    toml = "version = 1\n" + "".join(
        f'[[package]]\nname = "n{i}"\nversion = "1"\ndependencies = ["n{(i + 1) % count}"]\n'
        for i in range(count)
    )
    assert locks.read("Cargo.lock", toml).entries[-1].needs == ("n0@1",)
    assert time.process_time() - start < 20


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"r{number}.txt").write_text(f"a==1\n-r r{number}.txt\n-r r{number + 1}.txt\n")
    with pytest.raises(InvalidInputError, match="includes over 100 files"):
        locks.load(tmp_path, "r0.txt")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.txt", "a/../../x.txt"])
def test_nothing_outside_the_project_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"-r {name}\n")
    with pytest.raises(InvalidInputError, match="outside the project's folder"):
        locks.load(tmp_path, "requirements.txt")


def test_a_link_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret.txt").write_text("a==1\n")
    (tmp_path / "project/requirements.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InvalidInputError, match="outside the project's folder"):
        locks.load(tmp_path / "project", "requirements.txt")


@pytest.mark.parametrize("name", sorted(REAL))
def test_the_same_entries_twice(name: str) -> None:
    # A merge that kept both sides: an error, or each package at most twice.
    text = REAL[name] + "\n" + REAL[name]
    once = len(locks.read(name, REAL[name]).entries)
    with contextlib.suppress(InvalidInputError):
        assert once <= len(locks.read(name, text).entries) <= 2 * once


@pytest.mark.parametrize("name", sorted(REAL))
@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 1 << 16), put=st.text(max_size=8), drop=st.integers(0, 40))
def test_damage_is_read_or_told_and_nothing_else(name: str, cut: int, put: str, drop: int) -> None:
    text = REAL[name]
    at = cut % (len(text) + 1)
    with contextlib.suppress(InvalidInputError):
        for entry in locks.read(name, text[:at] + put + text[at + drop :]).entries:
            assert entry.name
            assert entry.line >= 0


def structure(path: Path) -> Any:  # noqa: ANN401 - of a lock
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        return json.loads(re.sub(r",(?=\s*[}\]])", "", text))
    if path.name.endswith(".yaml") or "__metadata" in text:
        return strictyaml.load(text.encode())
    return tomllib.loads(text)


STRUCTURED = [
    path
    for path in sorted(DATA.glob("*/*"))
    if path.name != "go.sum" and path.parent.name not in {"go", "yarn-1", "bundler"}
]
_ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, "", "x", "@", "a\nb", [], [1], [[]], {}, {"a": 1}]
)


@pytest.mark.parametrize("path", STRUCTURED, ids=lambda path: path.parent.name)
@settings(max_examples=150, deadline=None)
@given(turns=st.lists(st.integers(0, 1 << 10), min_size=1, max_size=8), odd=_ODD)
def test_values_of_another_type_anywhere(path: Path, turns: list[int], odd: object) -> None:
    value = structure(path)
    at = value
    for turn in turns:
        keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = keys[turn % len(keys)]
        if not isinstance(at[key], (dict, list)) or turn % 3 == 0:
            at[key] = odd
            break
        at = at[key]
    if path.suffix == ".toml" or isinstance(value.get("package"), list) or "package" in value:
        if odd is None:
            return  # TOML has no such value
        text = tomli_w.dumps(value)
    else:
        text = json.dumps(value, indent=2)
    with contextlib.suppress(InvalidInputError):
        for entry in locks.read(path.name, text).entries:
            assert isinstance(entry.version, str)
            assert entry.name


ADDRESS = "https://user:hunter2@host.example/simple/a-1.0.tgz?auth=hunter2#hunter2"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", ADDRESS),
        ("requirements.txt", f"git+{ADDRESS}"),
        ("requirements.txt", f"-r {ADDRESS}"),
        ("requirements.txt", f"a=={ADDRESS}"),
        ("yarn.lock", ADDRESS),
        ("yarn.lock", f'"a@{ADDRESS}":\n  resolved "{ADDRESS}"\n'),
        ("yarn.lock", f"{'a' * 34}@{ADDRESS}\n"),
        ("package-lock.json", json.dumps({"lockfileVersion": ADDRESS})),
    ],
)
def test_no_message_has_the_password_of_an_address(name: str, text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        locks.read(name, text)
    error = caught.value
    assert "hunt" not in f"{error.message}{error.details}{error.hint}"
    assert "host.example" in error.message or "a" * 34 in error.message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    os.mkfifo(tmp_path / "more.txt")
    with pytest.raises(InvalidInputError, match=r"more\.txt is no file"):
        locks.load(tmp_path, "requirements.txt")
