from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import madeimage as made
import pytest

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import conda, python, vendored

META = """Metadata-Version: 2.4
Name: My.Pkg_X
Version: 1.0.post1
License-Expression: MIT AND (Apache-2.0 OR BSD-2-Clause)
License-File: LICENSE
License-File: ../../etc/passwd
Author-email: Jo <jo@example.org>
Classifier: License :: OSI Approved :: MIT License
Requires-Dist: Some_Dep (>=1)
Requires-Dist: url-dep @ https://example.org/x.whl
Requires-Dist: linux; sys_platform == "linux"
Requires-Dist: old; python_version < "3.9"
Requires-Dist: windows; sys_platform == "win32"
Requires-Dist: either; extra == "x" or os_name == "posix"
Requires-Dist: optional; extra == 'x'
Requires-Dist: both; python_version > "3" and extra == "x"
Requires-Dist: odd; what is this

Requires-Dist: body
"""
PATH = "opt/site-packages/my_pkg_x-1.0.post1.dist-info/METADATA"


def read(path: str, text: str) -> Package:
    assert python.wants(path, path.rpartition("/")[2])
    (found,) = python.read(path, text.encode())
    return found


def test_all_that_metadata_says() -> None:
    assert read(PATH, META) == Package(
        "pypi",
        "my-pkg-x",
        "1.0.post1",
        purl="",
        licence="MIT AND (Apache-2.0 OR BSD-2-Clause)",
        supplier="Jo <jo@example.org>",
        paths=(PATH, PATH.replace("METADATA", "licenses/LICENSE")),
        depends=("either", "linux", "odd", "old", "some-dep", "url-dep"),
    )
    older = read(PATH, META.replace("2.4", "2.1"))
    assert older.paths == (PATH, PATH.replace("METADATA", "LICENSE"))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("x/a-1.dist-info/METADATA", "record"),
        ("x/a-1.DIST-INFO/METADATA", "record"),
        ("x/a.egg-info/PKG-INFO", "record"),
        ("x/a-1-py3.11.egg-info", "record"),
        ("x/a-1-py3.11.egg/EGG-INFO/PKG-INFO", "record"),
        ("x/a-1.egg!/EGG-INFO/PKG-INFO", "manifest"),
        ("x/pip-24.whl!/pip-24.dist-info/METADATA", "manifest"),
    ],
)
def test_wherever_it_lies(path: str, found: str) -> None:
    assert read(path, "Name: a\nVersion: 1\n").found == found


@pytest.mark.parametrize("path", ["x/METADATA", "x/PKG-INFO", "RECORD", "x/requires.txt"])
def test_elsewhere_they_are_only_files(path: str) -> None:
    assert not python.wants(path, path.rpartition("/")[2])


BOTH = """Classifier: License :: OSI Approved :: MIT License
Classifier: License :: OSI Approved :: Apache Software License"""


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ("License: MIT", "MIT"),
        (
            "License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License",
            "BSD-3-Clause",
        ),
        (
            "License: Apache 2.0\nClassifier: License :: OSI Approved :: Apache Software License",
            "Apache-2.0",
        ),
        ("Classifier: License :: OSI Approved :: BSD License", ""),
        (BOTH, ""),
        ("License: The MIT License\n        Copyright (c) Jo", ""),
        ("License: " + "x" * 101, ""),
        ("License: UNKNOWN", ""),
        ("License: GPL-2.0-only OR MIT\nClassifier: License :: Other", "GPL-2.0-only OR MIT"),
    ],
)
def test_licences(fields: str, licence: str) -> None:
    assert read("a-1.dist-info/METADATA", f"Name: a\nVersion: 1\n{fields}\n").licence == licence


def test_no_name_or_version() -> None:
    for text in ("", "Name: a\n", "Version: 1\n", "Name: a b\nVersion: 1\n", "\0" * 50):
        with pytest.raises(ValueError, match="names no distribution"):
            python.read("a-1.dist-info/METADATA", text.encode())


def claims(path: str, text: str) -> list[Claim]:
    assert python.wants(path, path.rpartition("/")[2])
    assert python.read(path, text.encode()) == []
    return python.claims(path, text.encode())


def test_files_that_records_list() -> None:
    path = "opt/lib/site/my_pkg-1.0.dist-info/RECORD"
    text = (
        "../../bin/tool,sha256=x,1\n"
        '"my_pkg/with,comma.so",sha256=x,2\n'
        "my_pkg/__init__.py,,\n"
        "../../../../../etc/passwd,,\n"
        "/usr/bin/absolute,,\n"
        "\n"
    )
    (claim,) = claims(path, text)
    assert claim == Claim(
        path,
        "pypi:my-pkg",
        "opt/bin/tool\nopt/lib/site/my_pkg/with,comma.so\nusr/bin/absolute",
    )
    (claim,) = claims("site/a-1.egg-info/installed-files.txt", "../a/x.so\n../../bin/a\nPKG-INFO\n")
    assert claim.files == "site/a/x.so\nbin/a\nsite/a-1.egg-info/PKG-INFO"
    assert claims("a.whl!/a-1.dist-info/RECORD", "a.so,,\n") == []
    assert python.claims(PATH, META.encode()) == []


