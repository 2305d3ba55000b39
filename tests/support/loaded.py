"""Which modules a command loads, run in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

SIGNING = frozenset(
    {
        "cryptography",
        "httpx",
        "id",
        "imgforge.signing",
        "imgforge.verify",
        "nacl",
        "requests",
        "rfc3161_client",
        "sigstore",
        "sigstore_models",
        "tuf",
    }
)
"""What only signing, verifying and registries need, half a second of imports and more."""

_CODE = """
import contextlib, sys
from imgforge.cli.main import main
code = 0
with contextlib.suppress(SystemExit):
    code = main(sys.argv[1:])
print(f"\\n{code}", *sys.modules, file=sys.stderr)
"""


def loaded(
    *arguments: str | Path, cwd: Path, codes: Collection[int] = (0,), env: Mapping[str, str] = {}
) -> set[str]:
    """Run ``imgforge`` with ``arguments``, which has to end with one of ``codes``."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    assert int(code) in codes, done.stderr
    return set(modules)
