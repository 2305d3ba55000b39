"""``python3 -m invoices``: work, add a job from standard input, or say whether all is well."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path


def main() -> int:
    folder = Path(os.environ.get("DATA_DIR", "data"))
    match sys.argv[1:]:
        case ["work"]:
            from invoices.work import work

            logging.basicConfig(level="INFO", stream=sys.stdout, format="%(levelname)s %(message)s")
            return work(folder, float(os.environ.get("PACE", "0")))
        case ["add"]:
            from invoices.job import Invoice
            from invoices.queue import Queue

            body = Invoice.model_validate_json(sys.stdin.read()).model_dump_json()
            print(Queue(folder).add(body))
            return 0
        case ["health"]:
            from invoices.queue import Queue

            print(f"{Queue(folder).waiting()} jobs wait")
            return 0
    print("usage: python3 -m invoices work|add|health", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
