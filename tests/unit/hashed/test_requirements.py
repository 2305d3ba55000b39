"""Locks of uv, Poetry, PDM and the standard, turned into hashed requirements."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import EXAMPLES

from imgforge import hashed
from imgforge.errors import InvalidInputError
from imgforge.hashed import declared
from imgforge.hashed.pin import MENDS
from imgforge.oci.types import Platform

DATA = Path(__file__).parents[2] / "data/locks"
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
HASH = "sha256:" + "a" * 64
INDEX = "https://pypi.org/simple"
PYPROJECT = """\
[project]
name = "App"
requires-python = ">=3.11"
dependencies = [
  "web[fast]>=1",
  "old ; python_version < '3.12'",
  "intel ; platform_machine == 'x86_64'",
]
[project.optional-dependencies]
pg = ["driver>=2"]
[dependency-groups]
dev = ["tester"]
"""
UV = f"""\
version = 1
[[package]]
name = "app"
version = "1"
source = {{ virtual = "." }}
dependencies = [
  {{ name = "web", extra = ["fast"] }},
  {{ name = "old", marker = "python_full_version < '3.12'" }},
  {{ name = "intel", marker = "platform_machine == 'x86_64'" }},
]
[package.optional-dependencies]
pg = [{{ name = "driver" }}]
[package.dev-dependencies]
dev = [{{ name = "tester" }}]
[package.metadata]
requires-dist = [
  {{ name = "web", extras = ["fast"], specifier = ">=1" }},
  {{ name = "old", marker = "python_version < '3.12'" }},
  {{ name = "intel", marker = "platform_machine == 'x86_64'" }},
  {{ name = "driver", marker = "extra == 'pg'", specifier = ">=2" }},
]
[package.metadata.requires-dev]
dev = [{{ name = "tester" }}]
[[package]]
name = "web"
version = "1.5"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [{{ name = "base" }}]
wheels = [{{ url = "https://example.org/w.whl", hash = "{HASH}" }}]
[package.optional-dependencies]
fast = [{{ name = "loop" }}]
"""
ROWS = {"base": "1", "loop": "2", "old": "3", "intel": "4", "driver": "2.1", "tester": "9"}


def uv_lock() -> str:
    return UV + "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
        'source = { registry = "https://pypi.org/simple" }\n'
        f'sdist = {{ url = "https://example.org/s", hash = "{HASH}" }}\n'
        for name, version in ROWS.items()
    )


def poetry_lock(pyproject: str = PYPROJECT) -> str:
    said = {
        "web": 'groups = ["main"]',
        "old": 'groups = ["main", "dev"]\n'
        "markers = { main = \"python_version < '3.12'\", dev = \"python_version < '3'\" }",
        "intel": 'groups = ["main"]\nmarkers = "platform_machine == \'x86_64\'"',
        "driver": 'groups = ["main"]\noptional = true\nmarkers = "extra == \'pg\'"',
        "tester": 'groups = ["dev"]',
    }
    versions = {"web": "1.5", **ROWS}
    rows = "".join(
        f'[[package]]\nname = "{n}"\nversion = "{versions[n]}"\n{text}\n'
        f'files = [{{ file = "x.whl", hash = "{HASH}" }}]\n'
        for n, text in said.items()
    )
    seal = declared.poetry_hash(declared.read("pyproject.toml", pyproject))
    return f'{rows}[metadata]\nlock-version = "2.1"\ncontent-hash = "{seal}"\n'


def pdm_lock() -> str:
    said = {
        "web": 'groups = ["default"]',
        "old": 'groups = ["default"]\nmarker = "python_version < \'3.12\'"',
        "intel": 'groups = ["default"]\nmarker = "platform_machine == \'x86_64\'"',
        "driver": 'groups = ["pg"]',
        "tester": 'groups = ["dev"]',
    }
    versions = {"web": "1.5", **ROWS}
    rows = "".join(
        f'[[package]]\nname = "{n}"\nversion = "{versions[n]}"\n{text}\n'
        f'files = [{{ file = "x.whl", hash = "{HASH}" }}]\n'
        for n, text in said.items()
    )
    return f'{rows}[metadata]\nlock_version = "4.5.0"\n'


def pylock() -> str:
    said = {
        "web": "",
        "old": "python_version < '3.12'",
        "intel": "platform_machine == 'x86_64'",
        "driver": "'pg' in extras",
        "tester": "'dev' in dependency_groups",
    }
    versions = {"web": "1.5", **ROWS}
    rows = "".join(
        f'[[packages]]\nname = "{n}"\nversion = "{versions[n]}"\n'
        + (f'marker = "{marker}"\n' if marker else "")
        + f'wheels = [{{ hashes = {{ sha256 = "{"a" * 64}" }} }}]\n'
        for n, marker in said.items()
    )
    return f'lock-version = "1.0"\n{rows}'


LOCKS = {
    "uv": ("uv.lock", uv_lock()),
    "poetry": ("poetry.lock", poetry_lock()),
    "pdm": ("pdm.lock", pdm_lock()),
    "pylock": ("pylock.toml", pylock()),
}


def made(  # noqa: PLR0917 - what an image may ask for
    folder: Path,
    manager: str,
    python: str = "3.13",
    platform: Platform = AMD64,
    groups: str = "",
    extras: str = "",
) -> str:
    name, text = LOCKS[manager]
    (folder / name).write_text(text)
    if not (folder / "pyproject.toml").exists():
        (folder / "pyproject.toml").write_text(PYPROJECT)
    told = {"manager": manager, "lock": name, "python": python, "groups": groups, "extras": extras}
    return hashed.requirements(folder, told, platform).decode()


def names(text: str) -> set[str]:
    return {line.partition("==")[0] for line in text.splitlines()} - {"base", "loop"}


@pytest.mark.parametrize("manager", LOCKS)
def test_what_an_image_needs_is_installed_and_nothing_else(tmp_path: Path, manager: str) -> None:
    text = made(tmp_path, manager)
    assert names(text) == {"web", "intel"}
    assert f"web==1.5 --hash={HASH}\n" in text
    assert names(made(tmp_path, manager, platform=ARM64)) == {"web"}
    assert names(made(tmp_path, manager, python="3.11")) == {"web", "intel", "old"}
    asked = made(tmp_path, manager, groups="dev", extras="pg")
    assert names(asked) == {"web", "intel", "driver", "tester"}


def test_extras_of_dependencies_are_followed_in_a_uv_lock(tmp_path: Path) -> None:
    lines = made(tmp_path, "uv").splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "base==1",
        "intel==4",
        "loop==2",
        "web==1.5",
    ]


@pytest.mark.parametrize("manager", LOCKS)
def test_a_lock_older_than_the_project_names_the_command_that_mends_it(
    tmp_path: Path, manager: str
) -> None:
    changed = PYPROJECT.replace('"web[fast]>=1"', '"web[fast]>=2", "more"')
    (tmp_path / "pyproject.toml").write_text(changed)
    with pytest.raises(InvalidInputError, match="does not fit pyproject") as caught:
        made(tmp_path, manager)
    assert "more is not locked" in caught.value.details
    assert MENDS[manager] in (caught.value.hint or "")


@pytest.mark.parametrize("manager", ["uv", "poetry"])
def test_a_requirement_that_was_taken_out_is_seen(tmp_path: Path, manager: str) -> None:
    without = PYPROJECT.replace("  \"old ; python_version < '3.12'\",\n", "")
    assert without != PYPROJECT
    (tmp_path / "pyproject.toml").write_text(without)
    with pytest.raises(InvalidInputError, match="does not fit"):
        made(tmp_path, manager)


@pytest.mark.parametrize("manager", LOCKS)
def test_unknown_groups_and_pythons_are_refused(tmp_path: Path, manager: str) -> None:
    with pytest.raises(InvalidInputError, match="no such groups or extras") as caught:
        made(tmp_path, manager, groups="prod", extras="mysql")
    assert len(caught.value.details) == 2
    with pytest.raises(InvalidInputError, match="does not fit") as caught:
        made(tmp_path, manager, python="3.10")
    assert any("requires-python" in line for line in caught.value.details)


@pytest.mark.parametrize(
    ("manager", "before", "after", "says"),
    [
        ("uv", f'registry = "{INDEX}" }}\ndep', 'git = "x" }\ndep', "web comes from git"),
        ("uv", 'name = "base"\nversion', 'name = "bass"\nversion', "lists base  0 times"),
        ("uv", "version = 1\n", "version = 2\n", "known is 1"),
        ("uv", f'hash = "{HASH}"', "size = 1", "has no hash"),
        ("poetry", "files =", 'source = { type = "git" }\nfiles =', "from git"),
        ("poetry", '"2.1"', '"2.0"', "known is 2.1"),
        ("pdm", "files =", 'path = "./x.whl"\nfiles =', "from path"),
        ("pdm", '"4.5.0"', '"4.4"', "known is 4.5"),
        ("pylock", "wheels = [", "vcs = {}\nwheels = [", "from vcs"),
        ("pylock", '"1.0"', '"2.0"', "known is 1.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_installed_by_hash_is_said(  # noqa: PLR0917 - a table's columns
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    manager: str,
    before: str,
    after: str,
    says: str,
) -> None:
    name, text = LOCKS[manager]
    assert before in text
    monkeypatch.setitem(LOCKS, manager, (name, text.replace(before, after)))
    with pytest.raises(InvalidInputError) as caught:
        made(tmp_path, manager)
    assert says in caught.value.message
    assert name in caught.value.message


@pytest.mark.parametrize(("name", "manager", "lock"), [
    ("python-worker", "uv", "uv.lock"), ("python-cli", "poetry", "poetry.lock"),
])  # fmt: skip
def test_the_managers_own_locks_are_read(name: str, manager: str, lock: str) -> None:
    told = {"manager": manager, "lock": lock, "python": "3.13", "groups": "", "extras": ""}
    text = hashed.requirements(EXAMPLES / name, told, ARM64).decode()
    assert "pytest" not in text
    assert all("==" in line and "--hash=sha256:" in line for line in text.splitlines())


def test_what_pdm_itself_wrote() -> None:
    told = {"manager": "pdm", "lock": "pdm.lock", "python": "3.13", "groups": "", "extras": "fast"}
    lines = hashed.requirements(DATA / "pdm", told, AMD64).decode().splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "click==8.5.1",
        "h11==0.16.0",
        "markupsafe==3.0.4",
    ]
    assert all("--hash=sha256:" in line for line in lines)
