from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from invoices.job import Invoice
from invoices.queue import Queue
from invoices.write import write

BODY = '{"number": "A-1", "customer": "M & Co", "lines": [{"text": "Tea", "count": 2, "price": "1.25"}]}'


class Work(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)

    def start(self, pace: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "invoices", "work"],
            env={**os.environ, "DATA_DIR": str(self.folder), "PACE": pace},
            stdout=subprocess.PIPE,
            text=True,
        )

    def test_an_invoice_is_escaped_and_added_up(self) -> None:
        page = write(Invoice.model_validate_json(BODY), self.folder).read_text()
        self.assertIn("M &amp; Co", page)
        self.assertIn("<th>2.50</th>", page)

    def test_a_job_is_done_and_a_bad_one_is_noted(self) -> None:
        queue = Queue(self.folder)
        queue.add("{}")
        queue.add(BODY)
        with self.start("0") as worker:
            while queue.waiting():
                time.sleep(0.05)
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(), 0)
        self.assertTrue((self.folder / "A-1.html").exists())

    def test_a_job_in_the_middle_is_given_back(self) -> None:
        queue = Queue(self.folder)
        queue.add(BODY)
        with self.start("600") as worker:
            assert worker.stdout is not None
            while "begins" not in worker.stdout.readline():
                pass
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(), 0)
        self.assertEqual(queue.waiting(), 1)
        self.assertIsNotNone(queue.take())


if __name__ == "__main__":
    unittest.main()
