from __future__ import annotations

import pytest

from imgforge.oci.selection import select
from imgforge.oci.types import MANIFEST, Descriptor, Platform


def images(*names: str) -> list[Descriptor]:
    return [
        Descriptor(MANIFEST, f"sha256:{n:064x}", 1, platform=Platform.parse(name) if name else None)
        for n, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("have", "asked", "count"),
    [
        ("linux/amd64", "linux/amd64", 1),
        ("linux/arm/v7", "linux/arm", 1),
        ("linux/arm/v7", "linux/arm/v6", 0),
        ("linux/arm", "linux/arm/v7", 0),
        ("linux/arm64", "linux/arm64/v8", 1),
        ("linux/arm64/v8", "linux/arm64", 1),
        ("windows/amd64", "linux/amd64", 0),
        ("", "linux/amd64", 0),
    ],
)
def test_a_platform_is_met_by_its_kind(have: str, asked: str, count: int) -> None:
    if count:
        assert select(images(have), [Platform.parse(asked)]) == images(have)
    else:
        with pytest.raises(ValueError, match=f"no image for {asked}"):
            select(images(have), [Platform.parse(asked)])


def test_the_order_is_the_indexs() -> None:
    have = images("linux/arm64", "linux/s390x", "linux/amd64")
    asked = [Platform.parse("linux/amd64"), Platform.parse("linux/arm64")]
    assert select(have, asked) == [have[0], have[2]]
