"""Run an imgforge command with its imports done before, and time what is left: own.py FILE ARG...

FILE has the modules to import first. If it does not exist, the command is run as it is and FILE is
written. The last line of stderr is JSON: seconds of the imports, wall time and CPU of the command.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from pathlib import Path


def _run() -> int:
    listed = Path(sys.argv[1])
    sys.argv[:2] = ["imgforge"]
    sys.modules["click"] = None  # type: ignore[assignment] # as in bench/installed.py
    start = time.perf_counter()
    from imgforge.cli.main import main

    for name in listed.read_text(encoding="utf-8").split() if listed.exists() else ():
        # Some modules exist only inside their packages, or are made while others are imported.
        with contextlib.suppress(ImportError, AttributeError, KeyError):
            importlib.import_module(name)
    imports, wall, cpu = time.perf_counter() - start, time.perf_counter(), time.process_time()
    code = main()
    used = {
        "imports": imports,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
    }
    if not listed.exists():
        listed.write_text("\n".join(sys.modules), encoding="utf-8")
    print(json.dumps(used), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(_run())
