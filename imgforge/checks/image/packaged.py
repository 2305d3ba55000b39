"""Telling files of public packages from those that somebody wrote for this image."""

from __future__ import annotations

import re
from typing import Final

from imgforge.analysis.facts import ImageFacts

_TREES: Final = re.compile(
    r"/(?:node_modules|site-packages|dist-packages|gems|go/pkg/mod|\.cargo/registry|\.m2/repository"
    r"|composer/vendor|usr/local/go|usr/lib/go[^/]*|python[23]\.[0-9]+|pypy[0-9.]+)/"
)
_DISTRIBUTED: Final = re.compile(
    r"usr/(?:share/(?:doc|man|info|go-[0-9.]+|nodejs|perl5?|php|ruby[^/]*|rubygems[^/]*|java|python3)"
    r"|lib/(?:go-[0-9.]+|ruby|python3))/"
)
_TESTS: Final = re.compile(
    r"(?:^|/)(?:(?:test|tests|testing|testdata|test_data|test-data|fixtures|__tests__|spec"
    r"|test-fixtures|testfiles|test_certs|test-certs|test-resources)/"
    r"|[^/]+_test\.go$|test_[^/]+\.py$|[^/]+\.(?:test|spec)\.[cm]?[jt]sx?$)"
)
_DOCUMENTS: Final = re.compile(
    r"(?i)(?:^|/)(?:(?:docs?|examples?|man|info)/|(?:readme|changelog|changes|history|news)[^/]*$"
    r"|[^/]+\.(?:md|mdx|rst|markdown)$)"
)


def sites(image: ImageFacts) -> tuple[str, ...]:
    """Return where Python packages are installed, each with a trailing slash."""
    records = {p.paths[0] for p in image.packages if p.ecosystem == "pypi"}
    return tuple({path.rsplit("/", 2)[0] + "/" for path in records if path.count("/") > 1})


def packaged(path: str, installed: tuple[str, ...]) -> bool:
    """Whether ``path`` lies where package managers put packages; ``installed`` is ``sites()``."""
    return _TREES.search(f"/{path}") is not None or path.startswith(installed)


def distributed(path: str) -> bool:
    """Whether ``path`` lies where only a distribution's packages put files, never a build."""
    return _DISTRIBUTED.match(path) is not None


def for_tests(path: str) -> bool:
    """Whether a directory of ``path``, or the file, is called as those with tests are."""
    return _TESTS.search(path) is not None


def documents(path: str) -> bool:
    """Whether ``path`` is that of documentation."""
    return _DOCUMENTS.search(path) is not None
