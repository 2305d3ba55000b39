from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import locks
from imgforge.errors import InvalidInputError
from imgforge.inventory.declared import Target
from imgforge.inventory.matching import applies
from imgforge.locks import requirements
from imgforge.locks.locked import Entry
from imgforge.oci.types import Platform

AMD64 = Target(Platform("linux", "amd64"), "3.13")
ARM64 = Target(Platform("linux", "arm64"), "3.13")
TEXT = """
# comment
--index-url https://example.test/simple
Foo_Bar[extra]==1.0 ; python_version >= "3.9" \\
    --hash=sha256:00AA \\
    --hash=sha256:11
wonly==2 ; sys_platform == "win32"
arm==3 ; platform_machine == "aarch64"  # why
both==1 ; platform_machine == "aarch64"
both==2 ; platform_machine != "aarch64"
open>=1
star==1.*
"""


def test_requirements_with_markers_and_hashes() -> None:
    locked = locks.read("requirements.txt", TEXT)
    assert locked.entries[0] == Entry(
        *("pypi", "foo-bar", "1.0", 4),
        hashes=("sha256:00aa", "sha256:11"),
        marker='python_version >= "3.9"',
    )
    for target, wanted in (
        (AMD64, {"foo-bar": "1.0", "both": "2", "open": "", "star": ""}),
        (ARM64, {"foo-bar": "1.0", "both": "1", "arm": "3", "open": "", "star": ""}),
    ):
        assert {e.name: e.version for e in locked.entries if applies(e, target)} == wanted
    assert [e.line for e in locked.entries] == [4, 7, 8, 9, 10, 11, 12]


def test_the_line_of_what_is_none_is_told() -> None:
    with pytest.raises(InvalidInputError, match=r"^req\.txt:2: '==x' is no requirement"):
        locks.read("req.txt", "a==1\n==x\n")


def test_includes_are_followed_once_and_not_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "requirements.txt").write_text("a==1\n-r more/web.txt\n")
    (tmp_path / "more/web.txt").write_text("--requirement ../requirements.txt\nb==2\n")
    found = locks.load(tmp_path, "requirements.txt")
    assert [(e.name, e.line) for e in found.entries] == [("a", 1), ("b", 2)]
    (tmp_path / "more/web.txt").write_text("-r ../../passwd\n")
    with pytest.raises(InvalidInputError, match=r"\.\./passwd is outside the project's folder"):
        locks.load(tmp_path, "requirements.txt")


def test_folders_of_the_project_are_taken_apart() -> None:
    text = (
        "-e ./libs/a\n--editable=libs/b[fast] ; python_version > '3'\n./libs/c --no-deps\n"
        "file:./libs/d # why\n-e here\nx @ https://example.org/x.whl\nlibs/e.whl\n"
        "click==8 \\\n  --hash=sha256:aa\n"
    )
    found = requirements.split("r.txt", text)
    assert [(b.folder, b.line) for b in found.beside] == [
        ("./libs/a", 1),
        ("libs/b", 2),
        ("./libs/c", 3),
        ("./libs/d", 4),
        ("here", 5),
    ]
    assert found.beside[1].marker == "python_version > '3'"
    rest = found.rest.splitlines()
    assert rest[:2] == ["x @ https://example.org/x.whl", "libs/e.whl"]
    assert rest[2].split() == ["click==8", "--hash=sha256:aa"]
    with pytest.raises(InvalidInputError, match=r"^r\.txt:2: what is editable"):
        requirements.split("r.txt", "click==8\n-e git+https://example.org/x#egg=x\n")


def test_folders_of_the_project_are_no_entries() -> None:
    found = requirements.read("r.txt", "-e .\n./libs/a\nclick==8\n")
    assert [entry.name for entry in found.entries] == ["click"]
