"""Which stack an image that a Dockerfile begins with stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_STACKS: Final = {
    "python": "python",
    "pypy": "python",
    "uv": "python",
    "node": "node",
    "bun": "node",
    "golang": "go",
    "go": "go",
    "rust": "rust",
    "eclipse-temurin": "java",
    "openjdk": "java",
    "amazoncorretto": "java",
    "corretto": "java",
    "jdk": "java",
    "jre": "java",
    "ibm-semeru-runtimes": "java",
    "maven": "java",
    "gradle": "java",
    "ruby": "ruby",
    "rails": "ruby",
    "php": "php",
    "composer": "php",
    "nginx": "static",
    "nginx-unprivileged": "static",
    "httpd": "static",
    "caddy": "static",
}
"""Last part of a repository's name → stack."""

_DISTROLESS: Final = re.compile(r"(python|nodejs|java)(\d*)(?:-debian\d+)?")
_LANGUAGES: Final = {"python": "python", "nodejs": "node", "java": "java"}
PLAIN: Final = frozenset(
    {"scratch", "alpine", "debian", "ubuntu", "busybox", "static", "base", "cc", "distroless"}
)
"""Images that say nothing of what runs on them."""


_WORDS: Final = {
    "python": ("python", "uvicorn", "gunicorn", "fastapi", "django", "flask", "uwsgi"),
    "php": ("php", "frankenphp", "laravel", "symfony"),
    "java": ("java", "jdk", "jre", "openjdk", "maven", "gradle", "quarkus"),
    "rust": ("rust", "cargo"),
    "ruby": ("ruby", "rails", "passenger"),
    "go": ("go", "golang"),
    "node": ("node", "nodejs", "nextjs"),
}
"""Stack → words in the names of images that others made for it; the first that fits counts."""


class Origin(NamedTuple):
    """A stack and the runtime version that the image's tag names; empty if it names none."""

    stack: str
    version: str = ""


def origin(image: str) -> Origin | None:
    """Return what ``image`` (``registry/name:tag@digest``) is the base of; None if it tells not."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    found = _DISTROLESS.fullmatch(name)
    if found and "distroless" in image:
        return Origin(_LANGUAGES[found[1]], found[2] if found[1] != "python" else "")
    stack = _STACKS.get(name)
    if stack is None:
        return None
    number = re.search(r"(?<![a-z])\d+(?:\.\d+)*", tag) if stack != "static" else None
    if name in {"maven", "gradle"}:  # their own version comes first
        number = re.search(r"(?<=jdk)\d+|(?<=temurin-)\d+|(?<=openjdk-)\d+", tag)
    elif name in {"uv", "bun", "composer", "rails"}:
        number = re.search(r"(?<=python)\d+(?:\.\d+)*", tag) if name == "uv" else None
    return Origin(stack, number[0] if number else "")


def guessed(image: str) -> Origin | None:
    """Return what the words in an image's name and tag speak of; None if they tell nothing."""
    path, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    owner = image.partition("@")[0].rpartition("/")[0].rpartition("/")[2]
    for said in (path, tag, owner):
        words = re.findall(r"[a-z]+", said.lower())
        for stack, names in _WORDS.items():
            if any(name in words for name in names):
                text = f"{path}:{tag}".lower()
                found = re.search(rf"(?<![a-z])(?:{'|'.join(names)})-?(\d+(?:\.\d+)*)", text)
                return Origin(stack, found[1] if found else "")
    return None


def offered(version: str, versions: Iterable[str]) -> str:
    """Return the version of a stack that stands for ``version``: the same, or of the same line.

    ``3.12.4`` is served by ``3.12`` alone, ``22.11.0`` by ``22``, and ``3`` by the newest that
    begins so; empty if nothing is.
    """
    parts = version.split(".")
    names = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    known = sorted(versions, key=len, reverse=True)
    newest = sorted((v for v in known if v.startswith(f"{version}.")), key=_numbers, reverse=True)
    return next((v for v in (*known, *newest) if v in {*names, *newest}), "")


def nearest(version: str, versions: Iterable[str]) -> str:
    """Return the first of a stack's versions that is newer than ``version``; empty if none is."""
    said = _numbers(version)
    newer = [v for v in versions if _numbers(v) > said]
    return min(newer, key=_numbers, default="")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version))


def plain(image: str) -> bool:
    """Whether ``image`` says nothing of what runs on it."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return name in PLAIN or name.startswith(("static-", "base-", "cc-"))
