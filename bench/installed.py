"""imgforge as it is where it is installed: without click, which only tools of development bring.

httpx loads its own command line, with rich and pygments, wherever click is: half of its import.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.modules["click"] = None  # type: ignore[assignment]
    from imgforge.cli.main import main

    sys.argv[0] = "imgforge"
    sys.exit(main())
