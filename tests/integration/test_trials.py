"""What a trial says of images that do not do what is expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import Example

from imgforge import trial
from imgforge.trial.expect import Expectation

Built = Callable[[str, str], Example]


@pytest.fixture
def hello(built: Built) -> Example:
    return built("binary", "native")


def said(example: Example, **changes: Any) -> str:  # noqa: ANN401 - as TOML has it
    given = example.expect.model_dump(by_alias=True) | changes
    return "\n".join(trial.run(example.name, Expectation.model_validate(given), lambda _: None))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"log": "never said"}, "'never said' is not in its log"),
        ({"probes": [{"path": "/healthz", "status": 500}]}, "GET /healthz: status 200, not 500"),
        ({"secrets": {"key": "made up"}}, "the spec declares no secrets key"),
        ({"log": "", "port": None, "probes": [], "runs": [{}]}, "run 1: it did not end"),
    ],
)
def test_what_is_not_as_expected_is_told(
    hello: Example, changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "START", 10)
    assert words in said(hello, **changes)


def test_a_program_that_ends_is_judged_by_its_exit_code(hello: Example) -> None:
    nothing: dict[str, Any] = {"log": "", "port": None, "probes": []}
    asked = {"arguments": ["--health"], "env": {"GREETING": ""}}
    assert "exit code 1, not 0" in said(hello, **nothing, runs=[asked])
    assert said(hello, **nothing, runs=[{**asked, "exit": 1}]) == ""


def test_a_server_without_its_environment_must_refuse(built: Built) -> None:
    example = built("python-web", "native")
    assert "nothing says what it `refuses`" in said(example, refuses="")
    assert "'something else' is not in what it says then" in said(example, refuses="something else")


def test_input_reaches_a_program(built: Built) -> None:
    """The interpreter of an image reads its standard input, to the end of it."""
    example = built("python-web", "native")
    ending = {"arguments": ["--help"], "input": "not read\n" * 10000, "exit": 0}
    changed = said(example, log="", port=None, probes=[], refuses="PUBLIC_URL", runs=[ending])
    assert "did not end" not in changed
