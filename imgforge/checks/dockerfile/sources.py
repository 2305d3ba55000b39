"""What ADD and COPY may take: files, URLs, repositories."""

from __future__ import annotations

import re


def is_remote(source: str) -> bool:
    """Whether ADD fetches ``source`` from elsewhere."""
    return re.match(r"(?i)(?:https?|ftp)://", source) is not None or is_repository(source)


def is_repository(source: str) -> bool:
    """Whether ADD takes ``source`` for a git repository (BuildKit's ``dfgitutil``)."""
    if re.match(r"(?i)(?:git|ssh)://|git@[^/:\s]+:", source):
        return True
    return re.match(r"(?i)https?://[^#?\s]+\.git(?:[#?].*)?$", source) is not None


def shown(source: str) -> str:
    """Return ``source`` without the credentials and query that a URL may hold."""
    return re.sub(r"^([a-z+]+://)[^/@]*@", r"\1", source.partition("?")[0], flags=re.IGNORECASE)
