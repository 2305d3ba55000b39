from __future__ import annotations

import pytest

from imgforge.console import Meter


def test_a_meter_is_silent_for_a_second_and_then_ever_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    said: list[str] = []
    meter = Meter(said.append, "fetching", 50_000_000)
    for second in range(40):
        now[0] = float(second)
        meter.add(1_000_000)
    assert said[0] == "fetching: 2 of 50 MB"
    assert len(said) == 7
    bare = Meter(said.append, "saving")
    now[0] += 1
    bare.add(3_000_000)
    assert said[-1] == "saving: 3 MB"
