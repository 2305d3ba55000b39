from __future__ import annotations

import pytest

from imgforge import locks
from imgforge.errors import InvalidInputError

HEX = "0" * 63 + "a"


def test_reads_what_a_repository_holds() -> None:
    text = (
        f"{HEX}  com/google/code/gson/gson-parent/2.10/gson-parent-2.10.pom\n"
        f"{HEX}  com/google/code/gson/gson/2.10.1/gson-2.10.1.jar\n"
    )
    (entry,) = locks.read("sub/maven.sha256", text).entries
    assert (entry.ecosystem, entry.namespace, entry.name, entry.version, entry.line) == (
        *("maven", "com.google.code.gson", "gson", "2.10.1", 2),
    )
    assert entry.hashes == (f"sha256:{HEX}",)
    assert entry.scope == "build"  # a plug-in looks the same, and no image must have it


@pytest.mark.parametrize(
    "line",
    [
        "gson-2.10.1.jar",
        f"{HEX}  gson-2.10.1.jar",
        f"{HEX}  /etc/passwd",
        f"{HEX}  a/../../b/1/b-1.jar",
        f"{HEX} a/b/1/b-1.jar",
        "",
    ],
)
def test_names_the_line_that_is_none(line: str) -> None:
    text = f"{HEX}  a/b/1/b-1.jar\n{line}\n"
    with pytest.raises(InvalidInputError, match=r"maven\.sha256:2"):
        locks.read("maven.sha256", text)
