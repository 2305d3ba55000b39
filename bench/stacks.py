"""Every example as imgforge builds it, against the ordinary Dockerfile in ``bench/ordinary``.

Both are built by the same engine and run with the same flags: read-only, no capabilities, what
the spec declares writable as volumes. **Start** is from ``docker start`` to the first good answer
of the example's first probe, or for a program that ends, its whole first run; sides in turn,
medians, and the median of the ratios. **Size** is that of the packed layers, as a registry would
send them, and of the unpacked files.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import slimbase
from imgforge.oci.layout import Layout, references

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
IMGFORGE = Path(sys.executable).with_name("imgforge")
RUNS = int(os.environ.get("BENCH_RUNS", "7"))
NAMES = os.environ.get("BENCH_EXAMPLES", "").split()
_FLAGS = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")
_PATIENCE = 30.0
_MB = 1e6
_HANDED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NPM_CONFIG_REGISTRY", "npm_config_registry")
_AUTHORITIES = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")


@dataclass(frozen=True, slots=True)
class Side:
    """An image in the engine, and the bytes of its packed and unpacked layers."""

    image: str
    packed: int
    unpacked: int


def run() -> bool:
    """Print a row for every example that has an ordinary Dockerfile; there are no bounds."""
    ordinary = sorted(path.parent.name for path in (HERE / "ordinary").glob("*/Dockerfile"))
    names = NAMES or ordinary
    base = slimbase.ensure()
    print(f"{RUNS} pairs; imgforge, then the ordinary Dockerfile\n")
    print("| example | start | ordinary | ratio | packed MB | ordinary | unpacked MB | ordinary |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory(prefix="imgforge-bench-") as folder:
            _row(name, Path(folder), base)
    if missing := sorted({p.parent.name for p in EXAMPLES.glob("*/imgforge.toml")} - {*ordinary}):
        print(f"\nwithout an ordinary Dockerfile: {', '.join(missing)}")
    return True


def _row(name: str, folder: Path, base: str) -> None:
    app = folder / "app"
    shutil.copytree(EXAMPLES / name, app, ignore=shutil.ignore_patterns(".imgforge"))
    spec = tomllib.loads((app / "imgforge.toml").read_text(encoding="utf-8"))
    expect = tomllib.loads((app / "expect.toml").read_text(encoding="utf-8"))
    if "prepare" in expect:
        _run(expect["prepare"], cwd=app)
    sides = (_own(app, spec, folder), _ordinary(name, app, base, folder))
    pairs = [
        tuple(_start(side.image, spec, expect, app) for side in sides) for _ in range(RUNS + 1)
    ]
    own, other = (statistics.median(side) for side in zip(*pairs[1:], strict=True))
    ratio = statistics.median(a / b for a, b in pairs[1:])
    sizes = [
        f"{n / _MB:.1f}" for s in ("packed", "unpacked") for n in (getattr(x, s) for x in sides)
    ]
    cells = (name, f"{own:.2f} s", f"{other:.2f} s", f"{ratio:.2f}", *sizes)
    print(f"| {' | '.join(cells)} |", flush=True)
    for side in sides:
        _run(["docker", "image", "rm", "--force", side.image])


def _own(app: Path, spec: Mapping[str, Any], folder: Path) -> Side:
    _run([IMGFORGE, "lock", app, "--upgrade"])
    _run([IMGFORGE, "build", app, "--load", "--tag", "bench", "--output", folder / "own"])
    return _side(f"{spec['image']['name']}:bench", folder / "own" / "image")


def _ordinary(name: str, app: Path, base: str, folder: Path) -> Side:
    machine = folder / "machine"
    lines = [f"export {n}={os.environ[n]!r}" for n in _HANDED_ON if n in os.environ]
    bundle = os.environ.get("SSL_CERT_FILE")
    lines += [f"export {n}=/run/secrets/ca" for n in _AUTHORITIES if bundle]
    machine.write_text("\n".join(lines) + "\n", encoding="utf-8")
    image, output = f"imgforge-bench/{name}:ordinary", folder / "ordinary"
    argv: list[str | Path] = [
        "docker",
        "buildx",
        "build",
        "--quiet",
        "--file",
        HERE / "ordinary" / name / "Dockerfile",
    ]
    argv += ["--build-context", f"debian:trixie-slim=docker-image://{base}"]
    argv += ["--secret", f"id=machine,src={machine}"]
    argv += ["--secret", f"id=ca,src={bundle}"] if bundle else []
    argv += ["--provenance=false", app]
    packing = "compression=gzip,force-compression=true"
    _run([*argv, "--output", f"type=oci,tar=false,dest={output},{packing}"])
    _run([*argv, "--load", "--tag", image])
    return _side(image, output)


def _side(image: str, path: Path) -> Side:
    layout = Layout.open(path)
    found = [image for top in layout.index() for image in layout.images(top)]
    packed = sum(layer.size for layer in references(layout.read_json(found[0]))[1:])
    name = _run(["docker", "create", image]).strip()
    export = ["docker", "export", name]
    counting = subprocess.Popen(export, stdout=subprocess.PIPE)
    unpacked = 0
    if counting.stdout is not None:
        while block := counting.stdout.read(1 << 20):
            unpacked += len(block)
    counting.wait()
    _run(["docker", "rm", name])
    return Side(image, packed, unpacked)


def _start(image: str, spec: Mapping[str, Any], expect: Mapping[str, Any], app: Path) -> float:
    """Return the seconds until the container did what the example expects first."""
    flags = [*_FLAGS, *(f"--env={n}={value}" for n, value in expect.get("env", {}).items())]
    wanted = spec.get("run", {})
    flags += [f"--mount=type=volume,destination={path}" for path in wanted.get("writable", ())]
    for name in wanted.get("secrets", ()):
        file = app / f".secret-{name}"
        file.write_text(expect["secrets"][name], encoding="utf-8")
        file.chmod(0o444)
        flags.append(f"--mount=type=bind,source={file},destination=/run/secrets/{name},readonly")
    if "runs" in expect:
        return _once(image, flags, expect["runs"][0])
    if "port" in expect:
        flags.append(f"--publish=127.0.0.1::{expect['port']}")
    with _container(image, flags) as name:
        before = time.perf_counter()
        _run(["docker", "start", name])
        if "port" in expect:
            return _answered(name, expect) - before
        return _logged(name, expect["log"]) - before


def _once(image: str, flags: list[str], first: Mapping[str, Any]) -> float:
    env = [f"--env={n}={value}" for n, value in first.get("env", {}).items()]
    argv = ["docker", "run", "--rm", "--interactive", *flags, *env, image]
    argv += first.get("arguments", [])
    before = time.perf_counter()
    done = subprocess.run(
        argv, input=first.get("input", ""), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - before
    if done.returncode != first.get("exit", 0) or not re.search(
        first.get("output", ""), done.stdout
    ):
        sys.exit(f"{image} did not do what was expected: {done}")
    return seconds


@contextmanager
def _container(image: str, flags: list[str]) -> Iterator[str]:
    name = _run(["docker", "create", *flags, image]).strip()
    try:
        yield name
    finally:
        _run(["docker", "rm", "--force", "--volumes", name])


def _answered(name: str, expect: Mapping[str, Any]) -> float:
    ports = json.loads(
        _run(["docker", "inspect", "--format", "{{json .NetworkSettings.Ports}}", name])
    )
    port = int(ports[f"{expect['port']}/tcp"][0]["HostPort"])
    probe = expect["probes"][0]
    for _ in _patiently(name):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            body = json.dumps(probe["json"]) if "json" in probe else None
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(probe.get("method", "GET"), probe["path"], body, headers)
            if connection.getresponse().status == probe["status"]:
                return time.perf_counter()
        except (OSError, http.client.HTTPException):
            continue  # not yet
        finally:
            connection.close()
    raise AssertionError


def _logged(name: str, wanted: str) -> float:
    for _ in _patiently(name):
        argv = ["docker", "logs", name]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        if re.search(wanted, done.stdout + done.stderr):
            return time.perf_counter()
    raise AssertionError


def _patiently(name: str) -> Iterator[None]:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        yield
        time.sleep(0.005)
    sys.exit(f"{name} is not well after {_PATIENCE:.0f} s:\n{_run(['docker', 'logs', name])}")


def _run(argv: Sequence[str | Path], cwd: Path | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")
    return done.stdout
