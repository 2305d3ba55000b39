from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _one_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _shared_cache(_own_cache: None, _one_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all tests here have the scanners' rules compiled once."""
    monkeypatch.setenv("IMGFORGE_CACHE", str(_one_cache))


@pytest.fixture
def best_of() -> Callable[[Callable[[], object]], float]:
    """Return a function that measures a call: the best of five, in seconds of this process."""

    def measured(call: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            call()
            times.append(time.process_time() - began)
        return min(times)

    return measured
