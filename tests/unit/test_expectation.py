from __future__ import annotations

import pytest

from imgforge.errors import InvalidInputError
from imgforge.expectation import requirements
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")


def test_reads_pinned_requirements_for_the_platform() -> None:
    text = """
    # comment
    --index-url https://example.com/simple
    Foo_Bar[extra]==1.0 ; python_version >= "3.9" \\
        --hash=sha256:00 \\
        --hash=sha256:11
    wonly==2 ; sys_platform == "win32"
    arm==3 ; platform_machine == "aarch64"  # why
    both==1 ; platform_machine == "aarch64"
    both==2 ; platform_machine != "aarch64"
    """
    versions, optional = requirements(text, "3.13", AMD64)
    assert versions == {"foo-bar": "1.0", "both": "2"}
    assert optional == {"wonly", "arm"}
    assert requirements(text, "3.13", Platform("linux", "arm64"))[0]["arm"] == "3"


def test_says_which_requirement_cannot_be_read() -> None:
    with pytest.raises(InvalidInputError, match=r"requirement 2 \(=="):
        requirements("a==1\n==x\n", "3.13", AMD64)
