"""Executables out of wheels, for builder bases: resolved and installed by our own ``uv``.

No index is ever named here: uv takes it from its own configuration and environment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from imgforge import cache, process
from imgforge.bases import fetch
from imgforge.bases.definitions import WheelFile
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.lock import Wheel
from imgforge.oci.layer import Entry

_PLATFORMS = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
_PASSED = re.compile(
    r"UV_(?:.*INDEX.*|FIND_LINKS|CONFIG_FILE|CACHE_DIR|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST|"
    r"KEYRING_PROVIDER|HTTP_.*|OFFLINE|LINK_MODE)|NETRC|XDG_CONFIG_HOME|XDG_CACHE_HOME|ALL_PROXY"
)
_MAX_FILE = 512 << 20


def lock(wheel: WheelFile, architectures: Sequence[str]) -> dict[str, Wheel]:
    """Resolve a wheel for each architecture, its file in the cache on the way.

    Our own version is taken if we depend on it too.
    """
    requirement = wheel.requirement
    with contextlib.suppress(metadata.PackageNotFoundError):
        requirement += "==" + metadata.version(requirement)
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        wanted, out = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
        wanted.write_text(requirement + "\n")
        command = ["compile", "--generate-hashes", "--no-header", "--no-annotate", "--no-deps"]
        _uv(
            [*command, "--python-version", wheel.python, "--output-file", str(out), str(wanted)],
            folder,
        )
        text = out.read_text()
    found = re.search(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", text, re.MULTILINE)
    hashes = tuple(sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", text)))
    if not found or not hashes:
        raise RegistryError(f"uv resolved {requirement} to nothing that has hashes")
    unknown = Wheel(found[1], found[2], hashes, "", 0)
    return {name: _pinned(wheel, unknown, name) for name in architectures}


def _pinned(wheel: WheelFile, locked: Wheel, architecture: str) -> Wheel:
    data = _taken(wheel, locked, architecture)
    digest = hashlib.sha256(data).hexdigest()
    cache.write(cache.directory("blobs") / digest, data)
    return dataclasses.replace(locked, sha256=digest, size=len(data))


def install(wheel: WheelFile, locked: Wheel, architecture: str, *, offline: bool) -> Entry:
    """Return the wheel's one file as an executable, from the cache or its index."""
    path = fetch.cached(locked.sha256)
    if path is not None:
        return Entry(wheel.path, 0o755, data=path.read_bytes())
    name = f"{locked.name} {locked.version} for {architecture}"
    if offline:
        raise BuildFailedError(
            f"a file of {name} is not in the cache and this run is offline",
            hint="run once with network access",
        )
    data = _taken(wheel, locked, architecture)
    if hashlib.sha256(data).hexdigest() != locked.sha256:
        raise RegistryError(f"{wheel.file} of {name} is not the file that was locked")
    cache.write(cache.directory("blobs") / locked.sha256, data)
    return Entry(wheel.path, 0o755, data=data)


def _taken(wheel: WheelFile, locked: Wheel, architecture: str) -> bytes:
    """Install the wheel aside, its hash demanded, and return the file."""
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        wanted, target = Path(folder, "requirements.txt"), Path(folder, "target")
        hashes = " ".join(f"--hash=sha256:{h}" for h in locked.hashes)
        wanted.write_text(f"{locked.name}=={locked.version} {hashes}\n")
        command = ["install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps"]
        command += ["--python-platform", _PLATFORMS[architecture]]
        command += ["--python-version", wheel.python, "--target", str(target), "-r", str(wanted)]
        _uv(command, folder)
        file = target / wheel.file
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _MAX_FILE:
            raise BuildFailedError(f"{locked.name} {locked.version} has no file {wheel.file}")
        return file.read_bytes()


def _uv(arguments: list[str], folder: str) -> None:
    import uv

    passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    process.run(
        [uv.find_uv_bin(), "pip", *arguments, "--python", sys.executable],
        env=passed,
        cwd=Path(folder),
        timeout=600,
    )
