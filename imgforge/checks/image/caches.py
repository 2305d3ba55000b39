"""IF072: package lists and caches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import FILE, ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.budget import megabytes
from imgforge.checks.image.layers import still_shipped
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF072",
    Severity.LOW,
    "Package lists or caches are shipped",
    why="They make the image larger for everybody who pulls it, and they go stale: packages that"
    " are installed later from old lists are those that have been fixed since. Removing them in a"
    " later step hides them and ships them all the same.",
    remedy="Remove them in the step that makes them, or keep them in a cache mount.",
    example="RUN apt-get update && apt-get install -y curl\nRUN rm -rf /var/lib/apt/lists/*   # too"
    " late\n\nRUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt",
    references=(
        "hadolint DL3009, DL3019, DL3032, DL3040, DL3042 and DL3060",
        "Trivy DS-0019 and DS-0020",
        "Dockle DKL-DI-0004 and DKL-DI-0005",
    ),
)

_CACHES: Final = {
    "var/lib/apt/lists": "package lists of apt",
    "var/cache/apt": "a cache of apt",
    "var/cache/apk": "a cache of apk",
    "etc/apk/cache": "a cache of apk",
    "var/cache/dnf": "a cache of dnf",
    "var/cache/libdnf5": "a cache of dnf",
    "var/cache/yum": "a cache of yum",
    "var/cache/zypp": "a cache of zypper",
    "var/cache/pacman": "a cache of pacman",
    "usr/local/share/.cache": "a cache of yarn",
    "go/pkg/mod/cache": "a cache of Go",
    "usr/local/cargo/registry": "a cache of cargo",
}
_HOME_CACHES: Final = {
    ".cache/pip": "a cache of pip",
    ".cache/uv": "a cache of uv",
    ".cache/pypoetry": "a cache of Poetry",
    ".cache/go-build": "a cache of Go",
    ".cache/yarn": "a cache of yarn",
    ".cache/pnpm": "a cache of pnpm",
    ".cache/node-gyp": "a cache of node-gyp",
    ".cache/composer": "a cache of Composer",
    ".cache/huggingface/datasets": "a cache of data sets",
    ".npm": "a cache of npm",
    ".yarn/cache": "a cache of yarn",
    ".cargo/registry": "a cache of cargo",
    ".m2/repository": "a cache of Maven",
    ".gradle/caches": "a cache of Gradle",
    ".ivy2/cache": "a cache of Ivy",
    ".composer/cache": "a cache of Composer",
    ".bundle/cache": "a cache of Bundler",
    ".gem/specs": "a cache of RubyGems",
    ".nuget/packages": "a cache of NuGet",
    ".conda/pkgs": "a cache of conda",
}
_HOME: Final = re.compile(r"(?:root|home/[^/]+)/")
_PACKAGES: Final = (".deb", ".apk", ".rpm", ".crate")
_FIRST: Final = frozenset({place.split("/")[0] for place in _CACHES} | {"root", "home"})
_KEPT: Final = frozenset({"lock", ".keep", ".gitkeep", "CACHEDIR.TAG"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Add up each cache in the final file system, and in each layer what later ones hide."""
    roots = tuple(place + "/" for place in _caches(image))
    yield from _visible(image, roots)
    yield from _package_files(image, roots)
    yield from _hidden(image)


def _visible(image: ImageFacts, roots: tuple[str, ...]) -> Iterator[Finding]:
    seen: dict[str, tuple[int, int]] = {}
    if roots:
        for path, fact in image.files.items():
            if path.startswith(roots) and fact.kind == FILE:
                _count(seen, path, fact.size)
    for place, sums in seen.items():
        yield RULE.finding(_said(place, *sums), path=place)


def _hidden(image: ImageFacts) -> Iterator[Finding]:
    seen: dict[int, dict[str, tuple[int, int]]] = {}
    for index, entry in image.hidden:
        _count(seen.setdefault(index, {}), entry.path, entry.size)
    for index, places in seen.items():
        for place, sums in places.items():
            message = _said(place, *sums) + still_shipped(image, index)
            layer = image.layers[index].digest
            yield RULE.finding(message, path=place, layer=layer, key=f"layer{index}")


def _package_files(image: ImageFacts, roots: tuple[str, ...]) -> Iterator[Finding]:
    for name in image.ending(*_PACKAGES):
        for path in image.named(name):
            fact = image.files[path]
            if fact.kind == FILE and fact.size and not path.startswith(roots):
                message = f"/{path} is a package file ({megabytes(fact.size)})"
                yield RULE.finding(message, path=path)


def _said(place: str, count: int, size: int) -> str:
    files = "file" if count == 1 else "files"
    return f"/{place} is {_what(place)}: {count} {files}, {megabytes(size)}"


def _caches(image: ImageFacts) -> Iterator[str]:
    """Yield the caches that are there at all: most images have none, and need no count."""
    homes = ["root", *_children(image, "home")]
    yield from (place for place in _CACHES if place in image.files)
    yield from (
        f"{home}/{place}"
        for home in homes
        for place in _HOME_CACHES
        if f"{home}/{place}" in image.files
    )


def _children(image: ImageFacts, folder: str) -> Iterator[str]:
    start = f"{folder}/"
    if folder in image.files:
        yield from (p for p in image.files if p.startswith(start) and "/" not in p[len(start) :])


def _count(seen: dict[str, tuple[int, int]], path: str, size: int) -> None:
    """Add a file to its cache; locks and empty files are part of none."""
    if not size or path[path.rfind("/") + 1 :] in _KEPT:
        return
    place = _place(path)
    if place:
        count, total = seen.get(place, (0, 0))
        seen[place] = (count + 1, total + size)


def _place(path: str) -> str:
    """Return the cache that ``path`` is in, or nothing."""
    if path[: path.find("/")] not in _FIRST:
        return ""
    for place in _CACHES:
        if path.startswith(place + "/"):
            return place
    home = _HOME.match(path)
    if home is None:
        return ""
    rest = path[home.end() :]
    found = next((place for place in _HOME_CACHES if rest.startswith(f"{place}/")), "")
    return f"{home[0]}{found}" if found else ""


def _what(place: str) -> str:
    if place in _CACHES:
        return _CACHES[place]
    return _HOME_CACHES[_HOME.sub("", place, count=1)]
