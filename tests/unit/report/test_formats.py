from __future__ import annotations

import madereport
import pytest
from madereport import FINDINGS

from imgforge.report import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_pure_ascii_and_the_same_each_time(name: str) -> None:
    found = madereport.report(*FINDINGS)
    out = FORMATS[name](found)
    assert out.isascii()
    assert "\x1b" not in out
    assert out == FORMATS[name](found)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_several_subjects_and_none(name: str) -> None:
    both = FORMATS[name](madereport.report(*FINDINGS), madereport.dockerfile(*FINDINGS))
    assert "acme/web" in both
    assert FORMATS[name](madereport.report()) is not None
