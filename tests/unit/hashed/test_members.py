"""Members of workspaces and path dependencies: found in every kind of lock, and built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgforge import hashed
from imgforge.errors import InvalidInputError
from imgforge.hashed import backend, declared, wheels
from imgforge.oci.types import Platform
from imgforge.plan import Fill

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
HASH = "sha256:" + "a" * 64
BUILD = '[build-system]\nrequires = ["{}"]\nbuild-backend = "x"\n'
ROOT = """\
[project]
name = "app"
requires-python = ">=3.11"
dependencies = ["api>=1", "click"]
[tool.uv.sources]
api = { workspace = true }
"""
API = (
    BUILD.format("hatchling>=1")
    + """\
[project]
name = "Api"
version = "1.2"
dependencies = ["common", "web"]
"""
)
COMMON = BUILD.format("flit-core<4") + '[project]\nname = "common"\ndynamic = ["version"]\n'
PINNED = "".join(
    f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
    'source = { registry = "https://pypi.org/simple" }\n'
    f'wheels = [{{ url = "https://example.org/w.whl", hash = "{HASH}" }}]\n'
    for name, version in {"click": "8", "web": "1.5", "other": "3"}.items()
)
UV = f"""\
version = 1
[[package]]
name = "app"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "api" }}, {{ name = "click" }}]
[package.metadata]
requires-dist = [{{ name = "api", editable = "libs/api" }}, {{ name = "click" }}]
[[package]]
name = "api"
version = "1.2"
source = {{ editable = "libs/api" }}
dependencies = [{{ name = "common" }}, {{ name = "web" }}]
[package.metadata]
requires-dist = [{{ name = "common", directory = "libs/common" }}, {{ name = "web" }}]
[[package]]
name = "common"
source = {{ directory = "libs/common" }}
[[package]]
name = "worker"
version = "1"
source = {{ editable = "libs/worker" }}
dependencies = [{{ name = "other" }}]
{PINNED}"""
ROW = '[[{}]]\nname = "{}"\nversion = "{}"\ngroups = ["{}"]\n{}\n'
FILES = f'files = [{{ file = "x.whl", hash = "{HASH}" }}]'
TABLES = f'wheels = [{{ hashes = {{ sha256 = "{"a" * 64}" }} }}]'


def listed(rows: str, group: str, files: str, folder: str) -> str:
    pinned = "".join(ROW.format(rows, n, v, group, files) for n, v in (("click", 8), ("web", 1)))
    return pinned + "".join(
        ROW.format(rows, name, "1.2", group, folder.format(f"libs/{name}"))
        for name in ("api", "common")
    )


def poetry() -> str:
    seal = declared.poetry_hash(declared.read("pyproject.toml", ROOT))
    folder = 'files = []\n[package.source]\ntype = "directory"\nurl = "{}"'
    text = listed("package", "main", FILES, folder)
    return f'{text}[metadata]\nlock-version = "2.1"\ncontent-hash = "{seal}"\n'


LOCKS = {
    "uv": ("uv.lock", UV),
    "poetry": ("poetry.lock", poetry()),
    "pdm": (
        "pdm.lock",
        listed("package", "default", FILES, 'path = "./{}"\neditable = true')
        + '[metadata]\nlock_version = "4.5.0"\n',
    ),
    "pylock": (
        "pylock.toml",
        'lock-version = "1.0"\n'
        + listed("packages", "x", TABLES, 'directory = {{ path = "{}", editable = true }}'),
    ),
    "pip": (
        "requirements.txt",
        "-e ./libs/api[fast]\n./libs/common ; python_version > '3'  # via api\n-e .\n"
        + "".join(f"{pin} \\\n    --hash={HASH}\n" for pin in ("click==8", "web==1")),
    ),
}
MEMBERS = json.dumps(["libs/api", "libs/common"])


def project(root: Path, manager: str = "uv", **changed: str) -> dict[str, str]:
    """Write the project; return what its stages are told."""
    name, text = LOCKS[manager]
    files = {
        "pyproject.toml": ROOT,
        "libs/api/pyproject.toml": API,
        "libs/common/pyproject.toml": COMMON,
        name: text,
    }
    for path, content in {**files, **changed}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return {
        "manager": manager,
        "lock": name,
        "python": "3.13",
        "groups": "",
        "extras": "",
        "member": "",
        "members": MEMBERS,
        "bytecode": "",
        "project": "false",
        "build-lock": "build.txt",
        "project-version": "",
    }


@pytest.mark.parametrize("manager", LOCKS)
def test_members_are_left_to_be_built_and_the_rest_is_installed(
    tmp_path: Path, manager: str
) -> None:
    told = project(tmp_path, manager)
    made = hashed.prepare(Fill("requirements", told), ARM64, tmp_path)
    lines = made["requirements-arm64.txt"].decode().splitlines()
    assert [line.partition("==")[0] for line in lines] == ["click", "web"]
    assert all(HASH in line for line in lines)
    made = wheels.prepare(Fill("members", told), AMD64, tmp_path)
    assert made == {"folders-amd64.txt": b"libs/api\nlibs/common\n"}
    locked = wheels.declares(Fill("members", told), AMD64, tmp_path)
    assert [e.name for e in locked.entries] == ["api", "common"]
    assert locked.entries[0].version == "1.2"
    assert locked.path == told["lock"]
    text = LOCKS[manager][1].splitlines()
    assert all(text[entry.line - 1].startswith(("[[", "-e", "./")) for entry in locked.entries)


@pytest.mark.parametrize("manager", LOCKS)
def test_members_that_are_not_built_are_named_with_what_builds_them(
    tmp_path: Path, manager: str
) -> None:
    told = project(tmp_path, manager) | {"members": '["libs/common"]'}
    with pytest.raises(InvalidInputError, match=rf"^{told['lock']}:\d+: libs/api: ") as caught:
        hashed.requirements(tmp_path, told, AMD64)
    assert 'members = ["libs/common", "libs/api"]' in (caught.value.hint or "")
    assert hashed.requirements(tmp_path, told | {"members": '["libs"]'}, AMD64)


@pytest.mark.parametrize("manager", LOCKS)
def test_a_folder_outside_is_refused_with_the_line_that_names_it(
    tmp_path: Path, manager: str
) -> None:
    name, text = LOCKS[manager]
    told = project(tmp_path, manager, **{name: text.replace("libs/common", "../common")})
    with pytest.raises(InvalidInputError, match=rf"^{name}:\d+: .*outside the folder"):
        hashed.requirements(tmp_path, told, AMD64)
    told = project(tmp_path, manager, **{name: text.replace("libs/common", "libs/none")})
    with pytest.raises(InvalidInputError, match=r"libs/none, where no pyproject\.toml is"):
        hashed.requirements(tmp_path, told, AMD64)
    (tmp_path / "libs/link").symlink_to(tmp_path.parent)
    told = project(tmp_path, manager, **{name: text.replace("libs/common", "libs/link")})
    with pytest.raises(InvalidInputError, match="outside the folder"):
        hashed.requirements(tmp_path, told, AMD64)


@pytest.mark.parametrize("folder", ["/usr/lib", "libs/a\\nb", "libs/a\\u001bb", "libs\\\\a"])
def test_a_path_that_no_list_can_hold_is_refused(tmp_path: Path, folder: str) -> None:
    told = project(tmp_path, **{"uv.lock": UV.replace("libs/common", folder)})
    with pytest.raises(InvalidInputError, match=r"uv\.lock:\d+|one line"):
        hashed.requirements(tmp_path, told, AMD64)


@pytest.mark.parametrize("manager", LOCKS)
def test_a_member_that_asks_for_more_than_was_locked_makes_the_lock_stale(
    tmp_path: Path, manager: str
) -> None:
    more = API.replace('"web"', '"web", "more>=2"')
    told = project(tmp_path, manager, **{"libs/api/pyproject.toml": more})
    with pytest.raises(InvalidInputError, match=r"does not fit libs/api/pyproject") as caught:
        hashed.requirements(tmp_path, told, AMD64)
    assert "more>=2 is not locked" in caught.value.details


def test_a_lock_beside_another_project_than_its_path_says_is_refused(tmp_path: Path) -> None:
    other = COMMON.replace('"common"', '"else"')
    told = project(tmp_path, **{"libs/common/pyproject.toml": other})
    with pytest.raises(InvalidInputError, match="holds else, not common"):
        list(wheels.of_members(tmp_path, told, AMD64))


def test_the_member_that_an_image_is_for_brings_only_what_it_needs(tmp_path: Path) -> None:
    worker = BUILD.format("hatchling") + '[project]\nname = "worker"\ndependencies = ["other"]\n'
    text = UV.replace(
        'dependencies = [{ name = "other" }]\n',
        'dependencies = [{ name = "other" }]\n'
        '[package.metadata]\nrequires-dist = [{ name = "other" }]\n',
    )
    told = project(tmp_path, **{"uv.lock": text, "libs/worker/pyproject.toml": worker})
    told |= {"member": "Worker", "members": "[]"}
    assert hashed.requirements(tmp_path, told, AMD64).startswith(b"other==3 ")
    made = wheels.prepare(Fill("project", told), AMD64, tmp_path)
    assert made == {"folders-amd64.txt": b"libs/worker\n"}
    with pytest.raises(InvalidInputError, match="has no members or path dependencies"):
        wheels.prepare(Fill("members", told), AMD64, tmp_path)
    with pytest.raises(InvalidInputError, match="has no member 'none'") as caught:
        hashed.requirements(tmp_path, told | {"member": "none"}, AMD64)
    assert "worker: libs/worker" in caught.value.details
    poetry = project(tmp_path, "poetry") | {"member": "worker"}
    with pytest.raises(InvalidInputError, match="a member of a uv workspace"):
        hashed.requirements(tmp_path, poetry, AMD64)


def test_one_build_lock_has_what_all_backends_need(tmp_path: Path) -> None:
    told = project(tmp_path)
    with pytest.raises(InvalidInputError, match=r"build\.txt does not exist") as caught:
        backend.demand(tmp_path, told, AMD64)
    assert "'hatchling>=1' 'flit-core<4'" in (caught.value.hint or "")
    lock = tmp_path / "build.txt"
    lock.write_text(f"hatchling==1.27 --hash={HASH}\n")
    with pytest.raises(InvalidInputError, match=r"does not fit libs/common/pyproject"):
        backend.prepare(Fill("backend", told), AMD64, tmp_path)
    lock.write_text(f"hatchling==1.27 --hash={HASH}\nflit-core==3.12 --hash={HASH}\n")
    assert backend.prepare(Fill("backend", told), AMD64, tmp_path)


def test_stacks_that_tell_nothing_of_members_have_none(tmp_path: Path) -> None:
    told = project(tmp_path, "pip", **{"requirements.txt": f"click==8 --hash={HASH}\n"})
    del told["members"], told["member"], told["project"]
    assert hashed.prepare(Fill("requirements", told), AMD64, tmp_path) == {}
    (tmp_path / "build.txt").write_text(f"hatchling==1.27 --hash={HASH}\n")
    (tmp_path / "pyproject.toml").write_text(API)
    assert backend.prepare(Fill("backend", told), AMD64, tmp_path)
    for said in ("true", "libs"):
        with pytest.raises(InvalidInputError, match="no list of folders"):
            hashed.prepare(Fill("requirements", told | {"members": said}), AMD64, tmp_path)


def test_a_virtual_member_is_not_built_but_what_it_needs_is_installed(tmp_path: Path) -> None:
    text = UV.replace('editable = "libs/api"', 'virtual = "libs/api"')
    told = project(tmp_path, **{"uv.lock": text}) | {"members": '["libs/common"]'}
    assert b"web==1.5" in hashed.requirements(tmp_path, told, AMD64)
    made = wheels.prepare(Fill("members", told), AMD64, tmp_path)
    assert made == {"folders-amd64.txt": b"libs/common\n"}
