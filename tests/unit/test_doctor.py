from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import doctor
from imgforge.engines import containers
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


def test_what_steps_would_see_is_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(
        '[indexes.npm]\nurl = "https://npm.example.com/"\ncredentials = "env:NPM_LOGIN"\n'
    )
    monkeypatch.setenv("IMGFORGE_CONFIG", str(settings))
    monkeypatch.setenv("NPM_LOGIN", "a-word")
    monkeypatch.setenv("GOPROXY", "https://me:go-word@go.example.com")
    facts = {fact.name: fact for fact in doctor.examine()}
    assert facts["steps: npm"].detail == "indexes.npm"
    assert "GOPROXY" in facts["steps: go"].detail
    assert "word" not in "".join(fact.detail for fact in facts.values())
    monkeypatch.delenv("NPM_LOGIN")
    fact = next(f for f in doctor.examine() if f.name == "steps: npm")
    assert (fact.ok, fact.needed) == (False, True)
    assert "env:NPM_LOGIN holds no credentials" in fact.detail


def test_why_buildah_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "trouble", lambda: "a step cannot be kept apart here")
    fact = next(fact for fact in doctor.examine() if fact.name == "buildah")
    assert (fact.ok, fact.needed) == (False, False)
    assert fact.detail == "a step cannot be kept apart here"
