from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import doctor
from imgforge.oci.types import sha256


def policy_fact() -> doctor.Fact:
    return next(fact for fact in doctor.examine() if fact.name == "policy")


def test_the_pinned_policy_is_named_and_one_in_doubt_stops_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, settings = tmp_path / "org.toml", tmp_path / "config.toml"
    file.write_text('fail-on = "low"\n')
    digest = sha256(file.read_bytes())
    settings.write_text(f'[policy]\nfile = "org.toml"\ndigest = "{digest}"\n')
    monkeypatch.setenv("IMGFORGE_CONFIG", str(settings))
    fact = policy_fact()
    assert (fact.ok, fact.detail) == (True, str(file))
    file.write_text('fail-on = "high"\n')
    fact = policy_fact()
    assert (fact.ok, fact.needed) == (False, True)
    assert "is not the one that" in fact.detail
