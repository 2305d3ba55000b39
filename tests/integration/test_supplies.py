"""A lock's files from the real archive, carried by a real registry's tools to a bare cache."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgforge import bases, lock
from imgforge.bases import supplies
from imgforge.errors import BuildFailedError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

PLATFORMS = (Platform("linux", "amd64"), Platform("linux", "arm64"))


def quiet(_: str) -> None:
    pass


def test_a_base_is_made_without_network_of_what_skopeo_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = bases.resolve("base", PLATFORMS, say=quiet)
    made = lock.Lock(lock.Inputs("x", "1", "base", "", PLATFORMS, ()), base)
    supplies.export(made, str(tmp_path / "out.tar"), say=quiet)
    carried = tmp_path / "carried"
    subprocess.run(
        ["/usr/bin/skopeo", "copy", f"oci-archive:{tmp_path / 'out.tar'}", f"oci:{carried}"],
        check=True,
        capture_output=True,
    )

    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "bare"))
    for name in ("MIRROR", "SECURITY_MIRROR", "SNAPSHOT_MIRROR"):
        monkeypatch.setenv(f"IMGFORGE_DEBIAN_{name}", "http://127.0.0.1:9")
    with pytest.raises(BuildFailedError, match="offline") as caught:
        bases.ensure(base, offline=True, say=quiet)
    locked = {
        f"{p.platform}: package {x.name} {x.version} {x.architecture}"
        for p in base.platforms
        for layer in p.layers
        for x in layer.packages
    }
    assert set(caught.value.details) == locked
    assert supplies.import_(str(carried), say=quiet) > 0
    (top,) = Layout.open(bases.ensure(base, offline=True, say=quiet)).index()
    assert top.digest == base.digest
