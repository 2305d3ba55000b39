"""Compare imgforge with an ordinary Dockerfile built by buildx, on the same bases.

    make bench                          everything
    .venv/bin/python -m bench change    only what is named

Whole processes, the two sides in turn (A B A B …), medians, and the ratio pair by pair: the
machine's speed drifts, ratios hold. Needs a Docker Engine with the containerd image store;
``catalogue``, ``checks``, ``detection``, ``planning`` and ``signing`` (modules of those names) need
none.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import bases, catalogue, checks, detection, planning, sboms, signing, stacks

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
IMGFORGE = Path(sys.executable).with_name("imgforge")
RUNS = int(os.environ.get("BENCH_RUNS", "7"))
Side = Callable[[], None]


@dataclass(frozen=True)
class Workplace:
    """A copy of the example, a key, and the layouts of its bases."""

    folder: Path
    app: Path
    key: Path
    runtime: str
    builder: str

    def imgforge(self, *arguments: str) -> None:
        """Run one command, its output thrown away."""
        run([str(IMGFORGE), *arguments])

    def build(self, engine: str) -> None:
        """Build, check, list and sign the example with an engine."""
        output = str(self.folder / f"out-{engine}")
        self.imgforge(
            "build", str(self.app), "--engine", engine, "--output", output, "--key", str(self.key)
        )

    def buildx(self) -> None:
        """Build the hand-written Dockerfile as its author would: into the image store."""
        argv = ["docker", "buildx", "build", "--quiet", "--tag", "bench/notes:1"]
        argv += ["--build-context", f"runtime=oci-layout://{self.runtime}"]
        argv += ["--build-context", f"builder=oci-layout://{self.builder}"]
        run([*argv, *_ca_secret(), "--file", str(HERE / "Dockerfile"), str(self.app)])

    def touch(self) -> None:
        """Change one file of the application."""
        with (self.app / "notes" / "app.py").open("a") as file:
            file.write(f"# {time.monotonic_ns()}\n")


def _ca_secret() -> list[str]:
    bundle = os.environ.get("SSL_CERT_FILE")
    return ["--secret", f"id=ca,src={bundle}"] if bundle else []


def run(argv: list[str]) -> None:
    """Run a program; show its output only if it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")


def prepare(folder: Path) -> Workplace:
    """Copy the example, lock it, build the bases, make a key."""
    from imgforge import bases, lock

    app = folder / "app"
    shutil.copytree(
        ROOT / "examples" / "python-web", app, ignore=shutil.ignore_patterns(".imgforge")
    )
    run([str(IMGFORGE), "lock", str(app), "--upgrade"])
    run([str(IMGFORGE), "key", "generate", str(folder / "bench")])
    locked = lock.read(app / "imgforge.lock")
    pins = [
        f"{bases.ensure(base, say=print)}@{base.digest}"
        for base in (locked.base("runtime"), locked.base("builder"))
    ]
    return Workplace(folder, app, folder / "bench.key", *pins)


def timed(action: Side) -> float:
    """Return the wall time of one call in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(title: str, one: Side, other: Side, before: Side, limit: float) -> bool:
    """Time two actions in turn; print medians and the median ratio; say if it is in bounds."""
    pairs = []
    for number in range(RUNS + 1):
        before()
        first = timed(one)
        before()
        second = timed(other)
        if number:
            pairs.append((first, second))
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(side) for side in zip(*pairs, strict=True))
    held = ratio <= limit
    verdict = "ok" if held else "OVER"
    print(f"{title:<44} {a:7.2f} s {b:7.2f} s   ratio {ratio:5.2f} (bound {limit}) {verdict}")
    return held


def change(place: Workplace) -> bool:
    """One file changed → checked, listed and signed, against buildx alone."""
    place.build("native")
    place.build("buildkit")
    place.buildx()
    held = [
        compare(
            f"one-file change, {engine} / buildx",
            lambda engine=engine: place.build(engine),  # type: ignore[misc]
            place.buildx,
            place.touch,
            limit,
        )
        for engine, limit in (("native", 0.5), ("buildkit", 1.3))
    ]
    return all(held)


def unchanged(place: Workplace) -> bool:
    """Nothing changed: the key answers and the evidence is verified, against buildx's cache."""
    held = []
    for engine in ("native", "buildkit"):
        place.build(engine)
        held.append(
            compare(
                f"nothing changed, {engine} / buildx",
                lambda engine=engine: place.build(engine),  # type: ignore[misc]
                place.buildx,
                lambda: None,
                0.5,
            )
        )
    return all(held)


