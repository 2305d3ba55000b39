"""Run the service until it is asked to stop; log to stdout, one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping

from notes.config import Config, ConfigError, read


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def serve(env: Mapping[str, str]) -> int:
    """Serve; return 0 after a graceful stop, 2 if the configuration is not usable."""
    try:
        config = read(env)
    except ConfigError as error:
        for problem in error.problems:
            print(f"notes: {problem}", file=sys.stderr)
        return 2
    _log(config.log_level)
    _run(config)
    return 0


def _log(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json())
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _run(config: Config) -> None:
    import uvicorn

    from notes.app import make

    uvicorn.run(
        make(config),
        host="0.0.0.0",  # noqa: S104 - a container's own network
        port=config.port,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
