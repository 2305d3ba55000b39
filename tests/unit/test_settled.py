"""A lock that is known to be good is still bound by policies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from madepolicy import organisation_in

from imgforge import settled
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.project import Project


def test_the_organisations_policy_is_asked_of_a_lock_that_is_known(
    make_project: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = organisation_in(tmp_path, monkeypatch)
    for name, value in org.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IMGFORGE_CONFIG", raising=False)
    root = make_project().root
    org.write("[bases]\nallow = []\n")
    org.pin("digest")
    settled.check(root)
    with pytest.raises(InvalidInputError, match="the policy does not allow the base"):
        settled.settle(root, offline=True, say=lambda _: None)
    org.write("")
    with pytest.raises(EvidenceError, match="is not the one that"):
        settled.settle(root, offline=True, say=lambda _: None)