def render(place: Workplace) -> bool:
    """Print the Dockerfile: first time, and again."""
    times = [timed(lambda: place.imgforge("render", str(place.app))) for _ in range(RUNS + 1)]
    warm = statistics.median(times[1:])
    print(f"{'render':<44} {warm:7.2f} s   (first {times[0]:.2f} s, bound 0.3 s)")
    return warm <= 0.3  # noqa: PLR2004 - the bound


def memory(place: Workplace) -> bool:
    """Peak memory of a native build of an image with 500 MB of application files."""
    big = place.folder / "big"
    (big / "data").mkdir(parents=True)
    block = os.urandom(1 << 20)
    for number in range(10):
        with (big / "data" / f"part{number}").open("wb") as file:
            for i in range(50):
                file.write(block[i:] + block[:i])
    (big / "imgforge.toml").write_text(
        '[image]\nname = "bench/big"\n[stack]\nname = "binary"\n'
        '[app]\nsource = ["data"]\nentrypoint = ["/app/data/part0"]\n'
    )
    place.imgforge("lock", str(big))
    arguments = ["build", str(big), "--engine", "native", "--key", str(place.key)]
    start = time.perf_counter()
    child = os.posix_spawn(IMGFORGE, [str(IMGFORGE), *arguments], os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds, peak = time.perf_counter() - start, usage.ru_maxrss >> 10
    if status:
        sys.exit("the build of the large image failed")
    held = peak <= 200  # noqa: PLR2004 - the bound
    verdict = "ok" if held else "OVER"
    print(f"{'500 MB image, native':<44} {seconds:7.2f} s   peak {peak} MB (bound 200) {verdict}")
    return held


def made(place: Workplace) -> bool:
    """Make a base from cold, from kept packages, and find it (:mod:`bench.bases`)."""
    return bases.making(IMGFORGE, place.folder)


def compression(_: Workplace) -> bool:
    """Show what compression costs at each level (:mod:`bench.bases`)."""
    return bases.compression()


ALONE = {
    "catalogue": catalogue.run,
    "checks": checks.run,
    "detection": detection.run,
    "planning": planning.run,
    "sboms": sboms.run,
    "signing": signing.run,
    "stacks": stacks.run,
}
"""What does not need the example and its bases; of these ``stacks`` needs the engine."""

BENCHES = {
    "render": render,
    "change": change,
    "unchanged": unchanged,
    "memory": memory,
    "bases": made,
    "compression": compression,
}


def main() -> int:
    """Run the named benches, or all; exit code 1 if a bound is passed."""
    names = sys.argv[1:] or [*BENCHES, *ALONE]
    os.environ["IMGFORGE_KEY_PASSWORD"] = "bench"  # noqa: S105 - of a key that lives a minute
    os.environ["IMGFORGE_QUIET"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its bytecode
    if unknown := [name for name in names if name not in BENCHES and name not in ALONE]:
        sys.exit(f"no such bench: {', '.join(unknown)}; there are {', '.join([*BENCHES, *ALONE])}")
    held = [ALONE[name]() for name in names if name in ALONE]
    if shared := [name for name in names if name in BENCHES]:
        with tempfile.TemporaryDirectory(prefix="imgforge-bench-") as folder:
            place = prepare(Path(folder))
            print(f"{os.cpu_count()} CPUs, {RUNS} pairs each; left imgforge, right the other\n")
            held += [BENCHES[name](place) for name in shared]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
