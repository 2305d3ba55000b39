"""Debian's slim image, as near as this machine can make it: no registry has to answer.

mmdebstrap's smallest variant of trixie, without documentation and translations, as Docker's own
``debian:trixie-slim`` is made; the machine's package sources are in it. Kept in ``.dev/bench``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from bench.images import KEPT

NAME = "imgforge-bench/debian:trixie-slim"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_APT = """\
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
"""
"""Docker's image has apt keep nothing that it can fetch again."""

_LEFT_OUT = ("man", "info", "doc", "locale", "lintian")


def ensure() -> str:
    """Return the name of the image in the engine; it is made and imported if need be."""
    look = ["docker", "image", "inspect", NAME]
    if subprocess.run(look, capture_output=True, check=False).returncode == 0:
        return NAME
    tar = KEPT / "debian-trixie-slim.tar"
    if not tar.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        print("making debian:trixie-slim ...", file=sys.stderr)
        new = tar.with_suffix(".new.tar")
        options = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
        # Put there at the end: apt runs outside while the image is made, and would clean up there.
        kept = KEPT / "docker-clean"
        kept.write_text(_APT, encoding="utf-8")
        options.append(f'--customize-hook=cp "{kept}" "$1/etc/apt/apt.conf.d/docker-clean"')
        options.append('--customize-hook=rm -f "$1"/var/cache/apt/*.bin')
        argv = ["mmdebstrap", "--quiet", "--variant=minbase", *options]
        argv += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", "trixie", str(new), _mirror()]
        subprocess.run(argv, check=True)
        new.rename(tar)
    load = ["docker", "import", "--change", 'CMD ["bash"]', str(tar), NAME]
    subprocess.run(load, check=True, capture_output=True)
    return NAME


def _mirror() -> str:
    """Return the mirror from which this machine takes its own packages."""
    found = re.search(r"^URIs:\s*(\S+)", _SOURCES.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        sys.exit(f"{_SOURCES} names no mirror")
    return found[1]
