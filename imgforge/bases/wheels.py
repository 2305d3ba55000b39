"""Executables out of wheels, for builder bases: resolved and installed by our own ``uv``.

No index is ever named here: uv takes it from its own configuration and environment.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from imgforge import process
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


def lock(wheel: WheelFile) -> Wheel:
    """Resolve a wheel: our own version if we depend on it too, and the hashes of its files."""
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
    return Wheel(found[1], found[2], hashes)


def install(wheel: WheelFile, locked: Wheel, architecture: str, *, offline: bool) -> Entry:
    """Install the locked wheel aside and return its one file as an executable."""
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        wanted, target = Path(folder, "requirements.txt"), Path(folder, "target")
        hashes = " ".join(f"--hash=sha256:{h}" for h in locked.hashes)
        wanted.write_text(f"{locked.name}=={locked.version} {hashes}\n")
        command = ["install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--no-deps"]
        command += ["--python-platform", _PLATFORMS[architecture]]
        command += ["--python-version", wheel.python, "--target", str(target), "-r", str(wanted)]
        _uv([*command, *(["--offline"] if offline else [])], folder)
        file = target / wheel.file
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _MAX_FILE:
            raise BuildFailedError(f"{locked.name} {locked.version} has no file {wheel.file}")
        return Entry(wheel.path, 0o755, data=file.read_bytes())


def _uv(arguments: list[str], folder: str) -> None:
    import uv

    passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    process.run(
        [uv.find_uv_bin(), "pip", *arguments, "--python", sys.executable],
        env=passed,
        cwd=Path(folder),
        timeout=600,
    )
