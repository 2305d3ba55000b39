from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge.engines import wheels
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError
from imgforge.oci.types import Platform
from imgforge.plan import BuildPlan


def test_offline_a_wheel_that_is_not_in_the_cache_is_named(
    make_plan: Callable[..., BuildPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An address where nothing listens: had uv asked it, it would have said so instead.
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    plan = make_plan()
    stage = plan.stages[0]
    (tmp_path / "requirements.txt").write_text(f"imgforge-demo==1 --hash=sha256:{'0' * 64}\n")
    target = tmp_path / "out"
    target.mkdir()
    request = BuildRequest(
        plan, "", tmp_path, {}, {}, tmp_path, no_cache=False, say=print, offline=True
    )
    assert stage.fill is not None
    with pytest.raises(BuildFailedError, match=r"requirements\.txt could not be") as caught:
        wheels.fill(stage.fill, Platform("linux", "amd64"), request, target)
    said = "\n".join(caught.value.details)
    assert "imgforge-demo" in said
    assert "network was disabled" in said
    assert "--offline" in (caught.value.hint or "")
