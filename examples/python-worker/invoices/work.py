"""The worker: takes jobs until it is asked to stop, and then leaves none half done.

As process 1 of a container it has no default handler of SIGTERM: it must have its own.
"""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

from pydantic import ValidationError

from invoices.job import Invoice
from invoices.queue import Queue
from invoices.write import write

IDLE = 0.5
"""Seconds between two looks into an empty queue."""

log = logging.getLogger("invoices")


def work(folder: Path, pace: float = 0.0) -> int:
    """Work until SIGTERM or SIGINT; ``pace`` (seconds) is waited within every job.

    A job in the middle is given back, for the next worker to take at once. Returns 0.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder.mkdir(parents=True, exist_ok=True)
    queue = Queue(folder)
    log.info("ready, %d jobs wait", queue.waiting())
    while not stop.is_set():
        taken = queue.take()
        if taken is None:
            stop.wait(IDLE)
            continue
        job, body = taken
        log.info("job %d begins", job)
        if stop.wait(pace):
            queue.give_back(job)
            log.info("job %d given back", job)
            break
        queue.finish(job, _do(job, body, folder))
    log.info("stopped, %d jobs wait", queue.waiting())
    return 0


def _do(job: int, body: str, folder: Path) -> str | None:
    """Do a job; return what is wrong with it, if something is."""
    try:
        path = write(Invoice.model_validate_json(body), folder)
    except ValidationError as error:
        log.warning("job %d is no invoice: %d problems", job, error.error_count())
        return str(error)
    log.info("job %d done: %s", job, path.name)
    return None
