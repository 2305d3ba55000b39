"""``python3 -m notes``: serve, or with ``--health`` ask a running server whether it is well."""

from __future__ import annotations

import os
import sys


def main() -> int:
    if sys.argv[1:] == ["--health"]:
        from notes.health import ask

        return ask(os.environ)
    if sys.argv[1:]:
        print("usage: python3 -m notes [--health]", file=sys.stderr)
        return 2
    from notes.serve import serve

    return serve(os.environ)


if __name__ == "__main__":
    sys.exit(main())
