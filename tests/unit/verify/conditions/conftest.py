from __future__ import annotations

import gc
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
    """Return a function that measures a call: the best of several, in seconds of this process.

    It stops as soon as one took under 50 ms, which is what is allowed on a calm machine.
    """

    def measured(call: Callable[[], object]) -> float:
        best = 1000.0
        for _ in range(20):
            gc.collect()
            began = time.process_time()
            call()
            best = min(best, time.process_time() - began)
            if best < 0.05:
                break
        return best

    return measured