def note(path: str, value: Any) -> list[Package]:  # noqa: ANN401 - any JSON
    assert python.wants(path, path.rpartition("/")[2])
    found = python.read(
        path, value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )
    assert {p.found for p in found} <= {"note"}
    return found


def test_where_it_was_installed_from() -> None:
    path = "x/my_pkg-1.0.dist-info/direct_url.json"
    sha = "ab" * 32
    url = "https://jo:" + "word@git.example:8443/x.git?q=1#f"
    (found,) = note(path, {"url": url, "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}})
    assert (found.name, found.version) == ("my-pkg", "1.0")
    assert (found.source, found.source_version) == ("https://git.example:8443/x.git", "c0ffee")
    for info in ({"hash": f"sha256={sha}"}, {"hashes": {"sha256": sha, "md5": "x", "": 3}}):
        (found,) = note(path, {"url": "https://x.example/a.whl", "archive_info": info})
        assert (found.hashes, found.source) == ((f"sha256:{sha}",), "")
    assert note(path, {"url": "file:///src", "dir_info": {"editable": True}}) == []
    assert note(path, {"url": [], "archive_info": 3, "vcs_info": []}) == []
    (found,) = note(path, {"url": "https://[x", "vcs_info": {"commit_id": "1"}})
    assert found.source == ""
    with pytest.raises(ValueError, match="JSON"):
        python.read(path, b"{")


def test_older_requirements() -> None:
    text = (
        "a>=1\n\n[x]\nb\n\n[:python_version < '3.9']\nc\n\n[y:os_name == 'nt']\nd\n\n[]\ne\n# f\n"
    )
    (found,) = note("x/My_Pkg-1.0-py3.11.egg-info/requires.txt", text)
    assert (found.name, found.version, found.depends) == ("my-pkg", "1.0", ("a", "c", "e"))
    assert note("x/a-1.egg-info/requires.txt", "[x]\nb\n") == []
    assert note("x/my.pkg.egg-info/requires.txt", "a\n")[0].version == ""


def test_vendored(tmp_path: Path) -> None:
    text = b"# c\nrequests==2.31.0\n    urllib3==1.26 ; x\nsetuptools==68.0\nsix>=1\nrich==13\n"
    path = "opt/pip/_vendor/vendor.txt"
    assert vendored.wants(path, "vendor.txt")
    assert not vendored.wants("opt/vendor.txt", "vendor.txt")
    image = made.facts(
        tmp_path,
        [
            made.file(path, text),
            made.file("opt/pip/_vendor/requests/__init__.py"),
            made.file("opt/pip/_vendor/urllib3.py"),
            made.file("opt/pip/_vendor/pkg_resources/__init__.py"),
        ],
    )
    # Rich was taken out, as distributions do.
    assert [(p.purl, p.paths, p.found) for p in image.packages] == [
        (f"pkg:pypi/{name}", (path,), "lock")
        for name in ("requests@2.31.0", "setuptools@68.0", "urllib3@1.26")
    ]


def test_what_vendored_code_says_itself_counts(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [
            made.file("s/_vendor/vendored.txt", b"wheel==0.1\nzipp==3.0\n"),
            made.file("s/_vendor/wheel-0.43.dist-info/METADATA", b"Name: wheel\nVersion: 0.43\n"),
            made.file("s/_vendor/wheel/__init__.py"),
        ],
    )
    assert [p.purl for p in image.packages] == ["pkg:pypi/wheel@0.43"]


def test_paths_are_those_that_are_there(tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file(PATH, META.encode())])
    assert image.packages[0].paths == (PATH,)


def test_notes_about_a_distribution(tmp_path: Path) -> None:
    folder = "opt/my_pkg_x-1.0.post1.dist-info"
    url = {"url": "https://git.example/x", "vcs_info": {"commit_id": "c0ffee"}}
    image = made.facts(
        tmp_path,
        [
            made.file(f"{folder}/direct_url.json", json.dumps(url).encode()),
            made.file(f"{folder}/METADATA", META.encode()),
        ],
    )
    (found,) = image.packages
    assert (found.source, found.source_version) == ("https://git.example/x", "c0ffee")


def test_conda() -> None:
    path = "opt/conda/conda-meta/numpy-1.26.4-py312_0.json"
    sha = "cd" * 32
    fields = {
        "name": "numpy",
        "version": "1.26.4",
        "license": "BSD-3-Clause",
        "sha256": sha,
        "depends": ["python >=3.12", "libblas >=3.9.0,<4.0a0", "__glibc >=2.17", 3, " "],
        "files": ["lib/x.so", "lib/a.py", "../../etc/x", 3],
    }
    data = json.dumps(fields).encode()
    assert conda.wants(path, path.rpartition("/")[2])
    assert not conda.wants("opt/conda-meta/history", "history")
    assert conda.read(path, data) == [
        Package(
            "conda",
            "numpy",
            "1.26.4",
            purl="",
            licence="BSD-3-Clause",
            supplier="",
            paths=(path,),
            hashes=(f"sha256:{sha}",),
            depends=("libblas", "python"),
        )
    ]
    (claim,) = conda.claims(path, data)
    assert (claim.owner, claim.files) == ("conda:numpy", "opt/conda/lib/x.so\netc/x")
    for broken in (b"[]", b"{}", b'{"name": "a"}'):
        with pytest.raises(ValueError, match=r"JSON|names no"):
            conda.read(path, broken)
