from __future__ import annotations

import pytest

from imgforge import locks
from imgforge.errors import InvalidInputError

HEX = "0" * 63 + "a"
SHA1 = "b3add478d4382b78ea20b1671390a858002feb6c"


def test_reads_what_gradle_keeps() -> None:
    kept = "com.google.code.gson/gson/2.10.1"
    text = f"{HEX}  {kept}/{SHA1}/gson-2.10.1.jar\n{HEX}  {kept}/abc/gson-2.10.1.pom\n"
    (entry,) = locks.read("sub/gradle.sha256", text).entries
    assert (entry.ecosystem, entry.namespace, entry.name, entry.version, entry.line) == (
        *("maven", "com.google.code.gson", "gson", "2.10.1", 1),
    )
    assert entry.hashes == (f"sha256:{HEX}",)
    assert entry.scope == "build"


def test_an_application_may_need_nothing() -> None:
    assert locks.read("gradle.sha256", "").entries == ()


@pytest.mark.parametrize(
    "line",
    [
        "gson-2.10.1.jar",
        f"{HEX}  com/google/code/gson/gson/2.10.1/gson-2.10.1.jar",
        f"{HEX}  /a/b/1/{SHA1}/b-1.jar",
        f"{HEX}  a/../1/{SHA1}/b-1.jar",
        f"{HEX}  a/b/1/no-sum/b-1.jar",
        "",
    ],
)
def test_names_the_line_that_is_none(line: str) -> None:
    text = f"{HEX}  a/b/1/{SHA1}/b-1.jar\n{line}\n"
    with pytest.raises(InvalidInputError, match=r"gradle\.sha256:2"):
        locks.read("gradle.sha256", text)
