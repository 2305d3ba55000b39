"""The scanners that checks are measured against, and what one run of a program uses."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.images import KEPT

JUDGES = Path(__file__).resolve().parents[1] / ".dev" / "judges" / "bin"


@dataclass(frozen=True, slots=True)
class Use:
    """What programs used, one after the other: seconds of CPU and of the clock, peak in MB."""

    cpu: float = 0.0
    wall: float = 0.0
    peak: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(self.cpu + other.cpu, self.wall + other.wall, max(self.peak, other.peak))


def run(argv: Sequence[str | Path], codes: Sequence[int] = (0,)) -> Use:
    """Run a program and those it starts; SystemExit with what it said if it fails."""
    words = [str(word) for word in argv]
    python = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as report:
        streams = [(os.POSIX_SPAWN_DUP2, said.fileno(), number) for number in (1, 2)]
        streams.append((os.POSIX_SPAWN_DUP2, report.fileno(), 3))
        launcher = os.posix_spawn(python[0], [*python, *words], os.environ, file_actions=streams)
        os.waitpid(launcher, 0)
        said.seek(0)
        report.seek(0)
        code, cpu, wall, peak = report.read().split() or (b"-1", b"0", b"0", b"0")
        if int(code) not in codes:
            output = said.read().decode(errors="replace")
            raise SystemExit(f"{' '.join(words)}: {int(code)}\n{output}")
    return Use(float(cpu), float(wall), int(peak) >> 10)


def syft(layout: Path) -> Use:
    """List packages into both formats at once."""
    out = ["-o", f"spdx-json={KEPT / 'syft.spdx'}", "-o", f"cyclonedx-json={KEPT / 'syft.cdx'}"]
    os.environ["SYFT_CHECK_FOR_APP_UPDATE"] = "false"
    return run([_found("syft"), "scan", "--quiet", f"oci-dir:{layout}", *out])


def trivy(layout: Path, *what: str) -> Use:
    """Scan with Trivy, its cache as it is; ``what`` are its flags."""
    command: list[str | Path] = [_found("trivy"), "image", "--input", layout, "--quiet", *what]
    command += ["--cache-dir", KEPT / "trivy", "--output", KEPT / "trivy.out"]
    quick = ["--offline-scan", "--skip-db-update", "--skip-java-db-update", "--skip-version-check"]
    return run([*command, *quick])


def trivy_secrets(layout: Path) -> Use:
    """Look for credentials."""
    return trivy(layout, "--scanners", "secret")


def trivy_sbom(layout: Path) -> Use:
    """List packages in one format, without Trivy's index of jars: it knows the others as we do."""
    _empty_java_database()
    return trivy(layout, "--format", "cyclonedx")


def _empty_java_database() -> None:
    """Lay down an index of no jars: without any Trivy refuses to look at an image that has one."""
    folder = KEPT / "trivy" / "java-db"
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    far = "2100-01-01T00:00:00Z"
    times = dict.fromkeys(("NextUpdate", "UpdatedAt", "DownloadedAt"), far)
    (folder / "metadata.json").write_text(json.dumps({"Version": 1, **times}))
    with closing(sqlite3.connect(folder / "trivy-java.db")) as database:
        database.execute("CREATE TABLE artifacts(id INTEGER, group_id TEXT, artifact_id TEXT)")
        database.execute("CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB)")
        database.commit()


def forget_trivy() -> None:
    """Empty Trivy's cache."""
    shutil.rmtree(KEPT / "trivy", ignore_errors=True)


def unpack(layers: Sequence[Path]) -> Use:
    """Unpack layers one over the other, for gitleaks; the cheapest way there is.

    ``node_modules`` gets another name, since gitleaks reads nothing below it: a token in there
    would be shipped all the same.
    """
    root = KEPT / "unpacked"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    tar: list[str | Path] = [
        "tar",
        "--extract",
        "--gzip",
        "--no-same-owner",
        _RENAMED,
        "--directory",
        root,
        "--file",
    ]
    return sum((run([*tar, layer]) for layer in layers), Use())


def gitleaks() -> Use:
    """Search what :func:`unpack` left, and remove it."""
    command = [_gitleaks(), "dir", KEPT / "unpacked", "--no-banner", "--exit-code", "0"]
    use = run([*command, "--log-level", "error", "--report-path", KEPT / "gitleaks.json"])
    shutil.rmtree(KEPT / "unpacked")
    return use


def _found(name: str) -> str | Path:
    if (JUDGES / name).is_file():
        return JUDGES / name
    if shutil.which(name):
        return name
    raise SystemExit(f"{name} is missing: dev/tools installs it")


def _gitleaks() -> str | Path:
    """Find gitleaks, or take it from Debian's archive as the machine's apt knows it."""
    if shutil.which("gitleaks"):
        return "gitleaks"
    place = KEPT / "gitleaks"
    if not (place / "usr/bin/gitleaks").is_file():
        place.mkdir(parents=True, exist_ok=True)
        for command in (["apt-get", "-qq", "download", "gitleaks"], ["sh", "-c", _DEB]):
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"gitleaks is missing and apt has none:\n{done.stderr}")
    return place / "usr/bin/gitleaks"


_RENAMED = "--transform=s,node_modules,modules,g"
_DEB = "dpkg-deb --extract gitleaks_*.deb ."
