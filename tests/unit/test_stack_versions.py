"""Each version that a stack offers is built by a test: as an example, or as a small application."""

from __future__ import annotations

import pytest
import versioned

from imgforge import stack


def test_every_version_is_an_examples_or_has_an_app() -> None:
    assert set(versioned.offered()) - versioned.of_examples() == versioned.APPS.keys()


def test_a_version_that_nobody_builds_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is offered is read from the stacks themselves."""
    versions = stack.load("go").definition.versions
    monkeypatch.setitem(versions, "1.99", versions["1.24"])
    assert set(versioned.offered()) - versioned.of_examples() - versioned.APPS.keys() == {
        ("go", "1.99")
    }


@pytest.mark.parametrize(("name", "version"), versioned.APPS)
def test_apps_are_named_and_expect_something(name: str, version: str) -> None:
    apps = versioned.APPS[name, version]
    assert apps
    for app in apps.values():
        assert bool(app.example) or {"imgforge.toml"} < app.files.keys()
        assert app.example or app.expected
