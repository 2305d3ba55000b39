from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import madeimage as made

from imgforge.oci.layout import Layout

DEAR = ("logging", "tomllib", "socket", "hyperscan", "yara_x", "isal", "imgforge.report.sarif")


def test_a_check_of_known_layers_loads_nothing_that_only_others_need(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [made.tar(made.file("app"))])
    layout.write_index([image])
    code = f"""
import sys
from imgforge.analysis import whole
whole.SETTLED = -60
from imgforge.cli.main import main
main(["check", "--quiet", {str(layout.path)!r}])
print(*({set(DEAR)!r} & set(sys.modules)), file=sys.stderr)
"""
    environ = {"IMGFORGE_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env=environ,
        )
    assert done.stderr.splitlines()[-1] == ""
