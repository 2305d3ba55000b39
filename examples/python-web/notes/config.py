"""Configuration: environment variables, and one secret from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

LEVELS = ("debug", "info", "warning", "error")
SHORTEST_KEY = 32


class ConfigError(Exception):
    """The configuration is not usable; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """What the service was told. The session key never shows in a representation."""

    public_url: str
    port: int
    log_level: str
    data: Path
    session_key: bytes = field(repr=False)


def read(env: Mapping[str, str]) -> Config:
    """Read the configuration; ConfigError lists every problem at once."""
    problems = []
    url = env.get("PUBLIC_URL", "").rstrip("/")
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        problems.append("PUBLIC_URL is not an http or https URL")
    port = env.get("PORT", "8080")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        problems.append(f"PORT is not a port: {port}")
    level = env.get("LOG_LEVEL", "info").lower()
    if level not in LEVELS:
        problems.append(f"LOG_LEVEL is none of {', '.join(LEVELS)}: {level}")
    data = Path(env.get("DATA_DIR", "/data"))
    if not data.is_dir():
        problems.append(f"DATA_DIR is not a directory: {data}")
    file = Path(env.get("SESSION_KEY_FILE", "/run/secrets/session-key"))
    key = b""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        problems.append(f"the session key cannot be read: {file}: {error.strerror}")
    else:
        if len(key) < SHORTEST_KEY:
            problems.append(f"the session key in {file} is shorter than {SHORTEST_KEY} bytes")
    if problems:
        raise ConfigError(problems)
    return Config(url, int(port), level, data, key)
