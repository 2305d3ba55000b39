from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from madeimage import facts, file, symlink

from imgforge.bases import contract
from imgforge.bases.definitions import Definition, parse
from imgforge.bases.tree import Tree
from imgforge.errors import BuildFailedError
from imgforge.oci.layer import Entry

PASSWD = b"root:x:0:0::/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n"
RELEASE = b'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="13"\n'


def chain(keep: str = "") -> tuple[Definition, ...]:
    text = (
        f'name = "demo"\nsummary = ""\n{keep}\n'
        '[suite.trixie]\nend-of-life = 2030-01-01\nabi = "debian13"\n'
        '[contract]\npaths = ["etc/passwd", "etc/os-release", "usr/lib/jvm/default/lib/a", "srv", '
        '"opt/{architecture}/{triplet}"]\n'
    )
    return (parse(b"", tomllib.loads(text), "demo.toml").on("trixie"),)


def entries(**changes: bytes) -> list[Entry]:
    contents = {"etc/passwd": PASSWD, "usr/lib/os-release": RELEASE, **changes}
    return [
        *(Entry(path, 0o644, data=data) for path, data in contents.items()),
        Entry("etc/os-release", 0o777, link="../usr/lib/os-release"),
        Entry("usr/lib/jvm/default", 0o777, link="real"),
        Entry("usr/lib/jvm/real/lib/a", 0o644, data=b""),
        Entry("srv/x/y", 0o644, data=b""),
        Entry("opt/amd64/x86_64-linux-gnu", 0o644, data=b""),
    ]


def tree(**changes: bytes) -> Tree:
    return {e.path: e for e in entries(**changes)}


def problems(found: Tree) -> tuple[str, ...]:
    with pytest.raises(BuildFailedError, match="base demo for amd64 does not keep") as caught:
        contract.check_tree(chain(), found, "amd64")
    return caught.value.details


def test_a_base_that_keeps_it_passes_links_followed() -> None:
    contract.check_tree(chain(), tree(), "amd64")


@pytest.mark.parametrize(
    "path",
    ["etc/passwd", "usr/lib/jvm/real/lib/a", "srv/x/y", "opt/amd64/x86_64-linux-gnu"],
)
def test_a_path_that_is_missing_is_named(path: str) -> None:
    found = tree()
    del found[path]
    assert any(line.startswith("there is no ") for line in problems(found))


def test_links_without_an_end_are_missing_paths() -> None:
    found = tree()
    found["usr/lib/jvm/default"] = Entry("usr/lib/jvm/default", 0o777, link="default")
    assert problems(found) == ("there is no usr/lib/jvm/default/lib/a",)


def test_the_user_and_the_release_count() -> None:
    assert problems(tree(**{"etc/passwd": PASSWD.replace(b"65532:65532", b"65532:0")})) == (
        "etc/passwd has no user nonroot with the number 65532",
    )
    assert problems(tree(**{"usr/lib/os-release": RELEASE.replace(b"13", b"12")})) == (
        "it is made of debian 12, not of debian13",
    )
    assert problems(tree(**{"usr/lib/os-release": b""})) == (
        "it is made of nothing known, not of debian13",
    )


def test_an_image_from_elsewhere_is_held_to_the_same(tmp_path: Path) -> None:
    good = [symlink(e.path, e.link) if e.link else file(e.path, e.data or b"") for e in entries()]
    contract.check_image("theirs", chain(), facts(tmp_path / "good", good))
    bad = [*good, file("usr/bin/su", mode=0o4755), file("usr/bin/bash", mode=0o755)]
    image = facts(tmp_path / "bad", bad)
    with pytest.raises(BuildFailedError, match="base theirs does not keep") as caught:
        contract.check_image("theirs", chain(), image)
    assert caught.value.details == (
        "usr/bin/su has privilege bits or a file capability",
        "usr/bin/bash is a shell",
    )
    with pytest.raises(BuildFailedError) as caught:
        contract.check_image("theirs", chain("shell = true"), image)
    assert caught.value.details == ("usr/bin/su has privilege bits or a file capability",)
