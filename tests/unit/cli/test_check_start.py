"""What a check of an image that is mostly known may load: imports decide how long it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import madeimage as made

from imgforge.oci.layout import Layout

NEVER = (
    "pydantic",
    "jinja2",
    "docker",
    "httpx",
    "cryptography",
    "sigstore",
    "asyncio",
    "packaging",
)
TO_READ = "hyperscan"
"""What only reading a layer needs."""


def loaded(cache: Path, *arguments: str) -> set[str]:
    code = (
        "import sys\nfrom imgforge.cli.main import main\n"
        f"code = main({list(arguments)!r})\n"
        "print(code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"IMGFORGE_CACHE": str(cache), "IMGFORGE_QUIET": "1"},
    )
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code in {"0", "10"}, done.stderr
    return set(modules)


def test_a_check_loads_the_engines_only_for_layers_that_it_does_not_know(tmp_path: Path) -> None:
    layout, cache = Layout.create(tmp_path / "layout"), tmp_path / "cache"
    layout.write_index([made.add(layout, [made.tar(made.file("app/run", b"x", 0o755))])])
    first = loaded(cache, "check", str(layout.path))
    assert not first & set(NEVER)
    assert TO_READ in first
    again = loaded(cache, "check", str(layout.path))
    assert not again & {*NEVER, TO_READ}
