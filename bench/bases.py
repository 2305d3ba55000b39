"""Bases: made from cold, from kept packages, and found; and what compression costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

NAME = "python-3.13"
RUNS = 3
BOUNDS = {"cold": 15.0, "packages kept": 3.0, "all kept": 0.1}
"""Seconds for the Python base on one platform; the last is for finding it, in the process."""

PACKAGES = "libpython3.13-stdlib,python3.13-minimal,ca-certificates,tzdata,netbase,media-types"


def timed(command: Sequence[str | Path], env: dict[str, str]) -> float:
    """Run a program; return its wall time in seconds. SystemExit with what it said if it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command}\n{done.stderr}")
    return time.perf_counter() - start


def making(imgforge: Path, folder: Path) -> bool:
    """Make the Python base three ways, against mmdebstrap with the same packages from cold."""
    cache, lock = folder / "base-cache", folder / "base.lock"
    env = {"IMGFORGE_CACHE": str(cache), "IMGFORGE_QUIET": "1"}
    build: list[str | Path] = [
        imgforge,
        "base",
        "build",
        NAME,
        "--platform",
        "linux/amd64",
        "--lock",
        lock,
    ]
    times: dict[str, list[float]] = {name: [] for name in BOUNDS}
    peers = []
    for _ in range(RUNS):
        shutil.rmtree(cache, ignore_errors=True)
        lock.unlink(missing_ok=True)
        times["cold"].append(timed(build, env))
        peers.append(_mmdebstrap(folder))
        for kept in ("bases", "layers"):
            shutil.rmtree(cache / kept)
        times["packages kept"].append(timed(build, env))
        times["all kept"].append(_found(cache, lock))
    held = True
    for name, bound in BOUNDS.items():
        best = sorted(times[name])[len(times[name]) // 2]
        verdict = "ok" if best <= bound else "OVER"
        held &= best <= bound
        print(f"{f'{NAME}, {name}':<44} {best:7.3f} s   (bound {bound} s) {verdict}")
    if peers := [p for p in peers if p is not None]:
        ratios = sorted(a / b for a, b in zip(times["cold"], peers, strict=False))
        peer = sorted(peers)[len(peers) // 2]
        ratio = ratios[len(ratios) // 2]
        print(f"{'  mmdebstrap, the same packages, cold':<44} {peer:7.2f} s   ratio {ratio:5.2f}")
    else:
        print("  (mmdebstrap is not installed: no peer)")
    return held


def _found(cache: Path, lock: Path) -> float:
    """Time what a build does for a base that is there: read the lock, find the layout whole."""
    from imgforge import bases
    from imgforge import lock as locks

    before = os.environ.get("IMGFORGE_CACHE")
    os.environ["IMGFORGE_CACHE"] = str(cache)
    try:
        start = time.perf_counter()
        bases.ensure(locks.read(lock).runtime, offline=True, say=print)
        return time.perf_counter() - start
    finally:
        if before is None:
            del os.environ["IMGFORGE_CACHE"]
        else:
            os.environ["IMGFORGE_CACHE"] = before


def _mmdebstrap(folder: Path) -> float | None:
    """Make a root of the same packages the usual way: apt, dpkg, maintainer scripts, as root."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        return None
    from imgforge.bases import sources

    found = sources.find("trixie")
    lines = [
        f"deb [signed-by={found.keyring}] {s.url} {s.name} main"
        for s in found.suites("trixie", "amd64")
    ]
    command = ["mmdebstrap", "--quiet", "--variant=custom", "--mode=root"]
    command += [f"--include={PACKAGES}", "trixie", str(folder / "peer.tar"), *lines]
    (folder / "peer.tar").unlink(missing_ok=True)
    return timed(command, {})


def _packed(level: int, member: bytes) -> bytes:
    import deflate

    return bytes(deflate.gzip_compress(member, level))


def compression() -> bool:
    """Show what each level costs and gives on the Python base's own files, one thread and two."""
    import gzip

    from imgforge import bases
    from imgforge.oci.layer import LEVEL, MEMBER
    from imgforge.oci.layout import Layout
    from imgforge.oci.types import Platform

    base = bases.resolve(NAME, (Platform("linux", "amd64"),), say=lambda _: None)
    layout = Layout.open(bases.ensure(base, say=print))
    (top,) = layout.index()
    layers = layout.read_json(layout.images(top)[0])["layers"]
    raw = b"".join(gzip.decompress(layout.blob_path(x["digest"]).read_bytes()) for x in layers)
    members = [raw[at : at + MEMBER] for at in range(0, len(raw), MEMBER)]
    print(f"{NAME}: {len(raw) / 1e6:.1f} MB; imgforge uses level {LEVEL}")
    for level in (1, 2, 3, 4, 6, 9, 12):
        seconds = []
        for jobs in (1, 2):
            start = time.perf_counter()
            with ThreadPoolExecutor(jobs) as pool:
                size = sum(len(b) for b in pool.map(partial(_packed, level), members))
            seconds.append(time.perf_counter() - start)
        one, two = seconds
        print(f"  level {level:>2}: {size / 1e6:6.2f} MB {one:6.2f} s, on two threads {two:5.2f} s")
    return True
